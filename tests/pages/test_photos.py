import string

import pytest

from pages.parts.photos import plain


def test_letters_digits_and_spaces_stay_and_markup_is_escaped():
    assert plain("Zoë 7") == "Zoë 7"
    assert plain(":red[*x*] <b>") == r"\:red\[\*x\*\] \<b\>"


@pytest.mark.parametrize("character", sorted(set(string.punctuation) - set("\"'%,/;=?@^")))
def test_every_character_with_a_meaning_in_markdown_is_escaped(character):
    assert plain(f"a{character}b") == f"a\\{character}b"


def test_a_text_stays_on_one_line_and_cannot_start_a_heading():
    assert plain("a\n\n# b") == r"a \# b"
