"""All templates of a gallery made anew by another embedder."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np

from kerasface.gallery.checks import checked_embeddings
from kerasface.gallery.database import Database
from kerasface.gallery.rows import Rows
from kerasface.gallery.store import Sample


def reembed(
    database: Database,
    rows: Rows,
    transaction: Callable[[], AbstractContextManager[sqlite3.Connection]],
    embedder: str,
    embedding_dim: int,
    embeddings_of: Callable[[list[Sample]], np.ndarray],
    batch_size: int,
) -> Rows:
    """Replaces all templates at once; see `SqliteGallery.reembed`.

    Returns:
        What reads the new templates.
    """
    if not embedder or embedding_dim < 1 or batch_size < 1:
        raise ValueError(
            "The fingerprint of an embedder, embedding_dim >= 1 and batch_size >= 1 are needed. "
            f"Received: embedder={embedder!r}, embedding_dim={embedding_dim}, batch_size={batch_size}."
        )

    def embedded_after(sample_id: int) -> Iterator[tuple[int, np.ndarray]]:
        while True:
            with database.read() as connection:
                batch = rows.samples_after(connection, sample_id, batch_size)
            if not batch:
                return
            embeddings = checked_embeddings(embeddings_of(batch), len(batch), embedding_dim)
            yield from zip((sample.sample_id for sample in batch), embeddings, strict=True)
            sample_id = batch[-1].sample_id

    computed = dict(embedded_after(0))
    try:
        database.write_copy()
        with transaction() as connection:
            computed.update(embedded_after(max(computed, default=0)))  # what was enrolled meanwhile
            new_rows = rows.reembed(connection, embedder, embedding_dim, computed)
            database.leave_no_traces()
    except BaseException:
        # The transaction undid everything: the gallery itself is what the copy is.
        database.copy_path.unlink(missing_ok=True)
        raise
    return new_rows
