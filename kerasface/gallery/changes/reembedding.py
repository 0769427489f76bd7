"""All templates of a gallery made anew by another embedder, and that taken back."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, closing

import numpy as np

from kerasface.gallery.checks import checked_embeddings
from kerasface.gallery.database import Database
from kerasface.gallery.rows import FORGET_POINTS, Rows, version
from kerasface.gallery.store import GalleryError, Sample

Transaction = Callable[[], AbstractContextManager[sqlite3.Connection]]

_ACTION, _UNDONE = "reembed", "reembed_undone"


def reembed(
    database: Database,
    rows: Rows,
    transaction: Transaction,
    embedder: str,
    embedding_dim: int,
    embeddings_of: Callable[[list[Sample]], np.ndarray],
    left_out: Collection[int],
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
            sample_id = batch[-1].sample_id
            if wanted := [sample for sample in batch if sample.sample_id not in left_out]:
                embeddings = checked_embeddings(embeddings_of(wanted), len(wanted), embedding_dim)
                yield from zip((sample.sample_id for sample in wanted), embeddings, strict=True)

    computed = dict(embedded_after(0))
    try:
        database.write_copy()
        with transaction() as connection:
            computed.update(embedded_after(max([0, *computed, *left_out])))  # what was enrolled meanwhile
            new_rows = _replace(connection, rows, embedder, embedding_dim, computed)
    except BaseException:
        # The transaction undid everything: the gallery itself is what the copy is.
        database.copy_path.unlink(missing_ok=True)
        raise
    return new_rows


def undo(database: Database, rows: Rows, transaction: Transaction) -> Rows:
    """Puts the templates back that the last re-embedding replaced; see `SqliteGallery.undo_reembed`.

    Returns:
        What reads them.
    """
    copy = database.copy_path
    if not copy.is_file():
        raise GalleryError(
            f"No copy from before a re-embedding lies next to {database.path}: none was made, or a deletion has "
            "removed it since. Nothing was changed."
        )
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as former, transaction() as connection:
        gallery_id, embedder, embedding_dim = former.execute(
            "SELECT gallery_id, embedder, embedding_dim FROM gallery"
        ).fetchone()
        since = connection.execute("SELECT action FROM changes WHERE number > ?", (version(former),)).fetchall()
        others = {action for (action,) in since} - {_ACTION, FORGET_POINTS}
        if gallery_id != rows.keys.gallery_id or not since or others:
            raise GalleryError(
                f"The gallery {database.path} has been changed since it was re-embedded; taking that back would lose "
                "the changes. Nothing was changed. Re-embed it with the former embedder instead."
            )
        change = rows.record(connection, _UNDONE, None, f"back to {embedder}")
        samples = former.execute("SELECT sample_id, person, source_tag, template, sealed FROM samples").fetchall()
        connection.execute("DELETE FROM samples")
        connection.executemany("DELETE FROM removed WHERE sample_id = ?", [(row[0],) for row in samples])
        connection.executemany(
            "INSERT INTO samples (sample_id, person, changed, source_tag, template, sealed) VALUES (?, ?, ?, ?, ?, ?)",
            [(sample_id, person, change, *rest) for sample_id, person, *rest in samples],
        )
        former_rows = Rows(rows.keys.for_embedder(embedder), embedder, embedding_dim, rows.manifest)
        if (points := former_rows.own_points(former)) is not None:
            former_rows.keep_own_points(connection, points, "put back")
        connection.execute("UPDATE gallery SET embedder = ?, embedding_dim = ?", (embedder, embedding_dim))
        database.leave_no_traces()  # of the other templates; the copy goes with them
    return former_rows


def _replace(
    connection: sqlite3.Connection, rows: Rows, embedder: str, embedding_dim: int, embeddings: Mapping[int, np.ndarray]
) -> Rows:
    """Replaces all templates; samples without an embedding are removed."""
    change = rows.record(connection, _ACTION, None, f"from {rows.embedder} to {embedder}")
    if connection.execute("SELECT count(*) FROM own_points").fetchone() != (0,):
        rows.keep_own_points(connection, None, "thresholds of one's own were measured with another embedder")
    new_rows = Rows(rows.keys.for_embedder(embedder), embedder, embedding_dim, rows.manifest)
    for sample_id, person in connection.execute("SELECT sample_id, person FROM samples").fetchall():
        if sample_id not in embeddings:
            rows.delete_samples(connection, "sample_id", sample_id, change)
            continue
        template = embeddings[sample_id].astype("<f4").tobytes()
        connection.execute(
            "UPDATE samples SET changed = ?, template = ? WHERE sample_id = ?",
            (change, new_rows.keys.seal_template(template, sample_id, person), sample_id),
        )
    connection.execute("UPDATE gallery SET embedder = ?, embedding_dim = ?", (embedder, embedding_dim))
    return new_rows
