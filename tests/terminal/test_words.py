"""Numbers of things, in words, and rates in per cent."""

import pytest

from kerasface.terminal.words import counted, percent_of


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


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.0024, "0.24 %"),
        (0.1249, "12 %"),
        (0.996, "99.6 %"),
        (1.5e-7, "0.000015 %"),
        (0.001, "0.1 %"),
    ],
)
def test_a_small_rate_keeps_two_digits(rate, text):
    assert percent_of(rate) == text
