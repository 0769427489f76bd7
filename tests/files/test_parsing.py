"""However deep or broken it is: what others wrote is parsed, or is no JSON or TOML in a sentence."""

import pytest

from kerasface.files.parsing import json_of, toml_of


def test_what_is_sound_is_parsed():
    assert json_of(b'{"a": [1, null]}') == {"a": [1, None]}
    assert toml_of("a = [1, 2]") == {"a": [1, 2]}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_json_that_is_nested_too_deeply_is_refused(text):
    with pytest.raises(ValueError, match=r"nested too deeply|Expecting"):
        json_of(text)


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "{b = " * 5000])
def test_toml_that_is_nested_too_deeply_is_refused(text):
    with pytest.raises(ValueError, match="nested too deeply"):
        toml_of(text)
