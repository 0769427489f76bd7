"""Who gets what a page shows: the browser that shows it, and nobody who knows the address."""

import asyncio
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from streamlit.runtime.media_file_storage import MediaFileKind

from kerasface.password import password_mark, set_password
from pages.parts.server import media, uploads
from pages.parts.server.media import COOKIE, MediaOfOwnBrowser
from tests.conftest import running_dashboard

SHOWN, MADE, ICON = "shown", "made", "icon"
ANALYSIS = 90_000  # milliseconds; on the first photo the server imports TensorFlow and builds the models


@pytest.fixture
def sessions(tmp_path, monkeypatch):
    """Ada shows a photo and the icon, Bob the icon alone; somebody has made a file to download."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(uploads, "_LET_IN", {})
    monkeypatch.setattr(media, "_BROWSERS", {"ada": "of-ada", "bob": "of-bob", "none": None})
    kinds = {SHOWN: MediaFileKind.MEDIA, ICON: MediaFileKind.MEDIA, MADE: MediaFileKind.DOWNLOADABLE}
    manager = SimpleNamespace(
        _lock=threading.Lock(),
        _files_by_session_and_coord={"ada": {"1": SHOWN, "2": ICON}, "bob": {"1": ICON}},
        _file_metadata={name: SimpleNamespace(kind=kind) for name, kind in kinds.items()},
    )
    runtime = SimpleNamespace(exists=lambda: True, get_instance=lambda: SimpleNamespace(media_file_mgr=manager))
    monkeypatch.setattr(media.st, "runtime", runtime)
    return manager


def ask(path, cookie=None, kind=b"text/html; charset=utf-8"):
    """Status and headers of an answer, of a server that has everything."""
    sent = []

    async def server(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})

    async def send(message):
        sent.append(message)

    headers = [(b"cookie", cookie.encode())] if cookie else []
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers}
    with ThreadPoolExecutor(1) as other:  # a browser of another test may have left a loop in this thread
        other.submit(lambda: asyncio.run(MediaOfOwnBrowser(server)(scope, None, send))).result()
    return sent[0]["status"], dict(sent[0]["headers"])


def status(name, browser):
    return ask(f"/media/{name}.png", f"other=1; {COOKIE}={browser}" if browser else None)[0]


def test_a_picture_is_given_to_the_browser_that_shows_it(sessions):
    assert [status(SHOWN, browser) for browser in ("of-ada", "of-bob", "guess", None)] == [200, 404, 404, 404]
    assert [status(ICON, browser) for browser in ("of-ada", "of-bob", "guess", None)] == [200, 200, 404, 404]
    assert [status("nothing", browser) for browser in ("of-ada", None)] == [404, 404]
    del sessions._files_by_session_and_coord["ada"]  # her page was closed, and the file is not gone yet
    assert status(SHOWN, "of-ada") == 404


def test_the_fonts_of_letters_and_icons_are_given_to_everybody(sessions):
    for place in ("/static/media/MaterialSymbols-Rounded.woff2", "/base/static/media/SourceSansVF.woff2"):
        assert [ask(place, cookie, b"font/woff2")[0] for cookie in (None, f"{COOKIE}=of-ada")] == [200, 200]


def test_what_is_made_for_a_download_is_given_to_who_was_let_in(sessions):
    assert [status(MADE, browser) for browser in ("of-ada", "guess", None)] == [200, 404, 404]
    set_password("correct horse")
    uploads._LET_IN["bob"] = password_mark()
    assert [status(MADE, browser) for browser in ("of-ada", "of-bob")] == [404, 200]


@pytest.mark.parametrize("path", [f"/media/{SHOWN}.png/static/media/", f"/media/static/media/{SHOWN}.png", "/media/"])
def test_no_other_words_in_an_address_make_a_picture_anybodys(sessions, path):
    assert ask(path)[0] == 404


def test_below_a_path_of_ones_own_it_is_the_same(sessions, monkeypatch):
    monkeypatch.setattr(media.st, "get_option", lambda name: "/faces/")
    found = [ask(f"/faces/media/{SHOWN}.png", f"{COOKIE}={browser}")[0] for browser in ("of-ada", "of-bob")]
    assert found == [200, 404]


def test_each_browser_gets_one_cookie_with_its_page(sessions):
    first, second = (ask("/verify")[1][b"set-cookie"].decode() for _ in range(2))
    assert first.startswith(f"{COOKIE}=")
    assert first != second
    assert {"HttpOnly", "SameSite=Lax"} <= set(first.split("; "))
    assert b"set-cookie" not in ask("/verify", f"{COOKIE}=of-ada")[1]
    assert b"set-cookie" not in ask("/static/main.js", kind=b"text/javascript")[1]


@pytest.mark.slow
@pytest.mark.browser
def test_an_address_that_was_copied_shows_nothing_elsewhere(page, tmp_path, monkeypatch):
    expect = pytest.importorskip("playwright.sync_api").expect
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    set_password("correct horse")
    with running_dashboard(tmp_path) as url:

        def enter(tab):
            tab.goto(f"{url}/verify")
            box = tab.get_by_label("Password of this dashboard")
            expect(box).to_be_visible(timeout=ANALYSIS)
            icon = tab.locator("link[rel='shortcut icon']").get_attribute("href")
            box.fill("correct horse")
            tab.get_by_role("button", name="Open").click()
            expect(tab.get_by_role("heading", level=1)).to_contain_text("two photos", timeout=ANALYSIS)
            return icon

        icon = enter(page)
        assert page.request.get(f"{url}/{icon.removeprefix(url).lstrip('./')}").status == 200
        page.get_by_text("Sample", exact=True).first.click()
        picture = page.locator("img[src*='/media/']").first
        expect(picture).to_be_visible(timeout=ANALYSIS)
        assert picture.evaluate("one => one.complete && one.naturalWidth > 0") or picture.evaluate(
            "one => new Promise(done => one.addEventListener('load', () => done(true)))"
        )
        address = picture.evaluate("one => one.src")
        assert page.request.get(address).status == 200
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address)
        with page.context.browser.new_context() as other:
            tab = other.new_page()
            enter(tab)  # who knows the password is not shown the pictures of others either
            assert tab.request.get(address).status == 404
