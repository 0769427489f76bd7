"""Small pictures of faces, sealed in their samples, where the gallery's owner has turned that on.

They are off by default: a template shows nobody, whereas whoever gets hold of a gallery with pictures, and of its key,
sees everybody in it. Whether they are kept is the last word of the history on it. They come and go with their samples.
"""

from collections.abc import Mapping

from kerasface.gallery.checks import checked_thumbnail
from kerasface.gallery.connections import Connection
from kerasface.gallery.rows import Rows
from kerasface.gallery.store import GalleryDamagedError

_KEEP, _DROP = "keep_thumbnails", "drop_thumbnails"
_WORDS = {_KEEP: "small pictures of faces are kept", _DROP: "no pictures of faces are kept"}


def are_kept(connection: Connection, rows: Rows) -> bool:
    """Whether pictures of faces are kept.

    Raises:
        GalleryDamagedError: If somebody without the key made the history say so.
    """
    row = connection.execute(
        "SELECT number, action, sealed FROM changes WHERE action IN (?, ?) ORDER BY number DESC LIMIT 1", (_KEEP, _DROP)
    ).fetchone()
    if row is None:
        return False
    number, action, sealed = row
    if sealed is None or rows.keys.open(sealed, "change", number) != _WORDS[action]:
        raise GalleryDamagedError(
            "Whether pictures of faces are kept was altered by somebody without the key. "
            "`kerasface people thumbnails off` removes all there are, and `on` keeps them."
        )
    return action == _KEEP


def keep(connection: Connection, rows: Rows) -> None:
    """Turns it on: samples that are enrolled from now on keep their pictures."""
    rows.record(connection, _KEEP, None, _WORDS[_KEEP])


def drop(connection: Connection, rows: Rows) -> int:
    """Turns it off, and takes the pictures from all samples; returns how many there were."""
    rows.record(connection, _DROP, None, _WORDS[_DROP])
    count = 0
    for sample_id, sealed in connection.execute("SELECT sample_id, sealed FROM samples").fetchall():
        details = rows.keys.open(sealed, "sample", sample_id)
        if details.pop("thumbnail", None):
            _write(connection, rows, sample_id, details)
            count += 1
    return count


def add(connection: Connection, rows: Rows, pictures: Mapping[int, bytes]) -> int:
    """Gives samples their pictures, where they are kept; samples that are gone by now are passed over."""
    if not are_kept(connection, rows):
        return 0
    count = 0
    for sample_id, picture in pictures.items():
        row = connection.execute("SELECT sealed FROM samples WHERE sample_id = ?", (sample_id,)).fetchone()
        if row is not None:
            details = rows.keys.open(row[0], "sample", sample_id)
            _write(connection, rows, sample_id, details | {"thumbnail": checked_thumbnail(picture)})
            count += 1
    return count


def _write(connection: Connection, rows: Rows, sample_id: int, details: dict) -> None:
    sealed = rows.keys.seal(details, "sample", sample_id)
    connection.execute("UPDATE samples SET sealed = ? WHERE sample_id = ?", (sealed, sample_id))
