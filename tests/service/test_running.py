"""Clients of the service that mean no good before anybody was asked for a key."""

import contextlib
import socket

import httpx
import pytest
from fastapi import FastAPI

from kerasface.service import running

HEAD = b"GET /health HTTP/1.1\r\nhost: x\r\n"


@pytest.fixture
def address(serve, monkeypatch):
    """Where a service answers whose patience is a third of a second."""
    monkeypatch.setattr(running, "_IDLE", 0.3)
    app = FastAPI()
    app.get("/health")(lambda: {"status": "ok"})
    app.post("/photos")(lambda: {"status": "refused"})
    return serve(app)


@pytest.fixture
def connect(address):
    """Opens connections that end with the test."""
    with contextlib.ExitStack() as stack:
        host, _, port = address.removeprefix("http://").rpartition(":")

        def open_one():
            connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
            return connection

        yield open_one


def ended(connection):
    """Whether the other side ends a connection; waits for it."""
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(65536):
            pass
    return True


@pytest.mark.parametrize("sent", [b"", b"G", HEAD, b"\r\n" * 100])
def test_half_a_request_is_not_waited_for(connect, address, sent):
    connections = [connect() for _ in range(20)]
    for connection in connections:
        connection.sendall(sent)
    assert httpx.get(f"{address}/health").json() == {"status": "ok"}  # others are answered meanwhile
    assert all(map(ended, connections))


def test_a_head_that_comes_letter_by_letter_has_an_end(connect):
    connection = connect()
    connection.sendall(HEAD)
    connection.settimeout(0.05)
    while True:
        try:
            connection.sendall(b"x")
            if not connection.recv(1):
                break
        except TimeoutError:
            continue  # nothing was said, and the next letter is sent
        except ConnectionError:
            break


def test_so_has_what_is_sent_after_an_answer(connect):
    connection = connect()
    connection.sendall(b"POST /photos HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
    assert b" 200 " in connection.recv(65536)
    assert ended(connection)


def test_a_flood_of_headers_is_refused(connect):
    connection = connect()
    with contextlib.suppress(ConnectionError):
        connection.sendall(HEAD + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(1000)))
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = connection.recv(65536)
    assert not answer or b" 400 " in answer
    assert ended(connection)


def test_requests_one_after_the_other_are_all_answered(connect):
    connection = connect()
    connection.sendall((HEAD + b"\r\n") * 3)
    answers = b""
    while answers.count(b'{"status":"ok"}') < 3:
        answers += connection.recv(65536)
    assert ended(connection)


def test_no_websocket_is_opened(connect):
    connection = connect()
    connection.sendall(HEAD + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n")
    assert b" 101 " not in connection.recv(65536)
