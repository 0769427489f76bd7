"""The statements of a gallery as PostgreSQL says them."""

import pytest

from kerasface.gallery.postgres.statements import statement_of
from kerasface.gallery.rows import PERSONS


def test_words_and_values_are_those_of_postgresql():
    said = statement_of("SELECT seq FROM sqlite_sequence WHERE name = ?")
    assert (said.text, said.is_long, said.kind) == ("SELECT seq FROM numbers WHERE name = %s", False, "")
    assert "string_agg(r.refusal::text, ',')" in statement_of(PERSONS).text


@pytest.mark.parametrize(
    ("text", "is_long"),
    [
        ("SELECT sample_id FROM samples NOT INDEXED WHERE changed > ?", True),
        ("SELECT person, sealed FROM seals WHERE person != 0", True),
        ("SELECT number, action FROM changes ", True),
        ("SELECT count(*) FROM changes", False),
        ("SELECT coalesce(max(number), 0) FROM changes", False),
        ("SELECT embedder FROM gallery", False),
        (PERSONS, True),
        (f"{PERSONS} WHERE p.person = ?", False),
    ],
)
def test_what_may_be_a_million_rows_is_fetched_as_it_is_needed(text, is_long):
    said = statement_of(text)
    assert (said.is_long, "NOT INDEXED" in said.text) == (is_long, False)


def test_what_changes_rows_tells_which():
    """`substr(x, -16)` counts from the end, which PostgreSQL does not."""
    ends = "substr(sealed, length(sealed) - 15)"
    added = statement_of("INSERT INTO merges VALUES (?, ?, ?)")
    assert added.text == f"INSERT INTO merges VALUES (%s, %s, %s) RETURNING merge, person, {ends}"
    changed = statement_of("UPDATE merges SET person = ?, sealed = ? WHERE merge = ?")
    assert changed.before == f"SELECT merge, person, {ends} FROM merges WHERE merge = %s"
    assert (changed.kind, changed.table, changed.num_new) == ("UPDATE", "merges", 2)
    assert statement_of("UPDATE gallery SET traces = 1").before.endswith("FROM gallery")
    assert statement_of("INSERT INTO seals VALUES (?, ?)").kind == ""  # seals are sealed by who writes them
