"""Whose files the server takes, and how many: they stay in memory for as long as the browser's page is open.

Streamlit takes them from every session, before a password was given, and without an end.
"""

from collections import Counter

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kerasface.password import password_mark

MAX_SESSION_BYTES = 2**30  # of one browser's page
_PLACE = "/_stcore/upload_file/"
# Session -> mark of the password that was given in it; names of sessions are secrets of their browsers.
_LET_IN: dict[str, str | None] = {}


def let_in(session_id: str, mark: str) -> None:
    """Notes that the password with this mark was given in a session; those that have ended are forgotten."""
    if st.runtime.exists():
        runtime = st.runtime.get_instance()
        for known in [known for known in _LET_IN if not runtime.is_active_session(known)]:
            del _LET_IN[known]
    _LET_IN[session_id] = mark


def is_let_in(session_id: str) -> bool:
    """Whether the password was given in a session, where there is one."""
    mark = password_mark()
    return mark is None or _LET_IN.get(session_id) == mark


class UploadsOfGuests:
    """ASGI middleware that takes files of sessions that gave the password, as far as they fit."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self._on_the_way: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "PUT" or _PLACE not in scope["path"]:
            await self.app(scope, receive, send)
            return
        session_id = scope["path"].partition(_PLACE)[2].partition("/")[0]
        size = _size(Headers(scope=scope))
        problem = self._problem(session_id, size)
        if problem is not None:
            await problem(scope, receive, send)
            return
        self._on_the_way[session_id] += size
        try:
            await self.app(scope, receive, send)
        finally:
            self._on_the_way[session_id] -= size
            if not self._on_the_way[session_id]:
                del self._on_the_way[session_id]

    def _problem(self, session_id: str, size: int) -> PlainTextResponse | None:
        if not is_let_in(session_id):
            return PlainTextResponse("Files are taken after the password was given.", status_code=403)
        if self._on_the_way[session_id] + _kept(session_id) + size > MAX_SESSION_BYTES:
            return PlainTextResponse(
                f"The files of one page may have {MAX_SESSION_BYTES / 2**20:,.0f} MiB together. "
                "Load the page again to let go of them, or name a folder on this machine where the page offers it.",
                status_code=413,
            )
        return None


def _size(headers: Headers) -> int:
    """Bytes that a request brings, as it says; the largest file that Streamlit takes where it says nothing."""
    told = headers.get("content-length", "")
    return int(told) if told.isdecimal() and len(told) < 16 else st.get_option("server.maxUploadSize") * 2**20


def _kept(session_id: str) -> int:
    """Bytes of the files that the server keeps of a session."""
    if not st.runtime.exists():
        return 0
    kept = st.runtime.get_instance().uploaded_file_mgr.file_storage.get(session_id, {})
    return sum(len(file.data) for file in list(kept.values()))
