"""Whose files the dashboard's server takes, and how many; without a server: what stands before it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from kerasface.password import password_mark, set_password
from pages.parts.server import uploads
from pages.parts.server.uploads import UploadsOfGuests, let_in


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(uploads, "_LET_IN", {})


class Server:
    """What stands behind: it notes what came through, and waits as long as it is told."""

    def __init__(self):
        self.came, self.goes_on = [], asyncio.Event()

    async def __call__(self, scope, receive, send):
        self.came.append(scope["path"])
        await self.goes_on.wait()


async def put(guests, session, size=100, method="PUT", place="/_stcore/upload_file/"):
    """The status that an upload gets before anything of it is read; None where it goes through."""
    sent = []

    async def send(message):
        sent.append(message)

    headers = [] if size is None else [(b"content-length", str(size).encode())]
    scope = {"type": "http", "method": method, "path": f"{place}{session}/file", "headers": headers}
    await guests(scope, None, send)
    return sent[0]["status"] if sent else None


def at_once(*uploads_of):
    async def run():
        server = Server()
        guests = UploadsOfGuests(server)
        asked = [asyncio.ensure_future(put(guests, *one)) for one in uploads_of]
        await asyncio.sleep(0)
        server.goes_on.set()
        return await asyncio.gather(*asked), server.came

    with ThreadPoolExecutor(1) as other:  # a browser of another test may have left a loop in this thread
        return other.submit(lambda: asyncio.run(run())).result()


def test_without_a_password_files_of_every_page_are_taken():
    assert at_once(("a",), ("b",)) == ([None, None], ["/_stcore/upload_file/a/file", "/_stcore/upload_file/b/file"])


def test_files_of_a_page_that_gave_no_password_are_refused_unread():
    set_password("correct horse")
    let_in("a", password_mark())
    assert at_once(("a",), ("b",)) == ([None, 403], ["/_stcore/upload_file/a/file"])
    set_password("battery staple")
    assert at_once(("a",)) == ([403], [])


def test_other_requests_go_through():
    set_password("correct horse")
    answers, came = at_once(("a", 1, "DELETE"), ("a", 1, "PUT", "/media/"), ("a", 1, "GET"))
    assert answers == [None, None, None]
    assert len(came) == 3


@pytest.mark.parametrize("last", [500, None])
def test_the_files_of_one_page_have_an_end_together(monkeypatch, last):
    monkeypatch.setattr(uploads, "MAX_SESSION_BYTES", 1000)
    monkeypatch.setattr(uploads, "_kept", lambda session: 300 if session == "a" else 0)
    answers, came = at_once(("a", 400), ("a", last), ("b", 500), ("a", 300))
    assert answers == [None, 413, None, None]  # 300 + 400 + 300 are just let in
    assert len(came) == 3
