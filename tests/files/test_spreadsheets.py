"""Tables that a spreadsheet opens: what files and people are called is never computed."""

import csv
import io

import pytest

from kerasface.files.spreadsheets import csv_text


@pytest.mark.parametrize("cell", ["=1+1", "+1 + 1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(1,2)"])
def test_a_formula_is_shown_and_not_computed(cell):
    (_, (shown,)) = csv.reader(io.StringIO(csv_text(["name"], [[cell]]), newline=""))
    assert shown == f"'{cell}"


@pytest.mark.parametrize("cell", [-0.5, "-0.5", "+3", "1e-3", 7, "Ada", "a=b", 'Ada, "Countess"\nof L.', ""])
def test_numbers_and_other_texts_stay_as_they_are(cell):
    (_, (shown, _)) = csv.reader(io.StringIO(csv_text(["name", "of"], [[cell, 1]]), newline=""))
    assert shown == str(cell)


def test_nothing_is_an_empty_cell():
    assert csv_text(["a", "b"], [[None, 1]]) == "a,b\r\n,1\r\n"
