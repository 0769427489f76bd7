"""Addresses of galleries on a server: what is connected with, and what is shown."""

import pytest

from kerasface.gallery.opening import open_gallery
from kerasface.gallery.places import place_of
from kerasface.gallery.postgres.address import Address, is_address
from kerasface.gallery.store import GalleryError


@pytest.mark.parametrize(
    ("text", "shown", "conninfo"),
    [
        (
            "postgresql://ada:s%40crét@db:5433/faces?schema=door&sslmode=verify-full",
            "postgresql://ada@db:5433/faces?sslmode=verify-full&schema=door",
            "postgresql://ada:s%40crét@db:5433/faces?sslmode=verify-full",
        ),
        ("postgres://db", "postgresql://db?schema=kerasface", "postgresql://db"),
        ("postgresql://", "postgresql://?schema=kerasface", "postgresql://"),
        (
            "postgresql:///faces?host=/run/pg&password=s%26cret",
            "postgresql:///faces?host=/run/pg&schema=kerasface",
            "postgresql:///faces?host=/run/pg&password=s%26cret",
        ),
    ],
)
def test_a_password_is_connected_with_and_never_shown(text, shown, conninfo):
    address = Address.parse(text)
    assert (str(address), address.conninfo) == (shown, conninfo)
    assert "cr" not in repr(address)


def test_what_a_server_says_is_one_line_without_the_password():
    address = Address.parse("postgresql://ada:s%40crét@db/faces")
    assert address.without_secrets("no entry\n\tfor s@crét, s%40crét") == "no entry for ***, ***"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada:se/cret@db/faces",
        "postgresql://ada:se@cret@db/faces",
        "postgresql://ada:se?cret@db/faces",
    ],
)
def test_what_could_be_a_part_of_a_password_is_refused_and_not_repeated(text):
    with pytest.raises(GalleryError, match=r"malformed: such as postgresql://.*In a password @ / \? # are") as caught:
        Address.parse(text)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("schema", ["", "A", "a-b", "1a", "a" * 41, 'a"; drop'])
def test_a_schema_has_a_plain_name(schema):
    with pytest.raises(GalleryError, match="Received: schema="):
        Address.parse(f"postgresql://db/faces?schema={schema}")


def test_other_servers_are_named(tmp_path):
    with pytest.raises(GalleryError, match=r"is a file, or on PostgreSQL: .*Received: an address of 'mysql'"):
        Address.parse("mysql://db/faces")


def test_a_path_is_none(tmp_path):
    assert not is_address(tmp_path / "postgresql:")
    assert not is_address("postgresql.gallery")
    assert place_of("postgresql.gallery").path.name == "postgresql.gallery"


def test_nobody_there_is_said_in_a_sentence_without_the_password():
    with pytest.raises(
        GalleryError, match=r"No PostgreSQL opens the gallery postgresql://ada@127\.0\.0\.1:9"
    ) as caught:
        open_gallery("postgresql://ada:secret@127.0.0.1:9/faces")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
