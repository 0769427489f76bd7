"""The dashboard's server: whom it answers, and the browser that it opens.

It answers browsers that ask for it by a name of this machine, from its own pages. Otherwise any page of the web could
drive it: it may point its own name at 127.0.0.1 (DNS rebinding), or open a websocket to `localhost` from elsewhere.
Streamlit looks at websockets alone, takes every port of this machine for the dashboard's own, and asks a server on the
internet for this machine's address before it refuses a page from elsewhere.
"""

import asyncio
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web.server.server_util import get_url

# Names that lead to this machine whoever answers for them (RFC 6761, section 6.3).
LOCAL_HOSTS = ("localhost", "*.localhost", "127.0.0.1", "::1")


@asynccontextmanager
async def open_browser(_app: st.App) -> AsyncIterator[None]:
    """Opens the dashboard in the user's browser once it answers, where there is one, as Streamlit does for scripts."""
    if not st.get_option("server.headless"):  # it is where there is no display
        asyncio.get_running_loop().call_later(0.5, webbrowser.open, get_url(st.get_option("browser.serverAddress")))
    yield


class OwnPagesOnly:
    """ASGI middleware that answers 403 to every request and websocket with a foreign `Host` or `Origin`."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self.app
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            problem = refusal(headers.getlist("host"), headers.getlist("origin"), allowed_hosts())
            if problem:
                answer = PlainTextResponse(problem, status_code=403)
        await answer(scope, receive, send)


def allowed_hosts() -> tuple[str, ...]:
    """Returns the names of `server.allowedHosts`; those of this machine where it names none."""
    return tuple(st.get_option("server.allowedHosts")) or LOCAL_HOSTS


def refusal(hosts: list[str], origins: list[str], allowed: tuple[str, ...]) -> str | None:
    """Returns why a request gets no answer, in words; `None` if it does.

    Args:
        hosts: Values of its header `Host`: name or number, and port.
        origins: Values of its header `Origin`. Browsers send it with every websocket and every upload.
        allowed: Names that the dashboard may be asked for by; `*.NAME` stands for all below a name, `*` for all.
    """
    if len(hosts) != 1 or not _is_allowed(hosts[0], allowed):
        return (
            f"The dashboard answers to {', '.join(allowed)}. Received: Host {', '.join(hosts) or 'none'}. If this name "
            "is yours, start with `kerasface app --allow-host NAME`, or add it to server.allowedHosts in "
            ".streamlit/config.toml."
        )
    # Exactly as Streamlit compares: whatever differs for it would make it look up this machine's address elsewhere.
    if any(urlsplit(origin).netloc != hosts[0] for origin in origins):
        return (
            f"The dashboard answers to its own pages only, here those of {hosts[0]}. Received: Origin "
            f"{', '.join(origins)}. A proxy before the dashboard has to pass on the header Host."
        )
    return None


def _is_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False  # a port that is no number, or half an IPv6 address
    if not name or parts.netloc != host or "@" in host:
        return False
    name = name.rstrip(".")
    patterns = [pattern.strip().lower().rstrip(".") for pattern in allowed]
    return any(
        pattern in ("*", name) or (pattern.startswith("*.") and name.endswith(pattern[1:])) for pattern in patterns
    )
