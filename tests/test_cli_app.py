"""`kerasface app`: a dashboard from any folder with the project's settings, and one sentence where it cannot start."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from kerasface.cli import main
from kerasface.cli.app import _is_elsewhere, _options
from tests.conftest import free_port, wait_until_healthy
from tests.test_server import answer


def refused(*words):
    result = CliRunner().invoke(main, ["app", *map(str, words)])
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1), result.output
    return result.output


def test_a_busy_port_is_one_sentence():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert f"cannot listen on port {port} of 127.0.0.1: Address already in use" in refused("--port", port)


@pytest.mark.parametrize("address", ["192.0.2.1", "no.such.host.invalid", "2001:db8::1", "x" * 70, "a..b"])
def test_an_address_that_is_not_of_this_machine_is_one_sentence(address):
    assert f"of {address}: " in refused("--port", free_port(), "--address", address)


def test_without_streamlit_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "needs Streamlit" in refused()


def test_an_address_of_the_network_is_one_that_browsers_may_ask_for():
    assert _options(8501, "127.0.0.1", ()) == ["--server.port=8501", "--server.address=127.0.0.1"]
    words = _options(80, "192.168.1.7", ("faces.example.org",))
    assert words[:3] == ["--server.port=80", "--server.address=192.168.1.7", "--browser.serverAddress=192.168.1.7"]
    hosts = [word.removeprefix("--server.allowedHosts=") for word in words[3:]]
    assert hosts == ["localhost", "*.localhost", "127.0.0.1", "::1", "192.168.1.7", "faces.example.org"]
    assert "--browser.serverAddress=[2001:db8::1]" in _options(80, "2001:db8::1", ())
    for address in ("127.0.0.1", "127.0.0.2", "::1", "localhost", "0.0.0.0", "::"):
        assert not _is_elsewhere(address), address


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends the signal of Ctrl-C")
def test_it_runs_in_a_folder_with_names_of_its_own_keeps_the_settings_and_ends_quietly(tmp_path):
    """Files called as ours, and settings of another project, change nothing."""
    (tmp_path / "pages/parts/server").mkdir(parents=True)
    for name in ("app.py", "pages/__init__.py", "pages/parts/server/navigation.py"):
        (tmp_path / name).write_text("raise SystemExit('not ours')")
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(
        '[server]\naddress = "0.0.0.0"\nallowedHosts = ["*"]\nfileWatcherType = "poll"\n'
    )
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "kerasface", "app", "--port", str(port)],
        cwd=tmp_path,
        env={**os.environ, "STREAMLIT_SERVER_HEADLESS": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_healthy(process, f"http://127.0.0.1:{port}")
        assert answer(port, "/segment", {"Host": f"localhost:{port}"}) == 200
        assert answer(port, "/", {"Host": "evil.example"}) == 403
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in output
    assert f"http://localhost:{port}" in output
