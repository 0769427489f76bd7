"""Files of known embedders: fetched from their own hosts, whole or not at all, and only if they are the ones."""

import pytest

from kerasface.faces.alignment import TEMPLATES
from kerasface.models.onnx.input_form import InputForm
from kerasface.tasks.embedders.fetching import FetchError, fetch
from kerasface.tasks.embedders.known import known_embedder, known_embedders
from tests.tasks.embedders.serving import CONTENT, SHA256, entry


def test_a_file_comes_whole_with_its_progress(server, tmp_path):
    told = []
    file = fetch(entry(server), tmp_path / "new", on_progress=lambda *at: told.append(at))
    assert file.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(path.name for path in file.parent.iterdir()) == ["somebody.onnx"]


@pytest.mark.parametrize("kind", ["there", "untold"])
def test_redirects_on_one_host_and_unknown_lengths_are_followed(server, tmp_path, kind):
    assert fetch(entry(server, kind, bytes=None), tmp_path).read_bytes() == CONTENT


def test_what_broke_off_goes_on_where_it_was(server, tmp_path):
    assert fetch(entry(server, "cut"), tmp_path).read_bytes() == CONTENT
    assert server.seen == [None, f"bytes={len(CONTENT) // 3}-"]


def test_what_breaks_off_again_and_again_is_kept_for_the_next_time(server, tmp_path):
    server.cuts = 3
    with pytest.raises(FetchError, match="the same command goes on") as caught:
        fetch(entry(server, "cut"), tmp_path)
    here = sum(path.stat().st_size for path in tmp_path.glob("*.part"))
    assert f"{here:,} bytes are here" in str(caught.value)
    assert fetch(entry(server, "cut"), tmp_path).read_bytes() == CONTENT
    assert server.seen[-1] == f"bytes={here}-"


def test_a_server_that_cannot_go_on_sends_all_of_it(server, tmp_path):
    (tmp_path / f"somebody-{SHA256[:12]}.part").write_bytes(b"something else")
    assert fetch(entry(server, "whole"), tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_no_part_of_it_is_thrown_away(server, tmp_path):
    part = tmp_path / f"somebody-{SHA256[:12]}.part"
    part.write_bytes(b"something else")
    with pytest.raises(FetchError, match="It was thrown away"):
        fetch(entry(server), tmp_path)
    assert not part.exists()
    part.write_bytes(bytes(len(CONTENT) + 5))  # longer than what the server has, of a size that is not known
    assert fetch(entry(server, bytes=None), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        ("altered", {}, f"is not somebody: expected SHA-256 {SHA256}, found "),
        ("long", {}, "should have 300,000 bytes at most, and .* sends 300,004"),
        ("missing", {}, "did not come from .*: HTTP Error 404"),
        ("round", {}, "did not come from .*redirect"),
        ("elsewhere", {}, "is fetched from 127.0.0.1 only, and .* leads to example.com"),
        ("unlocked", {"hosts": ("127.0.0.1", "example.org")}, "by https only, and .* leads to http://example.org/file"),
        ("file", {"url": "http://example.org/f", "hosts": ("example.org",)}, "by https only"),
        ("file", {"url": "file:///etc/passwd"}, "is fetched from 127.0.0.1 only"),
        ("file", {"sha256": None}, "The SHA-256 of somebody is not known here: give the one .* with --sha256"),
    ],
)
def test_what_is_not_the_file_is_refused_and_nothing_is_kept(server, tmp_path, kind, changes, told):
    with pytest.raises(FetchError, match=told):
        fetch(entry(server, kind, **changes), tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.stat().st_size] == []


def test_a_hash_that_is_not_known_is_given_and_one_that_is_is_not_overruled(server, tmp_path):
    assert fetch(entry(server, sha256=None), tmp_path, sha256=SHA256.upper()).read_bytes() == CONTENT
    with pytest.raises(FetchError, match=f"The SHA-256 of somebody is {SHA256}. Received: {64 * '0'}"):
        fetch(entry(server), tmp_path, sha256=64 * "0")
    with pytest.raises(FetchError, match="64 hexadecimal digits"):
        fetch(entry(server, sha256=None), tmp_path, sha256="abc")


def test_the_ledger_is_complete_and_encrypted():
    for name, known in known_embedders().items():
        assert known.name == name
        assert known.url.startswith(f"https://{known.hosts[0]}/")
        assert known.sha256 is None or len(bytes.fromhex(known.sha256)) == 32
        assert known.template in TEMPLATES
        InputForm.parse(known.input)
        assert all((known.licence, known.trained_on, known.published, known.about))
    with pytest.raises(ValueError, match=r"No embedder 'x' is known here\. Known are sface, "):
        known_embedder("x")
