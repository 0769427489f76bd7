"""Whom the dashboard answers: a table of hosts and origins, and a running server that is asked by each."""

import http.client
import json
import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from pages.parts.server.requests import LOCAL_HOSTS, refusal
from tests.conftest import ROOT, free_port, wait_until_healthy

# As `sitecustomize`, which Python runs at its start: every address that is connected to or looked up is written down.
WATCHER = """
import json, os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind"):
        address = arguments[1] if event in ("socket.connect", "socket.sendto", "socket.bind") else arguments[0]
        line = json.dumps([event, repr(address)]) + "\\n"
        descriptor = os.open(os.environ["SOCKET_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)

sys.addaudithook(watch)
"""


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8501", None),
        ("localhost:8501", "http://localhost:8501"),
        ("LocalHost:8501", None),
        ("localhost", "https://localhost"),
        ("127.0.0.1:8501", "http://127.0.0.1:8501"),
        ("[::1]:8501", "http://[::1]:8501"),
        ("faces.localhost:8501", "http://faces.localhost:8501"),
        ("localhost.:8501", None),
    ],
)
def test_names_of_this_machine_are_answered(host, origin):
    assert refusal([host], [origin] if origin else [], LOCAL_HOSTS) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8501", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example"),
        *("", "localhost:port", "[::1", "user@localhost", "localhost/path", "localhost?query", "0.0.0.0:8501"),
        *("192.168.1.7:8501", "127.1:8501", "localhost:8501, evil.example"),
    ],
)
def test_other_names_are_refused_in_a_sentence_that_says_what_to_do(host):
    assert "server.allowedHosts" in refusal([host], [], LOCAL_HOSTS)


def test_a_request_without_a_host_or_with_two_is_refused():
    assert "Host none" in refusal([], [], LOCAL_HOSTS)
    assert refusal(["localhost", "evil.example"], [], LOCAL_HOSTS)


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "http://evil.example", "http://localhost:3000", "http://localhost", "http://127.0.0.1:8501"),
        *("file://", "", "chrome-extension://abcdef", "http://localhost:8501.evil.example"),
    ],
)
def test_pages_from_elsewhere_are_refused(origin):
    problem = refusal(["localhost:8501"], [origin], LOCAL_HOSTS)
    assert "its own pages only" in problem
    assert f"Origin {origin}" in problem


def test_a_list_of_ones_own_is_what_counts():
    own = ("faces.example.org", "*.home.arpa")
    for host in ("faces.example.org", "FACES.example.org:8501", "camera.home.arpa:8501"):
        assert refusal([host], [f"http://{host}"], own) is None
    for host in ("localhost:8501", "other.example.org", "home.arpa", "evilhome.arpa"):
        assert refusal([host], [], own)
    assert refusal(["whatever.example"], [], ("*",)) is None


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A dashboard without its configuration, started from elsewhere, and the file of the addresses it asked for."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "sitecustomize.py").write_text(WATCHER)
    (folder / "bare").mkdir()
    app = folder / "bare" / "app.py"  # no .streamlit/config.toml beside it
    app.symlink_to(ROOT / "app.py")
    (folder / "bare" / "pages").symlink_to(ROOT / "pages")
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(app), f"--server.port={port}", "--server.headless=true"]
    command += ["--server.address=127.0.0.1", "--server.fileWatcherType=none", "--browser.gatherUsageStats=false"]
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "SOCKET_LOG": str(folder / "sockets")}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until_healthy(process, f"http://127.0.0.1:{port}")
        yield port, folder / "sockets"
    finally:
        process.terminate()
        process.wait(timeout=20)


def answer(port, path, headers, method="GET"):
    """The status that a server on this port gives to a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def websocket(port, host, origin=None):
    """The status of a handshake: 101 where the websocket opens."""
    headers = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    headers["Sec-WebSocket-Protocol"] = "streamlit"
    return answer(port, "/_stcore/stream", headers | ({"Origin": origin} if origin is not None else {}))


def test_a_foreign_page_drives_no_dashboard_and_makes_it_ask_nobody(watched):
    port, sockets = watched
    own = f"127.0.0.1:{port}"
    assert websocket(port, own, f"http://{own}") == 101
    assert websocket(port, f"localhost:{port}", f"http://localhost:{port}") == 101
    assert websocket(port, "evil.example", "http://evil.example") == 403  # DNS rebinding
    for origin in ("http://evil.example", "null", "http://localhost:9", f"http://localhost:{port}", "http://127.0.0.1"):
        assert websocket(port, own, origin) == 403, origin
    assert answer(port, "/", {"Host": "evil.example"}) == 403
    assert answer(port, "/_stcore/upload_file/s/f", {"Host": own, "Origin": "http://evil.example"}, "PUT") == 403
    events = [json.loads(line) for line in sockets.read_text().splitlines()]
    assert any(event == "socket.bind" for event, _ in events)  # the watcher was there
    assert [line for line in events if "127.0.0.1" not in line[1] and "localhost" not in line[1]] == []


def test_a_dashboard_with_its_configuration_answers_the_same(app_server):
    port = urlsplit(app_server).port
    assert websocket(port, "evil.example", "http://evil.example") == 403
    assert websocket(port, f"localhost:{port}", f"http://localhost:{port}") == 101


@pytest.mark.slow
def test_a_dashboard_that_is_started_from_another_folder_listens_on_this_machine_alone(tmp_path):
    """By `streamlit run /path/app.py`: its configuration is that beside app.py, wherever one is."""
    (tmp_path / "sitecustomize.py").write_text(WATCHER)
    (tmp_path / "elsewhere").mkdir()
    port, sockets = free_port(), tmp_path / "sockets"
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), f"--server.port={port}"]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "SOCKET_LOG": str(sockets)}
    with (
        open(tmp_path / "log", "wb") as log,
        subprocess.Popen(
            [*command, "--server.headless=true"], cwd=tmp_path / "elsewhere", env=environment, stdout=log, stderr=log
        ) as process,
    ):
        try:
            wait_until_healthy(process, f"http://127.0.0.1:{port}")
            assert websocket(port, "evil.example", "http://evil.example") == 403
            assert answer(port, "/media/nothing.png", {"Host": f"127.0.0.1:{port}"}) == 404
        finally:
            process.terminate()
    events = [json.loads(line) for line in sockets.read_text().splitlines()]
    bound = [address for event, address in events if event == "socket.bind" and str(port) in address]
    assert bound
    assert all("127.0.0.1" in address for address in bound)
