"""Tables for other programs: CSV in which no cell is a formula, whatever files and people are called."""

import csv
import io
from collections.abc import Iterable, Sequence

# What makes spreadsheets compute a cell instead of showing it; tab and return they pass over in front of the others.
_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a table as CSV text.

    A text that a spreadsheet would take for a formula gets an apostrophe in front of it; numbers stay as they are.

    Args:
        header: Names of the columns.
        rows: As many cells each; `None` is an empty one.

    Example:
        >>> csv_text(["file", "score"], [["=1+1.jpg", -0.5]])
        "file,score\\r\\n'=1+1.jpg,-0.5\\r\\n"
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_shown(cell) for cell in row] for row in rows)
    return text.getvalue()


def _shown(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_BEGIN_FORMULAS) and not _is_number(cell):
        return f"'{cell}"
    return cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
