"""Galleries for tests: small embeddings, a fixed key, and no look at the user's own key."""

import hashlib

import numpy as np
import pytest

from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample

EMBEDDING_DIM = 16


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path, monkeypatch):
    """Keeps the key that a test makes out of the user's configuration folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("KERASFACE_KEY", raising=False)


@pytest.fixture
def new_sample():
    """Makes the sample of a source: its embedding, a random direction, and its hash follow from the source's name."""

    def make(source, **changes):
        digest = hashlib.sha256(source.encode())
        embedding = np.random.default_rng(list(digest.digest())).normal(size=EMBEDDING_DIM).astype(np.float32)
        parts = {"quality": {"width": 90.5}, **changes}
        return NewSample(embedding / np.linalg.norm(embedding), source, digest.hexdigest(), **parts)

    return make


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


@pytest.fixture
def path(tmp_path):
    """Where the gallery of a test lies; its folder is the gallery's own."""
    return tmp_path / "gallery" / "friends"


@pytest.fixture
def gallery(open_at, path):
    """An empty gallery."""
    return open_at(path)
