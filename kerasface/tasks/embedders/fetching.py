"""Fetches the file of a known embedder, when a user asked for it: from its own hosts, and only if it is the one."""

import hashlib
import http.client
import ipaddress
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from kerasface.files.locks import take_lock
from kerasface.files.paths import writing
from kerasface.models.onnx.reading import MAX_BYTES
from kerasface.tasks.embedders.known import KnownEmbedder

_SECONDS = 30  # without a byte
_ATTEMPTS = 3
_CHUNK = 2**20
_AGENT = {"User-Agent": "kerasface", "Accept-Encoding": "identity"}


class FetchError(RuntimeError):
    """A file could not be fetched, or is another one than it should be."""


def fetch(
    entry: KnownEmbedder,
    folder: Path,
    *,
    sha256: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Fetches a file, or the rest of one that broke off, and checks it.

    Args:
        entry: Of the ledger.
        folder: Where to put it; made if missing.
        sha256: Its hash as the user knows it, where the ledger does not have it.
        on_progress: Called with the bytes that are there and their total, 0 where that is not known.

    Returns:
        The file. It is the caller's to delete.

    Raises:
        FetchError: If nobody knows its hash, it cannot be reached, breaks off, is sent on to another machine, is larger
            than it should be, or is another file. What is there of one that broke off is kept.
    """
    wanted = entry.sha256 or sha256
    if wanted is None or not re.fullmatch("[0-9a-fA-F]{64}", wanted):
        raise FetchError(
            f"The SHA-256 of {entry.name} is not known here: give the one that its authors publish with --sha256, 64 "
            f"hexadecimal digits. Received: {sha256!r}."
        )
    if entry.sha256 and sha256 and entry.sha256 != sha256.lower():
        raise FetchError(f"The SHA-256 of {entry.name} is {entry.sha256}. Received: {sha256}.")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = take_lock(folder / f"{entry.name}.lock")
    if lock is None:
        raise FetchError(f"{entry.name} is being fetched by another process already.")
    with lock:
        return _fetched(entry, folder, wanted.lower(), on_progress or (lambda done, total: None))


def _fetched(entry: KnownEmbedder, folder: Path, wanted: str, report: Callable[[int, int], None]) -> Path:
    part, problem = folder / f"{entry.name}-{wanted[:12]}.part", ""
    for _ in range(_ATTEMPTS):
        before = part.stat().st_size if part.exists() else 0
        try:
            _receive(entry, part, report)
            problem = ""
            break
        # A connection that broke in any way: what came of the file is kept.
        except (OSError, http.client.HTTPException) as error:
            problem = str(error) or type(error).__name__
            if (part.stat().st_size if part.exists() else 0) <= before:
                break
    size = part.stat().st_size if part.exists() else 0
    if problem:
        kept = f" {size:,} bytes are here: the same command goes on." if size else ""
        raise FetchError(f"{entry.name} did not come from {entry.url}: {problem}.{kept}")
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        part.unlink()
        raise FetchError(
            f"What came from {entry.url} is not {entry.name}: expected SHA-256 {wanted}, found {found} ({size:,} "
            "bytes). It was thrown away."
        )
    return part.replace(folder / f"{entry.name}.onnx")


def _receive(entry: KnownEmbedder, part: Path, report: Callable[[int, int], None]) -> None:
    """Receives what is missing of a file, up to its size."""
    limit = entry.bytes or MAX_BYTES
    done = part.stat().st_size if part.exists() else 0
    if done and done == entry.bytes:
        return
    request = urllib.request.Request(_checked(entry, entry.url), headers=_AGENT)
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        answer = urllib.request.build_opener(_OwnHosts(entry)).open(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        with error:
            if error.code != 416 or not done:
                raise
        part.unlink()  # the file has no more than is here, which may be another one: from the beginning
        return _receive(entry, part, report)
    with answer:
        goes_on = answer.status == 206 and (answer.headers.get("Content-Range") or "").startswith(f"bytes {done}-")
        done = done if goes_on else 0
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else entry.bytes or 0
        if total > limit:
            raise FetchError(f"{entry.name} should have {limit:,} bytes at most, and {entry.url} sends {total:,}.")
        with writing(part), part.open("ab" if goes_on else "wb") as file:
            while chunk := answer.read(_CHUNK):
                done += len(chunk)
                if done > limit:
                    file.truncate(0)
                    raise FetchError(f"{entry.name} should have {limit:,} bytes at most, and {entry.url} sends more.")
                file.write(chunk)
                report(done, total)
    if total and done < total:
        raise http.client.HTTPException(f"the connection ended after {done:,} of {total:,} bytes")


class _OwnHosts(urllib.request.HTTPRedirectHandler):
    """Follows redirects to the hosts of an entry only."""

    max_redirections = 5

    def __init__(self, entry: KnownEmbedder):
        self._entry = entry

    def redirect_request(self, request, file, code, message, headers, url):
        return super().redirect_request(
            request, file, code, message, headers, _checked(self._entry, urljoin(request.full_url, url))
        )


def _checked(entry: KnownEmbedder, url: str) -> str:
    """The address, if it is encrypted, or of this very machine, and one of the entry's hosts."""
    found = urlsplit(url)
    local = False
    with suppress(ValueError):
        local = ipaddress.ip_address(found.hostname or "").is_loopback
    if found.hostname not in entry.hosts:
        raise FetchError(
            f"{entry.name} is fetched from {' or '.join(entry.hosts)} only, and {entry.url} leads to "
            f"{found.hostname or url}."
        )
    if found.scheme != "https" and not (found.scheme == "http" and local):
        raise FetchError(f"{entry.name} is fetched by https only, and {entry.url} leads to {url}.")
    return url
