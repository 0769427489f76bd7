"""The optional password of the dashboard, for a machine that several people use: only its hash is stored.

Reference:
    RFC 7914 (scrypt).
"""

import base64
import hashlib
import hmac
import json
import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from kerasface.files.parsing import json_of
from kerasface.files.writing import write_atomically
from kerasface.gallery.keys import key_path
from kerasface.terminal.streams import printable

SHORTEST, _LONGEST = 8, 1024  # characters
# 32 MiB and about a tenth of a second for each guess.
_COST, _BLOCK_SIZE, _PARALLEL = 2**15, 8, 1
_SALT_BYTES, _HASH_BYTES = 16, 32
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0  # seconds after a wrong password; each further one in a row doubles them


class PasswordFileError(RuntimeError):
    """The file of the password cannot be read: nobody is let in."""


class TooEarlyError(RuntimeError):
    """A password was given before the wait after the last wrong one was over; it was not looked at.

    Attributes:
        seconds: What is left of the wait.
    """

    def __init__(self, seconds: float):
        super().__init__(
            f"A wrong password was given a moment ago, here or in another browser. Try again in {math.ceil(seconds)} s."
        )
        self.seconds = seconds


class Door:
    """Lets in who knows the password, and everybody else guess one at a time, ever more slowly.

    There is one wait for all: however many browsers guess at once, one password is looked at, and after a wrong one
    none before the wait is over. It grows to `LONGEST_WAIT` only: other people's guesses lock nobody out for good.

    Args:
        clock: Seconds that only go up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._wait = 0.0
        self._not_before = -float("inf")

    @property
    def seconds_left(self) -> float:
        """Seconds until a password is looked at again; 0 where it is at once."""
        return max(0.0, self._not_before - self._clock())

    def opens_to(self, password: str) -> bool:
        """Returns whether this is the password.

        Raises:
            TooEarlyError: If the wait after a wrong one is not over.
            PasswordFileError: As of `check_password`.
        """
        with self._lock:
            if seconds := self.seconds_left:
                raise TooEarlyError(seconds)
            right = check_password(password)
            self._wait = 0.0 if right else min(max(FIRST_WAIT, 2 * self._wait), LONGEST_WAIT)
            self._not_before = self._clock() + self._wait
            return right


# One for the process. Not in a cache of Streamlit, which any browser may ask to be emptied, password or not.
DOOR = Door()


def password_path() -> Path:
    """Returns where the hash lies: `kerasface/dashboard.password` in the user's configuration folder."""
    return key_path().with_name("dashboard.password")


def password_mark() -> str | None:
    """Returns what tells this password from an earlier one, and says nothing of either; `None` where none is set.

    Where the file cannot be read, the mark is one that nobody was given.
    """
    try:
        return hashlib.sha256(password_path().read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    except OSError:
        return os.urandom(16).hex()


def set_password(password: str) -> Path:
    """Stores the hash of a password; the dashboard asks for it from now on.

    Args:
        password: At least 8 characters.

    Returns:
        The file, which only its owner can read.

    Raises:
        ValueError: If it is shorter, longer than 1,024, or no text.
        OSError: If the file cannot be written.
    """
    if len(password) < SHORTEST:
        raise ValueError(
            f"A password needs at least {SHORTEST} characters. Received: {len(password)}. Take a longer one."
        )
    if len(password) > _LONGEST:
        raise ValueError(
            f"A password has at most {_LONGEST} characters. Received: {len(password)}. Take a shorter one."
        )
    if printable(password) != password:
        raise ValueError("A password must be text. Received: bytes that are none in this terminal's encoding.")
    salt = os.urandom(_SALT_BYTES)
    record = {"scrypt": [_COST, _BLOCK_SIZE, _PARALLEL]}
    record |= {"salt": _text(salt), "hash": _text(_hashed(password, salt, (_COST, _BLOCK_SIZE, _PARALLEL)))}
    path = password_path()
    write_atomically(path, json.dumps(record).encode(), private=True)
    return path


def clear_password() -> bool:
    """Takes the password away; returns whether there was one.

    Raises:
        OSError: If the file cannot be removed.
    """
    with suppress(FileNotFoundError):
        password_path().unlink()
        return True
    return False


def check_password(password: str) -> bool:
    """Returns whether this is the password.

    Raises:
        PasswordFileError: If the file is missing, damaged or cannot be read.
    """
    path = password_path()
    if len(password) > _LONGEST:
        return False
    try:
        record = json_of(path.read_bytes())
        salt, expected = (base64.b64decode(record[name], validate=True) for name in ("salt", "hash"))
        cost, block_size, parallel = (int(value) for value in record["scrypt"])
        found = _hashed(password, salt, (cost, block_size, parallel))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PasswordFileError(
            f"The password's file {path} cannot be read ({type(error).__name__}). "
            "Set the password again: kerasface password set"
        ) from error
    return hmac.compare_digest(found, expected)


def _hashed(password: str, salt: bytes, costs: tuple[int, int, int]) -> bytes:
    cost, block_size, parallel = costs
    return hashlib.scrypt(
        password.encode(),
        salt=salt,
        n=cost,
        r=block_size,
        p=parallel,
        maxmem=2 * 128 * cost * block_size,
        dklen=_HASH_BYTES,
    )


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
