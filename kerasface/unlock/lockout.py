"""How often somebody may try: failures are counted on disk, and after five of them it takes longer and longer.

The rule (after NIST SP 800-63B, 5.2.3): the fifth failure in a row costs 30 s, each further one twice as much up to an
hour, and after 50 unlocking is off until it is turned on again from the command line. Unlocking for good counts back to
zero. A failure is counted when an attempt begins and taken back when it succeeds, so ending the program saves nothing.

Waiting is measured on the clock that runs from the start of the machine, which nobody can set; after a restart only the
time since then counts. The file is signed with a key derived from the gallery's key, and renamed into place: whoever
alters or removes it turns unlocking off. The gallery's seal says how often the file was changed for it, so an older
copy of the file, or one of another folder, turns it off as well; an older copy of both is noticed as the gallery is
(`gallery.sealing.latest`). Who puts back all of the user's files is not kept out by this.
"""

import base64
import hmac
import json
import math
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kerasface.files.parsing import json_of
from kerasface.files.writing import sync_path, write_atomically
from kerasface.gallery.keys import key_path, load_key
from kerasface.gallery.sqlite.locking import locked
from kerasface.gallery.store import GalleryError
from kerasface.unlock.states import State

if TYPE_CHECKING:
    from kerasface.gallery.gallery import Gallery

FREE_FAILURES = 5
FIRST_WAIT = 30.0  # seconds
LONGEST_WAIT = 3600.0
MAX_FAILURES = 50
_LOCK_SECONDS = 10.0
ENABLE = "Turn it on: kerasface unlock --enable NAME"


class LockoutError(RuntimeError):
    """Unlocking is not possible now.

    Attributes:
        cause: In one word.
        state: The state that this puts an attempt in.
    """

    cause = "unavailable"
    state = State.REFUSED


class NotEnabledError(LockoutError):
    """Nobody turned unlocking on for this person, or the file that says so is gone or was altered."""

    cause = "not_enabled"


class LockedOutError(LockoutError):
    """Too many attempts failed.

    Attributes:
        seconds_left: Until the next attempt; infinite where only `enable` helps.
    """

    cause = "locked_out"
    state = State.LOCKED_OUT

    def __init__(self, message: str, seconds_left: float):
        super().__init__(message)
        self.seconds_left = seconds_left


def state_path() -> Path:
    """Returns where failures are counted: `kerasface/unlock.json` in the user's configuration folder."""
    return key_path().with_name("unlock.json")


class Lockout:
    """Counts the failures of people; processes and threads may use one file at once.

    Args:
        path: The file; `state_path()` if not given.
        key: The gallery's key, 32 bytes; the user's if not given.
        clock: Seconds on a clock that nobody can set and all processes share.
        gallery: The open gallery of the people, whose seal tells an older copy of the file; without one that is not
            noticed.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        key: bytes | None = None,
        clock: Callable[[], float] = time.monotonic,
        gallery: "Gallery | None" = None,
    ):
        self.path = path or state_path()
        self._key, self._clock, self._gallery = key, clock, gallery

    def check(self, person_ids: Collection[str]) -> None:
        """Raises what `begin` would raise, and changes nothing."""
        people = self._read(self._signing_key())["people"]
        for person_id in person_ids:
            self._admit(people, person_id)

    def begin(self, person_ids: Collection[str]) -> None:
        """Counts a failure of each person; call it before anything of an attempt is judged.

        Args:
            person_ids: Whoever the attempt could unlock for: an attempt for anybody counts for everybody.

        Raises:
            NotEnabledError: If unlocking is off for one of them, or the file is missing or was altered.
            LockedOutError: If one of them may not try now.
            LockoutError: If the file or the key cannot be read or written.
        """
        with self._changing() as people:
            for person_id in person_ids:
                self._admit(people, person_id)
            for person_id in person_ids:
                entry = people[person_id]
                entry["failures"] += 1
                entry["wait"] = wait_after(entry["failures"])
                entry["since"] = self._clock()

    def succeed(self, person_ids: Collection[str], person_id: str) -> None:
        """Takes back what `begin` counted: all failures of whom it was unlocked for, this one of the others."""
        with self._changing() as people:
            for other in person_ids:
                entry = people[other]
                entry["failures"] = 0 if other == person_id else max(entry["failures"] - 1, 0)
                entry["wait"] = 0.0

    def enable(self, person_id: str) -> None:
        """Turns unlocking on for a person, with no failures; a file that was altered is written anew.

        Raises:
            LockoutError: If the file or the key cannot be read or written.
        """
        with self._changing(anew=True) as people:
            people[person_id] = {"failures": 0, "wait": 0.0, "since": self._clock()}

    def is_known(self, person_id: str) -> bool:
        """Whether unlocking was turned on for a person, be it locked out or not."""
        try:
            return person_id in self._read(self._signing_key())["people"]
        except NotEnabledError:
            return False

    def seconds_left(self, person_id: str) -> float:
        """Returns after how many seconds the person may try; 0 for now, infinite where unlocking is off."""
        try:
            self.check([person_id])
        except LockedOutError as error:
            return error.seconds_left
        except NotEnabledError:
            return math.inf
        return 0.0

    def _admit(self, people: dict, person_id: str) -> None:
        entry = people.get(person_id)
        if entry is None:
            raise NotEnabledError(f"Unlocking is not turned on for this person. {ENABLE}")
        if entry["failures"] >= MAX_FAILURES:
            raise LockedOutError(f"{MAX_FAILURES} attempts failed in a row: unlocking is off. {ENABLE}", math.inf)
        passed = self._clock() - entry["since"]
        # Below zero: the machine was started since then, and nothing is known but the time since its start.
        left = entry["wait"] - (passed if passed >= 0 else max(self._clock(), 0.0))
        if left > 0:
            raise LockedOutError(
                f"{entry['failures']} attempts failed in a row. Try again in {math.ceil(left)} s.", left
            )

    @contextmanager
    def _changing(self, *, anew: bool = False) -> Iterator[dict]:
        """Gives the counts to change, and writes them; others wait meanwhile."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with locked(self.path, _LOCK_SECONDS):
                key = self._signing_key()
                try:
                    state = self._read(key)
                except NotEnabledError:
                    if not anew:
                        raise
                    state = {"people": {}, "turns": {}}
                yield state["people"]
                # The gallery first: where it ends here, unlocking is off, not the attempt uncounted.
                if self._gallery is not None:
                    state["turns"][self._gallery.gallery_id] = self._gallery.turn_unlock()
                write_atomically(self.path, _signed(state, key))
                sync_path(self.path.parent)
        except (OSError, GalleryError) as error:
            raise LockoutError(f"The file that counts attempts cannot be written: {self.path}: {error}") from error

    def _read(self, key: bytes) -> dict:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError as error:
            raise NotEnabledError(f"Unlocking is turned on for nobody: {self.path} does not exist. {ENABLE}") from error
        except OSError as error:
            raise LockoutError(
                f"The file that counts attempts cannot be read: {self.path}: {error.strerror}."
            ) from error
        state = _opened(content, key)
        if state is None:
            raise NotEnabledError(
                f"The file that counts attempts was altered, or belongs to another gallery key: {self.path}. {ENABLE}"
            )
        if "turns" not in state:  # as versions before wrote it
            state = {"people": state, "turns": {}}
        self._check_turn(state["turns"])
        return state

    def _check_turn(self, turns: dict) -> None:
        if self._gallery is None:
            return
        try:
            turn = self._gallery.unlock_turn
        except GalleryError as error:
            raise LockoutError(f"Whether attempts were counted cannot be read from the gallery: {error}") from error
        if turns.get(self._gallery.gallery_id, 0) < turn:
            raise NotEnabledError(
                f"The file that counts attempts is an older copy, or one of another folder: {self.path}. {ENABLE}"
            )

    def _signing_key(self) -> bytes:
        try:
            key = load_key(create=False) if self._key is None else self._key
        except GalleryError as error:
            raise LockoutError(str(error)) from error
        return HKDF(SHA256(), 32, salt=None, info=b"kerasface unlock: count of attempts").derive(key)


def wait_after(failures: int) -> float:
    """Returns the seconds to wait after so many failures in a row."""
    if failures < FREE_FAILURES:
        return 0.0
    return min(FIRST_WAIT * 2.0 ** (failures - FREE_FAILURES), LONGEST_WAIT)


def _signed(state: dict, key: bytes) -> bytes:
    text = json.dumps(state, sort_keys=True, allow_nan=False)
    return (json.dumps({"people": text, "signature": _signature(text, key)}) + "\n").encode()


def _opened(content: bytes, key: bytes) -> dict | None:
    """The counts, or `None` if they are not as they were signed."""
    try:
        record = json_of(content)
        text, signature = record["people"], record["signature"]
        if not hmac.compare_digest(_signature(text, key), signature):
            return None
        return json_of(text)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _signature(text: str, key: bytes) -> str:
    return base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
