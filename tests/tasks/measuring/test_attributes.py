"""Tables of what is known of photos."""

import numpy as np
import pytest

from kerasface.tasks.measuring.attributes import read_attributes
from tests.tasks.measuring.made_up import people_of


@pytest.fixture
def read(tmp_path):
    def read(text):
        (tmp_path / "known.csv").write_text(text, encoding="utf-8")
        return read_attributes(tmp_path / "known.csv", people_of([0, 0, 1]), ".")

    return read


def test_numbers_and_words_are_told_apart_and_gaps_are_not_known(read):
    found = read("Photo;age;place\np0/0.jpg;31,5;office\np1\\2.jpg;;street\nelsewhere/9.jpg;7;office\n")
    np.testing.assert_array_equal(found["age"], [31.5, np.nan, np.nan])
    assert found["place"].tolist() == ["office", "", "street"]


def test_a_column_of_numbers_and_words_holds_words(read):
    assert read("photo,age\np0/0.jpg,31\np0/1.jpg,old\n")["age"].tolist() == ["31", "old", ""]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("picture,age\n", "a column photo and one or more attributes"),
        ("photo\np0/0.jpg\n", "a column photo and one or more attributes"),
        ("photo,age,age\n", "each once"),
        ("photo,age\np0/0.jpg\n", "line 2: The header has 2 columns. Received: 1"),
        ("photo,age\np0/0.jpg,3\np0/0.jpg,4\n", "line 3: A photo has one row"),
        ("photo,age\n0.jpg,3\n", "a row for none of the 3 photos.*The first row's is '0.jpg'"),
        ("photo,age\n", "a row for none of the 3 photos"),
    ],
)
def test_what_is_no_such_table_is_named(read, text, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(text)


def test_a_column_of_names_is_no_attribute(tmp_path):
    rows = [f"p{number}/{number}.jpg,name{number}" for number in range(30)]
    (tmp_path / "known.csv").write_text("\n".join(["photo,who", *rows]))
    with pytest.raises(ValueError, match=r"up to 20 different words\. Received: 30 in 'who'"):
        read_attributes(tmp_path / "known.csv", people_of(range(30)), ".")


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"absent\.csv: Cannot be read"):
        read_attributes(tmp_path / "absent.csv", people_of([0]), ".")
