"""All templates of a gallery made anew by another embedder, and that taken back."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager

import numpy as np

from kerasface.gallery.checks import checked_embeddings
from kerasface.gallery.connections import Connection
from kerasface.gallery.database import Database
from kerasface.gallery.rows import FORGET_POINTS, Rows, version
from kerasface.gallery.store import GalleryError, Sample

Transaction = Callable[[], AbstractContextManager[Connection]]

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
    """Replaces all templates at once; see `Gallery.reembed`.

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
        database.drop_copy()
        raise
    return new_rows


def undo(database: Database, rows: Rows, transaction: Transaction) -> Rows:
    """Puts the templates back that the last re-embedding replaced; see `Gallery.undo_reembed`.

    Returns:
        What reads them.
    """
    with database.copy() as former:
        if former is None:
            raise GalleryError(
                f"No copy from before a re-embedding lies next to {database.path}: none was made, or a deletion has "
                "removed it since. Nothing was changed."
            )
        gallery_id, embedder, embedding_dim = former.execute(
            "SELECT gallery_id, embedder, embedding_dim FROM gallery"
        ).fetchone()
        former_rows = Rows(rows.keys.for_embedder(embedder), embedder, embedding_dim, rows.manifest)
        last = version(former)
        samples = former.execute("SELECT sample_id, person, source_tag, template, sealed FROM samples").fetchall()
        points = former_rows.own_points(former) if gallery_id == rows.keys.gallery_id else None
    with transaction() as connection:
        since = connection.execute("SELECT action FROM changes WHERE number > ?", (last,)).fetchall()
        others = {action for (action,) in since} - {_ACTION, FORGET_POINTS}
        if gallery_id != rows.keys.gallery_id or not since or others:
            raise GalleryError(
                f"The gallery {database.path} has been changed since it was re-embedded; taking that back would lose "
                "the changes. Nothing was changed. Re-embed it with the former embedder instead."
            )
        change = rows.record(connection, _UNDONE, None, f"back to {embedder}")
        connection.execute("DELETE FROM samples")
        connection.executemany("DELETE FROM removed WHERE sample_id = ?", [(row[0],) for row in samples])
        connection.executemany(
            "INSERT INTO samples (sample_id, person, changed, source_tag, template, sealed) VALUES (?, ?, ?, ?, ?, ?)",
            [(sample_id, person, change, *rest) for sample_id, person, *rest in samples],
        )
        if points is not None:
            former_rows.keep_own_points(connection, points, "put back")
        connection.execute("UPDATE gallery SET embedder = ?, embedding_dim = ?", (embedder, embedding_dim))
        database.leave_no_traces()  # of the other templates; the copy goes with them
    return former_rows


def _replace(
    connection: Connection, rows: Rows, embedder: str, embedding_dim: int, embeddings: Mapping[int, np.ndarray]
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
