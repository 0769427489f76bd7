"""Files of others: only regular ones are opened, as a pipe would be waited for, and no more is read than may be."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Opens a file for reading.

    Raises:
        OSError: If it cannot be, or is a pipe, a socket or a device.
    """
    # Not to be waited for while it is opened; of a regular file it changes nothing.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", os.fspath(path))
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | os.PathLike, most: int = 2**26) -> bytes:
    """Returns the content of a file.

    Args:
        path: The file.
        most: Bytes that it may have.

    Raises:
        OSError: As `open_regular`.
        ValueError: If it is larger.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{Path(path).name} is larger than {most:,} bytes")
    return content
