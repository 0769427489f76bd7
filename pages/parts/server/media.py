"""Whose pictures and downloads the server gives: what a page shows is had by the browser that shows it, and no other.

Streamlit gives them to whoever knows their address, also without the password. So each browser gets a cookie, which no
page can read, and a session is of the browser whose cookie came with its websocket.
"""

import os
import secrets
from http.cookies import CookieError, SimpleCookie

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.media_file_storage import MediaFileKind
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.parts.server.uploads import is_let_in

COOKIE = "kerasface_browser"
_BROWSERS: dict[str, str | None] = {}  # session to the cookie of its browser


def note_browser():
    """Notes which browser this session is of; those that have ended are forgotten."""
    session_id = get_script_run_ctx().session_id
    if session_id in _BROWSERS:
        return
    if st.runtime.exists():
        runtime = st.runtime.get_instance()
        for known in [known for known in list(_BROWSERS) if not runtime.is_active_session(known)]:
            _BROWSERS.pop(known, None)
    _BROWSERS[session_id] = st.context.cookies.get(COOKIE)


class MediaOfOwnBrowser:
    """ASGI middleware that gives files to the browser that shows them, and each browser its cookie."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        browser = _cookie(Headers(scope=scope).get("cookie", ""))
        place = _place()
        if scope["path"].startswith(place):
            name = scope["path"].removeprefix(place)
            answer = self.app if _is_shown_in(browser, os.path.splitext(name)[0]) else _MISSING
            await answer(scope, receive, send)
        else:
            await self.app(scope, receive, send if browser else _with_cookie(send))


_MISSING = PlainTextResponse("There is no such file for this browser.", status_code=404)


def _is_shown_in(browser: str | None, file_id: str) -> bool:
    """Whether a page of this browser shows a file; or one that was made for a download, if the browser has a page."""
    if not browser or not st.runtime.exists():
        return False
    sessions = [session for session, cookie in list(_BROWSERS.items()) if cookie == browser]
    manager = st.runtime.get_instance().media_file_mgr
    with manager._lock:
        shown = {session: file_id in files.values() for session, files in manager._files_by_session_and_coord.items()}
        about = manager._file_metadata.get(file_id)
    if any(shown.get(session) for session in sessions):
        return True
    # What is made when it is asked for, Streamlit keeps of nobody.
    is_made = about is not None and about.kind is MediaFileKind.DOWNLOADABLE and not any(shown.values())
    return is_made and any(map(is_let_in, sessions))


def _place() -> str:
    """Where the files lie that pages show; Streamlit's own lie below `static/media`."""
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}/media/" if base else "/media/"


def _cookie(header: str) -> str | None:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def _with_cookie(send: Send) -> Send:
    """Sends what follows; a page with a cookie of its own."""

    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith("text/html"):
                cookie = f"{COOKIE}={secrets.token_urlsafe(32)}; Path=/; HttpOnly; SameSite=Lax"
                headers.append("set-cookie", cookie)
        await send(message)

    return send_on
