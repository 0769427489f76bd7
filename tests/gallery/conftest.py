"""Galleries for tests: small embeddings, a fixed key, and no look at the user's own key.

What uses `gallery` or `path` runs twice: on a file, and on a PostgreSQL server, which these tests start.
"""

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest

from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample
from tests.gallery.tables import ServerPlace

EMBEDDING_DIM = 16
ROOT = Path(__file__).resolve().parents[2]
_NUMBERS = itertools.count(1)  # of the schemas


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path, monkeypatch):
    """Keeps the key that a test makes out of the user's configuration folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("KERASFACE_KEY", raising=False)


def sample_of(source, **changes):
    """The sample of a source: its embedding, a random direction, and its hash follow from the source's name."""
    digest = hashlib.sha256(source.encode())
    embedding = np.random.default_rng(list(digest.digest())).normal(size=EMBEDDING_DIM).astype(np.float32)
    parts = {"quality": {"width": 90.5}, **changes}
    return NewSample(embedding / np.linalg.norm(embedding), source, digest.hexdigest(), **parts)


@pytest.fixture
def new_sample():
    """Makes the sample of a source: its embedding, a random direction, and its hash follow from the source's name."""

    return sample_of


@pytest.fixture
def open_at():
    """Opens galleries with the defaults of these tests, and closes them at the end."""
    opened = []

    def open_with_defaults(path, **changes):
        settings = {
            "embedder": "embedder-a",
            "embedding_dim": EMBEDDING_DIM,
            "key": b"k" * 32,
            "timeout": 5.0,
        } | changes
        opened.append(open_gallery(path, **settings))
        return opened[-1]

    yield open_with_defaults
    for gallery in opened:
        gallery.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def kind(request):
    """What keeps the gallery of a test."""
    return request.param


@pytest.fixture
def path(kind, tmp_path, request):
    """Where the gallery of a test is: a file in a folder of its own, or the address of a schema of its own."""
    if kind == "sqlite":
        return tmp_path / "gallery" / "friends"
    return ServerPlace(request.getfixturevalue("postgres"), f"friends{next(_NUMBERS)}")


@pytest.fixture
def gallery(open_at, path):
    """An empty gallery."""
    return open_at(path)
