"""The key: made once, never replaced, closed to others; what it seals opens only in its place."""

import base64
import os
import stat

import pytest

from kerasface.gallery.keys import GalleryKeys, key_path, load_key
from kerasface.gallery.store import GalleryDamagedError, GalleryKeyError

KEY = bytes(range(32))
GALLERY = b"g" * 16


@pytest.fixture
def keys():
    return GalleryKeys(KEY, GALLERY, "embedder-a")


def test_the_key_is_made_on_first_use_and_stays(tmp_path):
    key = load_key(create=True)
    assert key_path() == tmp_path / "config" / "kerasface" / "gallery.key"
    assert len(key) == 32
    assert load_key(create=True) == load_key(create=False) == key
    assert stat.S_IMODE(key_path().stat().st_mode) == 0o600
    assert stat.S_IMODE(key_path().parent.stat().st_mode) == 0o700
    assert [file.name for file in key_path().parent.iterdir()] == ["gallery.key"]


def test_two_keys_are_not_the_same(monkeypatch, tmp_path):
    first = load_key(create=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))
    assert load_key(create=True) != first


def test_home_is_used_without_xdg(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert key_path() == tmp_path / ".config" / "kerasface" / "gallery.key"


def test_a_missing_key_is_no_new_key():
    with pytest.raises(GalleryKeyError, match=r"gallery\.key does not exist.*KERASFACE_KEY"):
        load_key(create=False)
    assert not key_path().exists()


@pytest.mark.parametrize(
    "text",
    [KEY.hex(), KEY.hex().upper(), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode().rstrip("=")],
)
def test_the_variable_holds_base64_or_hexadecimal(monkeypatch, text):
    monkeypatch.setenv("KERASFACE_KEY", f" {text}\n")
    assert load_key(create=False) == KEY
    assert not key_path().exists()


@pytest.mark.parametrize("text", ["secret", KEY.hex()[:-2], base64.b64encode(KEY + b"!").decode(), "é" * 44])
def test_a_malformed_key_is_refused_without_being_shown(monkeypatch, text):
    monkeypatch.setenv("KERASFACE_KEY", text)
    with pytest.raises(GalleryKeyError, match="KERASFACE_KEY must hold 32 bytes") as caught:
        load_key(create=True)
    assert text not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_can_use_is_refused(mode):
    load_key(create=True)
    key_path().chmod(mode)
    with pytest.raises(GalleryKeyError, match=rf"mode {mode:04o}.*chmod 600"):
        load_key(create=False)


def test_a_broken_key_file_is_left_alone():
    key_path().parent.mkdir(parents=True)
    key_path().write_bytes(b"")
    key_path().chmod(0o600)
    with pytest.raises(GalleryKeyError, match="Received: 0 characters"):
        load_key(create=True)
    assert key_path().read_bytes() == b""


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "config").write_text("a file where the folder should be")
    with pytest.raises(GalleryKeyError, match=r"gallery\.key cannot be read or written"):
        load_key(create=True)


def test_records_come_back_and_show_nothing(keys):
    record = {"name": "Zoë", "numbers": [1.5, None]}
    sealed = keys.seal(record, "person", 7)
    assert keys.open(sealed, "person", 7) == record
    assert b"Zo" not in sealed
    assert keys.seal(record, "person", 7) != sealed


def altered(sealed):
    return sealed[:-1] + bytes([sealed[-1] ^ 1])


@pytest.mark.parametrize(
    ("change", "kind", "number"),
    [
        (lambda sealed: sealed, "person", 8),
        (lambda sealed: sealed, "sample", 7),
        (altered, "person", 7),
        (lambda sealed: sealed[:5], "person", 7),
        (lambda sealed: b"", "person", 7),
    ],
    ids=["other row", "other kind", "altered", "cut", "empty"],
)
def test_a_record_opens_only_unaltered_and_in_its_place(keys, change, kind, number):
    sealed = keys.seal("Ada", "person", 7)
    with pytest.raises(GalleryDamagedError, match=f"The {kind} of row {number} was altered"):
        keys.open(change(sealed), kind, number)


@pytest.mark.parametrize(
    ("reader", "place"),
    [
        (GalleryKeys(KEY, GALLERY, "embedder-a"), (4, 1)),
        (GalleryKeys(KEY, GALLERY, "embedder-a"), (3, 2)),
        (GalleryKeys(KEY, GALLERY, "embedder-b"), (3, 1)),
        (GalleryKeys(KEY, b"h" * 16, "embedder-a"), (3, 1)),
        (GalleryKeys(b"K" * 32, GALLERY, "embedder-a"), (3, 1)),
    ],
    ids=["other sample", "other person", "other embedder", "other gallery", "other key"],
)
def test_a_template_opens_only_in_its_place(keys, reader, place):
    sealed = keys.seal_template(b"embedding", 3, 1)
    assert keys.open_template(sealed, 3, 1) == b"embedding"
    with pytest.raises(GalleryDamagedError, match=f"sample {place[0]} was altered"):
        reader.open_template(sealed, *place)


def test_tags_find_equal_texts_and_depend_on_the_key(keys):
    other = GalleryKeys(KEY, b"h" * 16, "embedder-a")
    assert keys.tag("name", "Ada") == keys.tag("name", "Ada")
    assert (
        len({keys.tag("name", "Ada"), keys.tag("name", "Bob"), keys.tag("source", "Ada"), other.tag("name", "Ada")})
        == 4
    )


def test_the_check_value_tells_keys_apart_but_not_embedders(keys):
    assert keys.check == GalleryKeys(KEY, GALLERY, "embedder-b").check == keys.for_embedder("embedder-b").check
    assert keys.check != GalleryKeys(b"K" * 32, GALLERY, "embedder-a").check


def test_a_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"has 32 bytes\. Received: 16 bytes"):
        GalleryKeys(b"k" * 16, GALLERY, "embedder-a")
