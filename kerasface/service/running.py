"""Starts the service, and ends it so that whoever waits is still answered."""

import asyncio
import errno
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from kerasface.service.app import Settings, create_app
from kerasface.service.keys import ApiKeyError, read_keys

_IDLE = 15.0  # seconds that a connection may be idle, or at the head of a request
_ENDING = 20  # seconds for those who wait when the service ends


class Prompt(H11Protocol):
    """A connection that ends where no request has begun in time, whatever is sent meanwhile.

    uvicorn waits for the head of a request as long as the client likes, before anybody is asked for a key: a thousand
    such clients take all the connections that a process may have. h11, unlike other parsers, bounds the head itself.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._expect_request()

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._deadline.cancel()

    def on_response_complete(self) -> None:
        self._expect_request()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        self._deadline = self.loop.call_later(_IDLE, self.transport.close)


class ServiceStartError(RuntimeError):
    """The service cannot be started; the message says why."""


def run(settings: Settings, host: str, port: int, on_start: Callable[[str], None]) -> None:
    """Serves until the process is told to end.

    Args:
        settings: What to serve.
        host: Address.
        port: Port; 0 for any that is free.
        on_start: Called with the address when photos can be sent.

    Raises:
        ServiceStartError: If the port cannot be had.
        ApiKeyError: If nobody has a key, or their file is damaged.
    """
    if not read_keys():
        raise ApiKeyError("Nobody has a key, so nobody could ask. Make one first: kerasface keys add NAME")
    listener = _listener(host, port)
    with listener:
        app = create_app(settings)
        port = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        on_start(f"http://{shown}:{port}")
        try:
            server_of(app).run(sockets=[listener])
        finally:
            app.state.work.close()


def server_of(app: FastAPI, **options) -> uvicorn.Server:
    """Returns the server of an application; `options` are others than the service's for `uvicorn.Config`."""
    own = {
        "http": Prompt,
        "ws": "none",
        "access_log": False,  # addresses and names of people are nobody's business
        "log_level": "warning",
        "timeout_keep_alive": int(_IDLE),
        "timeout_graceful_shutdown": _ENDING,
        "server_header": False,
    }
    return uvicorn.Server(uvicorn.Config(app, **own | options))


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said to be TCP, or asyncio leaves small answers waiting for 40 ms until what came before is acknowledged.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ServiceStartError(f"Port {port} of {host} is in use. Choose another one: --port.") from error
        raise ServiceStartError(f"{host}:{port} cannot be listened at ({error.strerror or error}).") from error
    return listener
