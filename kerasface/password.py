"""The optional password of the dashboard, for a machine that several people use: only its hash is stored.

Reference:
    RFC 7914 (scrypt).
"""

import base64
import hashlib
import hmac
import json
import os
from contextlib import suppress
from pathlib import Path

from kerasface.gallery.keys import key_path

SHORTEST = 8  # characters
# 32 MiB and about a tenth of a second for each guess.
_COST, _BLOCK_SIZE, _PARALLEL = 2**15, 8, 1
_SALT_BYTES, _HASH_BYTES = 16, 32


class PasswordFileError(RuntimeError):
    """The file of the password cannot be read: nobody is let in."""


def password_path() -> Path:
    """Returns where the hash lies: `kerasface/dashboard.password` in the user's configuration folder."""
    return key_path().with_name("dashboard.password")


def is_password_set() -> bool:
    """Returns whether the dashboard asks for a password."""
    return password_path().exists()


def set_password(password: str) -> Path:
    """Stores the hash of a password; the dashboard asks for it from now on.

    Args:
        password: At least 8 characters.

    Returns:
        The file, which only its owner can read.

    Raises:
        ValueError: If it is shorter.
        OSError: If the file cannot be written.
    """
    if len(password) < SHORTEST:
        raise ValueError(
            f"A password needs at least {SHORTEST} characters. Received: {len(password)}. Take a longer one."
        )
    from kerasface.runs import write_atomically  # Keras, which the dashboard imports behind a sign of progress

    salt = os.urandom(_SALT_BYTES)
    record = {"scrypt": [_COST, _BLOCK_SIZE, _PARALLEL]}
    record |= {"salt": _text(salt), "hash": _text(_hashed(password, salt, (_COST, _BLOCK_SIZE, _PARALLEL)))}
    path = password_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(record).encode())
    path.chmod(0o600)
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
    try:
        record = json.loads(path.read_bytes())
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
