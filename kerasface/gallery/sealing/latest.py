"""What this machine has seen of a gallery: which state was the latest, so that an older one is noticed.

A file of its own in the user's configuration folder for every gallery at every place. It knows nothing of a gallery
that comes from elsewhere until that is used here for the first time; nor does it help where it is put back together
with the gallery.
"""

import hmac
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kerasface.gallery.keys import GalleryKeys, key_path
from kerasface.gallery.store import GalleryDamagedError

if TYPE_CHECKING:
    from kerasface.gallery.postgres.address import Address

_LINE = "{beat:020d} {state} {tag}\n"  # always as long as it was
_NUM_READS = 5  # at most: another process may be just writing it, and the file is empty until the first line is in it
_PAUSE = 0.01  # seconds between two reads


class GalleryOlderError(GalleryDamagedError):
    """The file is an older copy of the gallery than this machine has seen, or another copy with changes of its own."""


class Latest:
    """The latest state of the gallery at `path` that this machine has seen.

    Args:
        path: The gallery's file, links resolved, or its address.
        keys: The gallery's.
    """

    def __init__(self, path: "Path | Address", keys: GalleryKeys):
        self._gallery, self._keys = path, keys
        self._place = os.fsencode(str(path)).hex()
        self.path = key_path().with_name("galleries") / keys.tag("seen at", self._place).hex()

    def recall(self) -> tuple[int, str] | None:
        """Returns how often it had been sealed, and the stamp of that; `None` where it was never seen.

        Raises:
            GalleryOlderError: If what was noted is damaged.
        """
        for turn in range(_NUM_READS):
            if turn > 0:
                time.sleep(_PAUSE)
            try:
                line = self.path.read_bytes()
            except OSError:
                return None
            with suppress(ValueError):
                beat, state, tag = line.decode("ascii").split()
                if hmac.compare_digest(tag, self._tag(int(beat), state)):
                    return int(beat), state
        raise GalleryOlderError(
            f"What this machine has seen of the gallery {self._gallery} was altered or destroyed: {self.path}. "
            "Whether an older copy was put back is not known. If you put nothing back: kerasface people check --accept"
        )

    def note(self, beat: int, state: str) -> bool:
        """Notes a state; returns whether that could be written.

        In place, which loses nothing when power fails: the line is shorter than any sector of a disk.
        """
        line = _LINE.format(beat=beat, state=state, tag=self._tag(beat, state)).encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
            with open(descriptor, "wb", buffering=0) as file:
                file.write(line)
        except OSError:
            return False
        return True

    def forget(self) -> None:
        """Forgets that the gallery was ever seen."""
        self.path.unlink(missing_ok=True)

    def check(self, seen: tuple[int, str] | None, found: tuple[int, str]) -> None:
        """Refuses a state that is older than one that was seen before it was read.

        Raises:
            GalleryOlderError: If it is; the message says what to do.
        """
        if seen is None or found[0] > seen[0] or found == seen:
            return
        what = "an older copy of itself" if found[0] < seen[0] else "another copy of itself"
        raise GalleryOlderError(
            f"The gallery {self._gallery} is {what}: this machine has seen its change {seen[0]}"
            f"{f', it is at {found[0]}' if found[0] < seen[0] else ', it had another one'}. What was deleted, refused "
            "or withdrawn since may be in it. Restore the latest copy; if you put this one there yourself: "
            "kerasface people check --accept"
        )

    def _tag(self, beat: int, state: str) -> str:
        return self._keys.tag("seen", f"{beat} {state} {self._place}").hex()
