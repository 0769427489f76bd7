"""Answers as people type them: every way to write a number, and words for what is none."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasface.course.reading import read_number


@pytest.mark.parametrize(
    "text",
    [
        *("0.70", "0,70", ".7", "70 %", "70%", "70 per cent", "7/10", "0.7", " 0.70 ", "= 0.7", "p = 0,7", "about 0.7"),
        *(
            "0.7 nats",
            "7e-1",
            "700\u2030",
            "(1 - 0.3)",
            "\uff10.7",
            "7\u204410",
            "70,0 %",
            "~0.7",
            "0.7.",
            "70 % of them",
        ),
    ],
)
def test_seven_tenths(text):
    assert read_number(text)[0] == pytest.approx(0.7)


@pytest.mark.parametrize(
    "text",
    [
        *("73728", "73,728", "73.728", "73 728", "73\u202f728", "73\u00a0728", "73'728", "73_728", "64*128*9"),
        *("64·128·9", "64 x 128 x 9", "64\u00d7128\u00d79", "73728 weights", "73.728 k", "0.073728 million", "2^13*9"),
        *("64·3²·128", "2¹³·9", "(2⁶)²·18"),
    ],
)
def test_thousands_and_sums(text):
    assert any(value == pytest.approx(73728) for value in read_number(text))


def test_a_comma_may_be_either_and_both_are_meant():
    assert read_number("1,228") == (1228.0, 1.228)
    assert read_number("1.228") == (1.228, 1228.0)
    assert read_number("0,228") == (0.228,)
    assert read_number("1,228,800") == (1228800.0,)
    assert read_number("1.234,5") == read_number("1,234.5") == (1234.5,)


@pytest.mark.parametrize(("text", "value"), [("-0,3", -0.3), ("\u2212 96.8", -96.8), ("ten", 10), ("\u00bd", 0.5)])
def test_signs_and_words(text, value):
    assert read_number(text) == (pytest.approx(value),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Nothing is written"),
        ("   ", "Nothing is written"),
        ("no idea", "is no number"),
        ("0.70, 0.04, 0.26", "several numbers"),
        ("0.7 and 0.3", "several numbers"),
        ("1.2.3", "several points"),
        ("1,2.3,4", "mixes points and commas"),
        ("1/0", "divides by zero"),
        ("9^9^9", "too large"),
        ("1e999", "too large"),
        ("(2", "cannot be read"),
        ("2 ** [3]", "cannot be read"),
        ("7" * 200, "200 characters"),
        ("__import__('os').getcwd()", "is no number"),
        ("(-2)^0.5", "divides by zero or is too large"),
    ],
)
def test_what_is_no_number_is_said(text, told):
    with pytest.raises(ValueError, match=told):
        read_number(text)


@settings(max_examples=60)
@given(st.text(max_size=60) | st.text("0123456789.,/*%^()+-e x=", max_size=40))
def test_whatever_is_typed_is_a_number_or_a_sentence(text):
    try:
        found = read_number(text)
    except ValueError:
        return
    assert found
    assert all(isinstance(value, float) and math.isfinite(value) for value in found)


@settings(max_examples=40)
@given(st.floats(1e-6, 1e9))
def test_a_number_is_read_as_it_is_written(value):
    assert read_number(f"{value:.8f}")[0] == pytest.approx(value, abs=1e-8)
    assert any(found == pytest.approx(value, abs=1e-8) for found in read_number(f"{value:,.8f}"))
