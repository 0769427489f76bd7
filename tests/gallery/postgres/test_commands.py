"""The command line with the address of a server in place of a file."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from kerasface.cli import main
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample

pytestmark = pytest.mark.slow


@pytest.fixture
def kind():
    return "postgres"


@pytest.fixture
def address(path):
    """The server asks nobody for a password, and so takes any."""
    return path.server.address(path.name, password="geheim")


def run(*arguments, code=0, **more):
    result = CliRunner().invoke(main, list(map(str, arguments)), **more)
    assert result.exit_code == code, result.output
    assert "geheim" not in result.output
    return result.output


def test_people_go_from_a_file_to_a_server_and_back(address, path, tmp_path):
    with open_gallery(tmp_path / "file", embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM) as gallery:
        for number, name in enumerate(("Ada", "Bob")):
            template = np.eye(EMBEDDING_DIM, dtype=np.float32)[number]
            gallery.enroll(name, [NewSample(template, f"{name}.jpg", f"{number:064x}")])
    run("people", "export", tmp_path / "people", "--gallery", tmp_path / "file")
    run("people", "list", "--gallery", address, code=1)  # an import makes it
    assert "2 people from" in run("people", "import", tmp_path / "people", "--gallery", address)
    assert "Ada  1 sample" in run("people", "list", env={"KERASFACE_GALLERY": address})
    assert run("people", "check", "--gallery", address) == f"{path.server.address(path.name)}: sound\n"
    told = json.loads(run("people", "delete", "Bob", "--yes", "--json", "--gallery", address))
    assert "write-ahead log" in told["stays"]
    assert "its backups still hold" in run("people", "delete", "Ada", "--sample", "1", "--yes", "--gallery", address)
    run("people", "export", tmp_path / "back", "--gallery", address)
    assert "1 person from" in run("people", "import", tmp_path / "back", "--gallery", tmp_path / "second")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("postgresql://ada:geh@geheim@db/faces", "The address of the gallery is malformed"),
        ("mysql://ada:geheim@db/faces", "Received: an address of 'mysql'"),
        ("postgresql://ada:geheim@db/faces?schema=A", "Received: schema='A'"),
    ],
)
def test_an_address_that_is_none_is_a_usage_error(place, words):
    assert words in run("people", "list", "--gallery", place, code=2)


def test_nobody_there_is_one_sentence():
    output = run("people", "list", "--gallery", "postgresql://ada:geheim@127.0.0.1:9/faces", code=1)
    assert output.startswith(
        "Error: No PostgreSQL opens the gallery postgresql://ada@127.0.0.1:9/faces?schema=kerasface"
    )
    assert output.count("\n") == 1
