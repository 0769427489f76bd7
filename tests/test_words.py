"""Numbers of things, in words."""

import pytest

from kerasface.words import counted


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (1, ["face"], "1 face"),
        (0, ["face"], "0 faces"),
        (1797, ["image"], "1,797 images"),
        (1, ["person", "people"], "1 person"),
        (2, ["person", "people"], "2 people"),
    ],
)
def test_one_is_singular(number, nouns, text):
    assert counted(number, *nouns) == text
