"""Starts the service, and ends it so that whoever waits is still answered."""

import errno
import socket
from collections.abc import Callable

import uvicorn

from kerasface.service.app import Settings, create_app
from kerasface.service.keys import ApiKeyError, read_keys

_IDLE = 15  # seconds that a connection may be idle
_ENDING = 20  # seconds for those who wait when the service ends


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
        config = uvicorn.Config(
            app,
            access_log=False,  # addresses and names of people are nobody's business
            log_level="warning",
            timeout_keep_alive=_IDLE,
            timeout_graceful_shutdown=_ENDING,
            server_header=False,
        )
        shown = f"[{host}]" if ":" in host else host
        on_start(f"http://{shown}:{port}")
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            app.state.work.close()


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
