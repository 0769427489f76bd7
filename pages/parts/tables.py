"""Tables that are read, not worked with: every column is in sight at any width, and long texts are wrapped."""

import html
from collections.abc import Mapping, Sequence

import streamlit as st

SHOWN = 200  # rows
# On a phone each row becomes a few lines, each with the name of its column.
CSS = """
.kf-table { width: 100%; border-collapse: collapse; font-size: 0.875rem; overflow-wrap: anywhere; }
.kf-table th { text-align: left; font-weight: 600; overflow-wrap: normal; }
.kf-table th, .kf-table td { padding: 0.35rem 0.6rem; border-bottom: 1px solid rgba(128, 140, 138, 0.35); }
.kf-table .number { text-align: right; overflow-wrap: normal; }
@media (max-width: 640px) {
  .kf-table thead, .kf-table th {
    position: absolute; clip-path: inset(50%); width: 1px; height: 1px; padding: 0; overflow: hidden;
  }
  .kf-table tr { display: block; padding: 0.3rem 0; border-bottom: 1px solid rgba(128, 140, 138, 0.35); }
  .kf-table td, .kf-table .number { display: grid; grid-template-columns: 7.5rem 1fr; text-align: left; border: 0; }
  .kf-table td { padding: 0.1rem 0; }
  .kf-table td::before { content: attr(data-column); font-weight: 600; }
}
"""

HINT_CSS = """
.kf-sideways { font-size: 0.875rem; }
@media (min-width: 641px) { .kf-sideways:not(.kf-wide) { display: none; } }
"""


def show_table(rows: Sequence[Mapping[str, object]], alt: str):
    """Shows rows of the same columns; the first `SHOWN` of them, with a word on the others.

    Args:
        rows: Column to text or number; of None a dash is shown.
        alt: What the table is, for those who cannot see it.
    """
    if not rows:
        return
    numbers = {name for name in rows[0] if all(isinstance(row[name], int | float | None) for row in rows)}
    head = "".join(f'<th scope="col"{_side(name in numbers)}>{html.escape(name)}</th>' for name in rows[0])
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-column="{html.escape(name)}"{_side(name in numbers)}>{_text(value)}</td>'
            for name, value in row.items()
        )
        + "</tr>"
        for row in rows[:SHOWN]
    )
    table = f'<table class="kf-table" aria-label="{html.escape(alt)}"><thead><tr>{head}</tr></thead>'
    st.html(f"<style>{CSS}</style>{table}<tbody>{body}</tbody></table>")
    if len(rows) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(rows):,} are shown.")


def show_sideways_hint(*, wide: bool = False):
    """Says of the table above, which can be sorted and chosen from, that it scrolls.

    Args:
        wide: Whether it has more columns than a wide window, too; else it is said on a phone alone.
    """
    kind = "kf-sideways kf-wide" if wide else "kf-sideways"
    text = "Columns that are out of sight come in when the table is moved sideways."
    st.html(f"<style>{HINT_CSS}</style><div class='{kind}'>{text}</div>")


def _side(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _text(value) -> str:
    return "\N{EN DASH}" if value is None else html.escape(str(value))
