"""Addresses that somebody else made: whatever stands behind the question mark, the page opens."""

import pytest

PAGES = (
    *("home", "verify", "recognise", "gallery", "segment", "unlock", "lectures", "inspect", "architectures"),
    *("playground", "train", "runs", "evaluate"),
)
NAMES = ("view", "person", "item", "part", "architecture", "topic", "training", "runs", "model", "question", "pairs_of")
VALUES = {
    "empty": "",
    "long": "x" * 100_000,
    "path": "../../../../etc/passwd",
    "script": "<script>alert(1)</script>[x](javascript:alert(1)) :material/home:",
    "controls": "a\x1b[2J\x07\u202e\u2028b",
    "number": "9" * 5000,
    "below": "-1",
    "nan": "nan",
    "json": '{"__class__": "x"}[]',
    "many": ["a", "b", "a"] * 300,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_whatever_its_address_says(open_page, name, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for kind, value in VALUES.items():
        page = open_page(name, **dict.fromkeys(NAMES, value))
        assert not page.exception, (kind, page.exception[0].message)
        assert page.title[0].value
        shown = "".join(part.proto.body for part in page.get("html")) + "".join(text.value for text in page.markdown)
        assert "<script" not in shown
        assert "javascript:alert" not in shown.replace("\\", "") or "\\(javascript" in shown, kind
