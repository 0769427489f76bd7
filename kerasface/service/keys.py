"""API keys: who may ask the service for what, and how often. Kept as hashes, in a file that only its owner reads."""

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from kerasface.files.locks import take_lock
from kerasface.files.parsing import json_of
from kerasface.files.writing import write_atomically
from kerasface.gallery.keys import key_path
from kerasface.terminal.streams import is_shown

SCOPES = {
    "read": "ask about photos, and see who is in the gallery",
    "enroll": "add people and photos of them",
    "admin": "rename and delete people, delete photos",
}
DEFAULT_RATE = 600  # requests a minute
_MARK = "kf_"
_LONGEST_NAME = 80
_PATIENCE = 10.0  # seconds for another process that changes the keys


class ApiKeyError(ValueError):
    """A key that cannot be made or found; the message says why."""


@dataclass(frozen=True)
class ApiKey:
    """One key, without itself.

    Attributes:
        name: Who has it.
        digest: SHA-256 of the key, hexadecimal. It is 32 random bytes, so nothing slower is needed.
        scopes: Of `SCOPES`.
        per_minute: How many requests it may make in a minute.
    """

    name: str
    digest: str
    scopes: tuple[str, ...]
    per_minute: int = DEFAULT_RATE


def keys_path() -> Path:
    """Returns where the keys lie: `kerasface/service.keys` in the user's configuration folder."""
    return key_path().with_name("service.keys")


def read_keys() -> list[ApiKey]:
    """Returns all keys.

    Raises:
        ApiKeyError: If their file is damaged.
    """
    path = keys_path()
    try:
        rows = json_of(path.read_bytes())
        return [ApiKey(**{**row, "scopes": tuple(row["scopes"])}) for row in rows]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError) as error:
        raise ApiKeyError(f"{path} holds no API keys. Delete it, and make the keys anew.") from error


def add_key(name: str, scopes: Sequence[str], per_minute: int = DEFAULT_RATE) -> str:
    """Makes a key; it is shown here and never again.

    Raises:
        ApiKeyError: If the name is taken or none, a scope unknown, or the rate below 1.
    """
    if not name.strip() or not is_shown(name) or name != name.strip() or len(name) > _LONGEST_NAME:
        raise ApiKeyError(f"A key needs a name of 1 to {_LONGEST_NAME} letters that can be shown. Received: {name!r}.")
    if not scopes or (unknown := set(scopes) - set(SCOPES)):
        received = ", ".join(sorted(unknown)) if scopes else "none"
        raise ApiKeyError(f"A key needs scopes of {', '.join(SCOPES)}. Received: {received}.")
    if per_minute < 1:
        raise ApiKeyError(f"A key needs a rate of at least 1 request a minute. Received: {per_minute}.")
    key = _MARK + secrets.token_urlsafe(32)
    with _changing() as keys:
        if any(entry.name == name for entry in keys):
            raise ApiKeyError(f"There is a key named {name} already. Revoke it, or choose another name.")
        keys.append(ApiKey(name, _digest(key), tuple(scope for scope in SCOPES if scope in scopes), per_minute))
    return key


def revoke_key(name: str) -> None:
    """Takes a key away; a service that runs refuses it within a second.

    Raises:
        ApiKeyError: If there is none of that name.
    """
    with _changing() as keys:
        left = [entry for entry in keys if entry.name != name]
        if len(left) == len(keys):
            raise ApiKeyError(f"There is no key named {name}. `kerasface keys list` names them.")
        keys[:] = left


@contextmanager
def _changing() -> Iterator[list[ApiKey]]:
    """The keys, to be changed inside the block and written at its end, by one process at a time."""
    path = keys_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = take_lock(path.with_suffix(".lock"), patience=_PATIENCE)
    if lock is None:
        raise ApiKeyError(f"Another process changes {path}. Try again.")
    with lock:
        keys = read_keys()
        yield keys
        write_atomically(path, json.dumps([asdict(entry) for entry in keys], indent=1).encode(), private=True)


class Gatekeeper:
    """Knows a key when it sees one, and counts how often it is used.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._lock = clock, threading.Lock()
        self._stamp, self._looked = None, float("-inf")
        self._keys: dict[str, ApiKey] = {}
        self._tokens: dict[str, tuple[float, float]] = {}  # digest to what is left, and when that was

    def find(self, key: str | None) -> ApiKey | None:
        """Returns whose key it is; keys that are made or revoked meanwhile are noticed within a second."""
        with self._lock:
            if self._clock() - self._looked >= 1:
                self._looked = self._clock()
                if (stamp := _stamp()) != self._stamp:
                    self._keys, self._stamp = {}, None  # where the file cannot be read, nobody has a key
                    self._keys, self._stamp = {entry.digest: entry for entry in read_keys()}, stamp
            return self._keys.get(_digest(key)) if key else None

    def seconds_to_wait(self, key: ApiKey) -> float:
        """Takes one request off what the key has left; returns 0, or the seconds after which it has one again."""
        with self._lock:
            now, rate = self._clock(), key.per_minute / 60
            left, since = self._tokens.get(key.digest, (float(key.per_minute), now))
            left = min(float(key.per_minute), left + (now - since) * rate)
            self._tokens[key.digest] = (left - 1 if left >= 1 else left), now
            return 0.0 if left >= 1 else (1 - left) / rate


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _stamp() -> tuple[int, int] | None:
    """What changes whenever the keys do."""
    try:
        found = keys_path().stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino
