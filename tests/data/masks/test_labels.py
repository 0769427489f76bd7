"""What labels of one set stand for among the classes of a model: judged in its own words, and nothing guessed."""

import re

import numpy as np
import pytest

from kerasface.data.masks.labels import LabelMap, label_map, read_label_file

CLASSES = ("background", "skin", "hair", "nose")
FILE = """
coarse = 0.01
[labels]
background = "background"
face = ["skin", "nose"]
hair = ["hair"]
hat = "ignore"
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "labels.toml"
        path.write_text(text)
        return path

    return write


def test_a_file_says_what_each_label_stands_for(written):
    said = read_label_file(written(FILE))
    assert said.coarse == 0.01
    assert said.stands_for == {
        "background": ("background",),
        "face": ("skin", "nose"),
        "hair": ("hair",),
        "hat": (),
    }
    meant = label_map(("hat", "face", "hair", "background"), CLASSES, said, "faces")
    assert meant.stands_for == ((), (1, 3), (2,), (0,))  # in the order of the ids, not of the lines
    assert meant.coarse == 0.01
    assert meant.judged_labels == (1, 2, 3)


def test_without_a_file_a_label_stands_for_the_class_of_its_name():
    meant = label_map(("nose", "hair", "skin", "background"), CLASSES, None, "faces")
    assert meant.stands_for == ((3,), (2,), (1,), (0,))
    assert meant.coarse == 0.0


def test_a_prediction_is_put_into_the_words_of_the_set():
    """Labels: 0 background, 1 ignored, 2 skin or nose, 3 a beard, which is hair or skin."""
    meant = LabelMap(("background", "hat", "face", "beard"), CLASSES, ((0,), (), (1, 3), (1, 2)))
    true = np.array([[0, 0, 1, 2, 2, 2, 3, 3, 3]])
    said = np.array([[0, 2, 1, 1, 3, 2, 1, 2, 0]])
    mask, predicted, ignored = meant.judged(true, said)
    assert mask.tolist() == [[0, 0, 0, 1, 1, 1, 2, 2, 2]]  # positions among background, face and beard
    assert ignored.tolist() == [[False, False, True, *[False] * 6]]
    # Right: background, skin and nose for face, skin and hair for beard. Hair is a beard's first, background its own.
    assert predicted[~ignored].tolist() == [0, 2, 1, 1, 2, 2, 2, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("labels =", "is not valid TOML"),
        ('[labels]\nhair = "hair"\n[more]', "unknown line. Received: more"),
        ("coarse = 0.1", "labels=None"),
        ("[labels]", "labels={}"),
        ("[labels]\nhair = 2", "hair = 2"),
        ("[labels]\nhair = []", r"hair = \[\]"),
        ('[labels]\nhair = ["hair", 2]', "hair = "),
        ('[labels]\nhair = ["hair", "ignore"]', '"ignore" stands alone'),
        ('coarse = 0.5\n[labels]\nhair = "hair"', "coarse=0.5"),
        ('coarse = "a bit"\n[labels]\nhair = "hair"', "coarse='a bit'"),
    ],
)
def test_a_file_of_another_form_is_refused(written, text, message):
    path = written(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_label_file(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"none\.toml cannot be read"):
        read_label_file(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("own", "replaced", "message"),
    [
        (("background", "face", "hair"), "", "The set has no hat. Received: a set of background, face, hair"),
        (("background", "face", "hair", "hat", "ear"), "", 'needs a line, or "ignore". Missing: ear'),
        (("background", "face", "hair", "hat"), "skin", "The model has no skim. Received: a model of background"),
        (("background", "face", "hair", "hat"), '"skin", ', "No label stands for skin"),
    ],
)
def test_labels_that_do_not_fit_are_named(written, own, replaced, message):
    text = FILE.replace(replaced, "skim" if replaced == "skin" else "") if replaced else FILE
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        label_map(own, CLASSES, read_label_file(written(text)), "faces")
    assert "for faces" in str(caught.value)


def test_without_a_file_the_classes_are_the_same():
    with pytest.raises(ValueError, match=r"faces has other classes.* no hat\..* Say in a file"):
        label_map((*CLASSES, "hat"), CLASSES, None, "faces")
    with pytest.raises(ValueError, match=r"No label stands for nose\..* Say in a file"):
        label_map(CLASSES[:3], CLASSES, None, "faces")
