"""The standard streams of a command line, whatever became of them: closed, full, unread, or not in UTF-8."""

import codecs
import errno
import io
import json
import math
import os
import re
import sys
import unicodedata
from contextlib import suppress

READER_GONE = 141  # 128 + SIGPIPE, as the shells report a program that a closed pipe has ended
NOT_TEXT = "kerasface.not_text"  # for `errors=` of whatever writes text: as `printable` has it
# What a terminal obeys instead of showing it, all but tab and line feed; and what turns the order of letters around.
_ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile("[\ud800-\udfff]+")


def use_standard_streams() -> None:
    """Makes stdin, stdout and stderr of this process usable for a command line; once more does nothing.

    One that is closed reads and writes nothing, so that no file that is opened later gets its number. What cannot be
    written to stdout ends the process: without a word where the reader has gone away, with a sentence on a full disk.
    Words on stderr that nobody can have are lost, and the work goes on. What a terminal would obey, in the name of a
    file for example, it shows: `\\x1b`.
    """
    open_closed_streams()
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
    for name, raw in (("stdout", _Results), ("stderr", _Words)):
        stream = getattr(sys, name)
        if stream is not None and stream is not getattr(sys, f"__{name}__"):  # somebody reads it in this process
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors=NOT_TEXT)
            continue
        encoding = "utf-8" if stream is None else stream.encoding
        if codecs.lookup(encoding).name == "ascii":  # a locale that nobody has set; Click and Python 3.15 do the same
            encoding = "utf-8"
        file = raw(1 if name == "stdout" else 2, "w", closefd=False)
        text = _Text(io.BufferedWriter(file), encoding, NOT_TEXT, line_buffering=True)
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)


def open_closed_streams() -> None:
    """Opens the null device in place of each standard stream that the process was started without."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one


def drawing_stream(stream: io.TextIOBase) -> io.TextIOBase:
    """Returns a stream of `use_standard_streams` as one that a terminal obeys, for what draws, such as a bar."""
    if not isinstance(stream, _Text):
        return stream
    return io.TextIOWrapper(_Kept(stream), stream.encoding, NOT_TEXT, write_through=True)


def flush_streams() -> None:
    """Writes what stdout and stderr hold back."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def printable(text: str | os.PathLike) -> str:
    r"""Returns text that can be written in UTF-8: bytes of a file's name that are no text appear as `\xe9`."""
    return _SURROGATES.sub(lambda found: _escaped(found.group()), os.fsdecode(text))


def is_shown(text: str) -> bool:
    """Whether a text can be shown as it stands: no control characters, no line breaks, no halves of letters."""
    return not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)


def to_json(content: object, *, indent: int | None = None) -> str:
    r"""Returns JSON that every strict reader takes: no NaN, and no half of a surrogate pair.

    A number that is not finite becomes `null`. Bytes of a file's name that are no text appear as `\xe9`, as
    `printable` has them.
    """
    return in_json(json.dumps(_finite(content), ensure_ascii=False, allow_nan=False, indent=indent))


def in_json(text: str) -> str:
    """Returns JSON as `printable` has it: what is no text stands inside of strings, where a backslash is doubled.

    What terminals obey is escaped as JSON has it, which says the same.
    """
    text = _ORDERS.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    return _SURROGATES.sub(lambda found: _escaped(found.group()).replace("\\", "\\\\"), text)


def print_json(content: object) -> None:
    """Prints JSON on stdout, in UTF-8 whatever the locale says."""
    sys.stdout.flush()
    sys.stdout.buffer.write(to_json(content).encode("utf-8") + b"\n")
    sys.stdout.flush()


class _Results(io.FileIO):
    """Stdout: who cannot write results has nothing more to do."""

    lost = False

    def write(self, content) -> int:
        if self.lost:
            return len(content)
        try:
            return super().write(content)
        except OSError as error:
            self.lost = True
            if error.errno in (errno.EPIPE, errno.ECONNRESET):
                raise SystemExit(READER_GONE) from error
            sys.stderr.write(f"Error: The results cannot be written to the standard output: {error.strerror}.\n")
            raise SystemExit(1) from error


class _Words(io.FileIO):
    """Stderr: progress and reasons, without which the work is worth as much."""

    def write(self, content) -> int:
        with suppress(OSError):
            return super().write(content)
        return len(content)


class _Text(io.TextIOWrapper):
    """What a terminal would obey is shown there; in files and pipes names stay as they are."""

    def write(self, text: str) -> int:
        orders = self.isatty() and _ORDERS.search(text)
        super().write(_ORDERS.sub(lambda found: repr(found.group())[1:-1], text) if orders else text)
        return len(text)


class _Kept(io.RawIOBase):
    """The bytes of a text stream, for another one that may go without closing it."""

    def __init__(self, stream: io.TextIOWrapper):
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, content) -> int:
        self._stream.flush()
        written = self._stream.buffer.write(content)
        self._stream.flush()
        return written

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def _escaped(surrogates: str) -> str:
    with suppress(UnicodeEncodeError):
        return surrogates.encode("ascii", "surrogateescape").decode("utf-8", "backslashreplace")
    return surrogates.encode("ascii", "backslashreplace").decode("ascii")


def _finite(content: object) -> object:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return content


def _replace_what_is_no_text(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    return printable(part).encode(error.encoding, "backslashreplace"), error.end


codecs.register_error(NOT_TEXT, _replace_what_is_no_text)
