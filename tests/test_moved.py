"""Whoever imports a module of version 0.1 is sent to its new place, and all of these exist."""

from importlib.util import find_spec

import pytest

from kerasface import moved

OLD = [
    module.partition("=")[0]
    for line in moved._ROOMS.replace("\n    ", " ").split("\n")
    for module in line.partition(": ")[2].split()
]


@pytest.mark.parametrize("name", OLD)
def test_every_new_place_exists(name):
    assert find_spec(f"kerasface.{moved.new_place(name)}") is not None


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("from kerasface.verify import verify", "kerasface.tasks.verification"),
        ("import kerasface.train.metric_recipe", "kerasface.train.metric_learning.recipe"),
        ("from kerasface.images import decode", "kerasface.images.decoding.decode"),
        ("from kerasface.runs import load_run", "kerasface.runs.store.load_run"),
        ("from kerasface.gallery.sqlite import SqliteGallery", "kerasface.gallery.gallery.Gallery"),
    ],
)
def test_an_old_import_is_sent_to_the_new_place(statement, place):
    with pytest.raises(ImportError, match=rf"is {place} since version 0\.2"):
        exec(statement)


def test_what_never_was_is_no_old_name():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'kerasface\.nothing'"):
        exec("import kerasface.nothing")
