"""Photos that are sent: read into memory, never to a disk, and never more than may be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from kerasface.files.parsing import json_of

MOST_BYTES = 40 * 2**20  # of a whole request
MOST_TOGETHER = 8 * MOST_BYTES  # of all that are under way: whoever has a key could fill the memory with them
_MOST_JSON = 2**16  # bytes
_MOST_FILES = 64
_LONGEST_NAME = 255  # letters of a file's name, as disks have them
_PATIENCE = 30.0  # seconds in which a request has to be there

Files = dict[str, list[tuple[str, bytes]]]  # of each field of a form, the names and contents of its files


class UploadError(ValueError):
    """A request that is no request; `status` is HTTP's number for what is wrong with it."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class _InMemory(MultiPartParser):
    spool_max_size = MOST_BYTES + 1  # a longer file would be written to the disk


async def read_files(request: Request) -> Files:
    """Reads the files of a form; each field of the form with its files.

    Raises:
        UploadError: If it is none, larger than `MOST_BYTES`, with others larger than `MOST_TOGETHER`, or not there in
            time.
    """
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise UploadError(415, f"Send photos as multipart/form-data. Received: {kind or 'no content type'}.")
    async with _arriving(422, "This is no form of type multipart/form-data"):
        form = await _InMemory(Headers(raw=request.headers.raw), _limited(request), max_files=_MOST_FILES).parse()
    found: Files = {field: [] for field in form}
    try:
        for field, entry in form.multi_items():
            if isinstance(entry, UploadFile):
                found[field].append(((entry.filename or field)[:_LONGEST_NAME], await entry.read()))
    finally:
        await form.close()
    return found


async def read_json(request: Request) -> object:
    """Reads a short request in JSON.

    Raises:
        UploadError: If it is none, longer than `_MOST_JSON`, or not there in time.
    """
    async with _arriving(400, "This is no JSON"):
        return json_of(b"".join([chunk async for chunk in _limited(request, _MOST_JSON)]))


@asynccontextmanager
async def _arriving(status: int, problem: str) -> AsyncIterator[None]:
    """Gives what is sent in the block a time to arrive in, and says what is wrong with it."""
    try:
        async with asyncio.timeout(_PATIENCE):
            yield
    except UploadError:
        raise
    except TimeoutError:
        raise UploadError(408, f"The request was not there within {_PATIENCE:.0f} seconds.") from None
    except ClientDisconnect as error:
        raise UploadError(400, "The client went away.") from error
    except (MultiPartException, KeyError, ValueError) as error:
        raise UploadError(status, f"{problem} ({error}).") from error


async def _limited(request: Request, most: int = MOST_BYTES) -> AsyncIterator[bytes]:
    too_large = UploadError(413, f"A request like this may have {most // 2**10:,} KiB.")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal():
        raise UploadError(400, f"Content-Length must be a number. Received: {length!r}.")
    if int(length) > most:
        raise too_large
    total = 0
    async for chunk in request.stream():
        if (total := total + len(chunk)) > most:
            raise too_large
        _keep(request, len(chunk))
        yield chunk


def _keep(request: Request, size: int) -> None:
    """Counts bytes of a request that are in memory, until `let_go`."""
    everybody, own = request.app.state, request.state
    if everybody.held + size > MOST_TOGETHER:
        raise UploadError(503, f"Requests of {MOST_TOGETHER // 2**20} MiB are under way. Try again in a moment.")
    everybody.held += size
    own.held = getattr(own, "held", 0) + size


def let_go(request: Request) -> None:
    """Counts what was sent with a request as no more in memory; once it is answered."""
    request.app.state.held -= getattr(request.state, "held", 0)


def files_of(files: Files, field: str) -> list[tuple[str, bytes]]:
    """Returns name and content of the files of one field, at least one.

    Raises:
        UploadError: If there is none.
    """
    if not files.get(field):
        others = ", ".join(sorted(files)) or "nothing"
        raise UploadError(422, f"A file is wanted in the field {field!r}. Received: {others:.200}.")
    return files[field]


def file_of(files: Files, field: str) -> tuple[str, bytes]:
    """Returns name and content of the one file of a field.

    Raises:
        UploadError: If there is none, or more.
    """
    found = files_of(files, field)
    if len(found) > 1:
        raise UploadError(422, f"One file is wanted in the field {field!r}. Received: {len(found)}.")
    return found[0]
