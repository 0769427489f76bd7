"""Judges the answer to an exercise, and helps where it is not right yet."""

import math
from dataclasses import dataclass

from kerasface.course.reading import read_number
from kerasface.course.records import Choice, Number, shown

_NEAR = 0.01  # of the answer: as exact as three digits
_ROUNDED = 0.2  # of the answer: to two decimals, 0.0351 is 0.04, and 0.0001 is no 0.00
_DECIMALS = 6


@dataclass(frozen=True)
class Verdict:
    """What is said to an answer.

    Attributes:
        right: Whether it is right.
        sentence: What to say: the explanation, or what helps on.
    """

    right: bool
    sentence: str


def check_number(exercise: Number, text: str) -> Verdict:
    """Judges an answer that was typed.

    An answer is right within 1 %, or where it is the right one rounded to two decimals or more; whole numbers have to
    be equal. What cannot be read is no mistake: the verdict says how to write it.
    """
    try:
        readings = read_number(text)
    except ValueError as error:
        return Verdict(False, str(error))
    answer = exercise.answer
    if any(_is_right(value, answer) for value in readings):
        return Verdict(True, exercise.explanation)
    for wrong, sentence in exercise.traps:
        if any(math.isclose(value, wrong, rel_tol=1e-3) for value in readings):
            return Verdict(False, sentence)
    hints = {_help(value, answer) for value in readings}  # of a text that can be read in two ways, none that misleads
    return Verdict(
        False, " ".join([f"{' or '.join(map(shown, readings))} is not it.", *(hints if len(hints) == 1 else ())])
    )


def check_choice(exercise: Choice, chosen: str) -> Verdict:
    """Judges an answer that was chosen."""
    if chosen == exercise.options[exercise.right]:
        return Verdict(True, exercise.explanation)
    return Verdict(False, "Not that one. Look at what is shown, and choose again.")


def _is_right(value: float, answer: float) -> bool:
    if math.isclose(answer, round(answer), rel_tol=1e-12):
        return math.isclose(value, answer, rel_tol=1e-9, abs_tol=1e-9)
    rounded = any(math.isclose(value, round(answer, places), abs_tol=1e-12) for places in range(2, _DECIMALS))
    return math.isclose(value, answer, rel_tol=_ROUNDED if rounded else _NEAR)


def _help(value: float, answer: float) -> str:
    if answer and math.isclose(-value, answer, rel_tol=_NEAR):
        return "The size is right: look at the sign."
    if 0 < answer < 1 and math.isclose(value / 100, answer, rel_tol=_NEAR):
        return f"If you meant {shown(value)} %, write the sign, or a share of 1."
    for power in (-9, -6, -3, -2, -1, 1, 2, 3, 6, 9):
        if answer and math.isclose(value, answer * 10**power, rel_tol=_NEAR):
            return "The digits are right: count the zeros, or look at the point."
    if answer and math.isclose(value, answer, rel_tol=0.1):
        return "It is close: compute it to one more digit, or count again."
    return "The answer is larger." if value < answer else "The answer is smaller."
