"""A gallery, its photos and its passphrase whose names are bytes of another encoding."""

import os
from pathlib import Path

import numpy as np
import pytest

from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample

DIM = 8


def odd(folder, name):
    return folder / Path(os.fsdecode(name))


@pytest.mark.parametrize("create", [True, "late"])
@pytest.mark.slow
def test_names_that_are_no_text_are_kept_exported_and_imported(create, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    first, second = odd(tmp_path, b"Jos\xe9.gallery"), odd(tmp_path, b"other\xe9.gallery")
    how = {"embedder": "e", "embedding_dim": DIM, "create": create}
    with open_gallery(first, **how) as gallery:
        photo = str(odd(tmp_path, b"Jos\xe9.jpg"))
        gallery.enroll("Ada", [NewSample(np.eye(1, DIM, dtype=np.float32)[0], photo, "0" * 64, {})])
        gallery.export(odd(tmp_path, b"Jos\xe9.people"), passphrase="p\udce9ss")
    assert first.exists()
    with open_gallery(second, **how) as gallery:
        gallery.import_(odd(tmp_path, b"Jos\xe9.people"), passphrase="p\udce9ss")
        (person,) = gallery.people()
        (sample,) = gallery.samples(person.person_id)
    assert sample.source == str(tmp_path / r"Jos\xe9.jpg")
