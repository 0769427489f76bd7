"""Verdicts: right where it is right, help where it is not, never an answer that is hidden in the help."""

import pytest

from kerasface.course.checking import check_choice, check_number
from kerasface.course.records import Choice, Number

SHARE = Number("Which share?", lambda: 0.7054, "It is {answer}.", traps=((0.5, "That is half."),))
WEIGHTS = Number("How many?", lambda: 73728, "64·128·9 = {answer}.")
SMALL = Number("How much?", lambda: 0.000133, "So little.")


@pytest.mark.parametrize("text", ["0.7054", "0,71", "0.705", "70.54 %", "0.7"])
def test_a_share_is_right_also_rounded(text):
    verdict = check_number(SHARE, text)
    assert verdict.right
    assert verdict.sentence == "It is 0.7054."


@pytest.mark.parametrize(
    ("exercise", "text", "told"),
    [
        (SHARE, "0.5", "That is half."),
        (SHARE, "-0.7054", "sign"),
        (SHARE, "70.54", "write the sign"),
        (SHARE, "0.75", "close"),
        (SHARE, "0.2", "larger"),
        (SHARE, "0.9", "smaller"),
        (SHARE, "?", "Nothing is written"),
        (WEIGHTS, "73727", "close"),
        (WEIGHTS, "7372.8", "digits are right"),
        (WEIGHTS, "72", "larger"),
        (SMALL, "0", "larger"),
    ],
)
def test_what_is_wrong_is_helped_on(exercise, text, told):
    verdict = check_number(exercise, text)
    assert not verdict.right
    assert told in verdict.sentence
    assert "73,728" not in verdict.sentence


def test_whole_numbers_have_to_be_equal():
    assert check_number(WEIGHTS, "73 728").right
    assert check_number(WEIGHTS, "73.728").right
    assert not check_number(WEIGHTS, "73 729").right


def test_a_choice_is_right_or_not():
    choice = Choice("Which?", ("one", "two"), 1, "Two.")
    assert check_choice(choice, "two").right
    assert not check_choice(choice, "one").right
