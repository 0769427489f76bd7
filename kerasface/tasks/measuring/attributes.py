"""What a user knows of photos, read from a table: ages, places, glasses, anything that errors may depend on."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasface.data.tables import TableError, read_table
from kerasface.files.paths import user_path
from kerasface.tasks.measuring.people import People

PHOTO = "photo"  # the column that names the photo
MAX_WORDS = 20  # different ones in a column: of more, each slice has too few pairs


def read_attributes(file: str | os.PathLike, people: People, images: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a table with a column `photo`, a file of `images`, and a column for each attribute of it.

    A column of which every cell is a number is one of numbers; any other holds words. Where a cell is empty, or a photo
    has no row, it is not known. Rows of other photos are passed over.

    Args:
        file: The table: commas, semicolons or tabs, with a header.
        people: The photos.
        images: The folder that names of photos start from.

    Returns:
        Name of the attribute to its values, `(num_photos,)`: float64, NaN where it is not known, or strings.

    Raises:
        TableError: If it has no such column or no other one, names a photo twice or none of these, or a column has too
            many different words.
    """
    (_, header), *rows = read_table(file)
    columns = [PHOTO if name.casefold() == PHOTO else name for name in header]
    if columns.count(PHOTO) != 1 or len(set(columns)) < len(columns) or len(columns) < 2:
        raise TableError(
            f"{file}: The header names a column {PHOTO} and one or more attributes, each once. "
            f"Received: {','.join(header)!r}."
        )
    place = {path: number for number, path in enumerate(people.paths)}
    cells: dict[int, Sequence[str]] = {}
    for line, row in rows:
        if len(row) != len(columns):
            raise TableError(f"{file}, line {line}: The header has {len(columns)} columns. Received: {len(row)}.")
        path = Path(images) / user_path(row[columns.index(PHOTO)].replace("\\", "/"))
        if path not in place:
            continue
        if place[path] in cells:
            raise TableError(f"{file}, line {line}: A photo has one row. Received: {path} again.")
        cells[place[path]] = row
    if not cells:
        first = f" The first row's is {rows[0][1][columns.index(PHOTO)]!r}." if rows else ""
        raise TableError(f"{file} has a row for none of the {len(place):,} photos. They are files of {images}.{first}")
    return {
        name: _values(file, name, {photo: row[column] for photo, row in cells.items()}, len(place))
        for column, name in enumerate(columns)
        if name != PHOTO
    }


def _values(file: str | os.PathLike, name: str, cells: dict[int, str], num_photos: int) -> np.ndarray:
    known = {photo: cell for photo, cell in cells.items() if cell}
    try:
        numbers = {photo: float(cell.replace(",", ".")) for photo, cell in known.items()}  # 0,5 as many write it
    except ValueError:
        numbers = {}
    if numbers and np.isfinite(list(numbers.values())).all():
        values = np.full(num_photos, np.nan)
        values[list(numbers)] = list(numbers.values())
        return values
    if (count := len(set(known.values()))) > MAX_WORDS:
        raise TableError(
            f"{file}: A column holds numbers, or up to {MAX_WORDS} different words. Received: {count} in {name!r}."
        )
    words = [known.get(photo, "") for photo in range(num_photos)]
    return np.array(words, dtype=np.str_)
