"""Zip files of others: what is counted before `zipfile` makes an object of each entry, and what it says of bad ones."""

import os
import struct
import zipfile
import zlib
from typing import BinaryIO

# What `zipfile` raises of a file that is cut or altered; and of one that is locked with a password, packed by an
# unknown method or in a newer version of the format: a `RuntimeError`, or one of its subclasses.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)

_MANY = 10_000  # entries
# Of the records at the end of an archive: lengths of an entry's name, extra fields and comment; sizes of the directory.
_ENTRY, _END, _WIDE_END = struct.Struct("<28x3H12x"), struct.Struct("<12xL6x"), struct.Struct("<40xQ28x")


def check_num_entries(file: BinaryIO, most: int) -> None:
    """Refuses a zip file with more entries than allowed; one that is damaged or none is left to `zipfile`.

    What its end record says of their number is not believed: they are gone through, as far as may be.

    Args:
        file: The open file.
        most: Entries that it may have, folders counted.

    Raises:
        ValueError: If it has more.
    """
    place, end = _directory(file)
    count = 0
    while place < end:
        file.seek(place)
        head = file.read(_ENTRY.size)
        if len(head) < _ENTRY.size or not head.startswith(b"PK\1\2"):
            return
        count += 1
        if count > most:
            raise ValueError(f"The archive has more files than allowed. Received: more than {most:,}.")
        place += _ENTRY.size + sum(_ENTRY.unpack(head))


def check_unpacked(file: BinaryIO, most: int) -> None:
    """Refuses a zip file whose entries are larger together than allowed; `zipfile` gives of none more than it says.

    Args:
        file: The open file; it is at its beginning again after.
        most: Bytes.

    Raises:
        ValueError: If they are, or there are thousands.
        zipfile.BadZipFile: If it is none.
    """
    check_num_entries(file, _MANY)
    with zipfile.ZipFile(file) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
    file.seek(0)
    if total > most:
        raise ValueError(f"It is larger than {most:,} bytes when it is unpacked.")


def _directory(file: BinaryIO) -> tuple[int, int]:
    """Where the directory of an archive begins and ends, as `zipfile` finds it: right before its end record."""
    length = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, length - _END.size - _WIDE_END.size - 0xFFFF))  # a comment may follow it
    tail = file.read()
    found = tail.rfind(b"PK\5\6")
    if found < 0 or len(tail) < found + _END.size:
        return 0, 0
    end, (size,) = found, _END.unpack_from(tail, found)
    before = found - _WIDE_END.size  # a record of its own, and where it stands, for archives beyond 4 GiB
    if before >= 0 and tail.startswith(b"PK\6\6", before) and tail.startswith(b"PK\6\7", found - 20):
        end, (size,) = before, _WIDE_END.unpack_from(tail, before)
    return max(0, start + end - size), start + end
