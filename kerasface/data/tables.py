"""Tables as spreadsheets write them: commas, semicolons or tabs, UTF-8 or UTF-16."""

import csv
import io
import os
import re
from collections.abc import Iterator

from kerasface.files.paths import read_text

DELIMITERS = ("\t", ";", ",")


class TableError(ValueError):
    """A table that cannot be read; the message names file, line and rule."""


def read_table(file: str | os.PathLike) -> list[tuple[int, list[str]]]:
    """Reads the rows of a table that are not empty, each with the number of its line; one or more.

    Raises:
        TableError: If the file cannot be read, is no table, or is empty.
    """
    try:
        rows = list(table_rows(file, read_text(file)))
    except OSError as error:
        raise TableError(f"{file}: Cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise error if isinstance(error, TableError) else TableError(f"{file}: {error}.") from error
    if not rows:
        raise TableError(f"{file}: The file is empty. A table begins with the names of its columns.")
    return rows


def table_rows(file: str | os.PathLike, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the rows of a table that are not empty, each with the number of its line; cells are stripped.

    Args:
        file: What an error calls it.
        text: The table.

    Raises:
        TableError: If a row is none.
    """
    skipped = 0
    if stated := re.match(r"\s*sep=(.)[ \t]*\r?\n", text):  # a line by which spreadsheets tell their delimiter
        skipped, text = stated[0].count("\n"), text[stated.end() :]
    first = text.lstrip().partition("\n")[0]
    delimiter = stated[1] if stated else max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text), skipinitialspace=delimiter != "\t", delimiter=delimiter)
    try:
        for cells in reader:
            if any(stripped := [cell.strip() for cell in cells]):
                yield skipped + reader.line_num, stripped
    except csv.Error as error:
        raise TableError(f"{file}, line {skipped + reader.line_num}: No row of a table: {error}.") from error
