"""Reads lists of verification pairs: in the format of Labeled Faces in the Wild (LFW), or a table with a header."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.data.tables import TableError, table_rows
from kerasface.files.paths import read_text, user_path

_COLUMNS = ("a", "b", "same")
_YES, _NO = ("1", "true", "yes", "same", "y", "t"), ("0", "false", "no", "different", "n", "f")


class PairsError(ValueError):
    """A list of pairs that breaks the format; the message names file, line and rule."""


@dataclass(frozen=True)
class Pair:
    """Two images to compare.

    Attributes:
        path_a: First image.
        path_b: Second image.
        same: Whether both show one identity (genuine) or not (impostor).
        fold: The part of the list that the pair belongs to, from 0.
        line: Its line in the file, from 1.
    """

    path_a: Path
    path_b: Path
    same: bool
    fold: int
    line: int


def read_pairs(file: str | os.PathLike, images_dir: str | os.PathLike) -> list[Pair]:
    """Reads a list of pairs; whether the images exist is not looked at (see `missing_images`).

    A table has commas, semicolons or tabs, and a header with the columns `a` and `b`, two files in `images_dir` (with
    slashes or backslashes), and `same`: 1 or 0 (1.0, 0.0), true or false, yes or no, same or different. A column `fold`
    is a whole number from 0; without it all pairs are one fold. Other columns are passed over. Without a header the
    columns are a, b, same and perhaps fold; then there may be blanks between them.

    LFW's format: the first line is `folds pairs_per_half` (View 2), or the second number alone (View 1) for one fold.
    Each fold is `pairs_per_half` genuine lines `name i j`, then as many impostor lines `name i name j`. Fields are
    separated by tabs, or by blanks in a line without tabs; empty lines are skipped.

    Args:
        file: The list, UTF-8 or UTF-16 text.
        images_dir: Where the images are; in LFW's format image 7 of `Name` is `images_dir/Name/Name_0007.jpg`.

    Returns:
        The pairs, in the order of the file.

    Raises:
        PairsError: If the file cannot be read or a line breaks the format.

    Reference:
        Huang, Ramesh, Berg, Learned-Miller, "Labeled Faces in the Wild", technical report 07-49, 2007.
    """
    text = _text(file)
    if _is_table(text):
        return _read_table(file, text, Path(images_dir))
    lines = [(number, _fields(line)) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        raise PairsError(
            f"{file}: The file is empty. The first line must be: folds pairs_per_half, or {','.join(_COLUMNS)}."
        )
    (header_line, header), *rest = lines
    num_folds, half = _parse_header(header, f"{file}, line {header_line}")
    expected = num_folds * 2 * half
    if len(rest) != expected:
        raise PairsError(
            f"{file}, line {header_line}: The header promises {num_folds} x 2 x {half} = {expected} pairs. "
            f"Received: {len(rest)}, the last on line {lines[-1][0]}."
        )
    pairs = []
    for position, (line, fields) in enumerate(rest):
        fold, within = divmod(position, 2 * half)
        parse = _parse_genuine if within < half else _parse_impostor
        path_a, path_b = parse(fields, Path(images_dir), f"{file}, line {line}")
        pairs.append(Pair(path_a, path_b, same=within < half, fold=fold, line=line))
    return pairs


def missing_images(pairs: Iterable[Pair]) -> list[tuple[int, Path]]:
    """Lists the images of the pairs that do not exist, as `(line, path)` in the order of the file."""
    return [(pair.line, path) for pair in pairs for path in (pair.path_a, pair.path_b) if not path.is_file()]


def check_images(pairs: Sequence[Pair], images_dir: str | os.PathLike) -> None:
    """Refuses a list of which no pair has both of its images: then most likely the folder is a wrong one.

    Raises:
        PairsError: If so; it names the first image, and the right folder where that is near.
    """
    missing = missing_images(pairs)
    if not pairs or len({line for line, _ in missing}) < len({pair.line for pair in pairs}):
        return
    path, images_dir = missing[0][1], Path(images_dir)
    hint = "Is this the right folder of images?"
    if not images_dir.is_dir():
        hint = f"{images_dir} {'is not a folder' if images_dir.exists() else 'does not exist'}."
    elif path.is_relative_to(images_dir):
        inside = path.relative_to(images_dir)
        near = [images_dir.parent, *sorted(one for one in images_dir.iterdir() if one.is_dir())]
        if found := next((one for one in near if (one / inside).is_file()), None):
            hint = f"It is in {found}: give that as the folder of images."
    raise PairsError(
        f"None of the {len(pairs):,} pairs can be scored: their images are not there. The first: {path}. {hint}"
    )


def persons_of(pairs: Sequence[Pair], paths: Sequence[Path]) -> tuple[list[str], np.ndarray]:
    """Tells who is on the photos of a list: the resampling of error rates draws people, not pairs.

    A folder is a person where that agrees with every pair; else photos that a genuine pair joins are one person.

    Args:
        pairs: The list.
        paths: Its photos, each once.

    Returns:
        The people's names, and the number of the person of each photo, `(num_photos,)`.
    """
    if all((pair.path_a.parent == pair.path_b.parent) == pair.same for pair in pairs):
        names, labels = np.unique([path.parent.name for path in paths], return_inverse=True)
        return names.tolist(), labels
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    place = {path: number for number, path in enumerate(paths)}
    joined = np.array([(place[pair.path_a], place[pair.path_b]) for pair in pairs if pair.same]).reshape(-1, 2)
    graph = coo_array((np.ones(len(joined)), joined.T), shape=(len(paths), len(paths)))
    _, labels = connected_components(graph, directed=False)
    return [paths[first].stem for first in np.unique(labels, return_index=True)[1]], labels


def _read_table(file: str | os.PathLike, text: str, images_dir: Path) -> list[Pair]:
    try:
        rows = _split_at_blanks(text) if _has_blanks(_first_line(text)) else list(table_rows(file, text))
    except TableError as error:
        raise PairsError(str(error)) from error
    columns = [cell.casefold() for cell in rows[0][1]]
    is_header = set(_COLUMNS) <= set(columns)
    if not is_header and len(columns) in (3, 4) and _same(columns[2]) is not None:  # no header: the first row is a pair
        columns = [*_COLUMNS, "fold"][: len(columns)]
    else:
        line, cells = rows.pop(0)
        if missing := [name for name in _COLUMNS if columns.count(name) != 1]:
            raise PairsError(
                f"{file}, line {line}: The header names the columns {', '.join(_COLUMNS)}, each once. "
                f"Received: {','.join(cells)!r}, so {', '.join(missing)} cannot be told."
            )
    if not rows:
        raise PairsError(f"{file}: There is no pair below the header.")
    return [_row_pair(f"{file}, line {line}", line, columns, cells, images_dir) for line, cells in rows]


def _row_pair(where: str, line: int, columns: list[str], cells: list[str], images_dir: Path) -> Pair:
    if len(cells) != len(columns):
        raise PairsError(f"{where}: The header has {len(columns)} columns. Received: {len(cells)}.")
    row = dict(zip(columns, cells, strict=True))
    # Tables of Windows have backslashes; in a name of a file they stand nowhere else.
    paths = [row[name].replace("\\", "/") for name in ("a", "b")]
    if not all(paths) or paths[0] == paths[1] or "\0" in "".join(paths):
        raise PairsError(f"{where}: A pair is two files. Received: {row['a']!r} and {row['b']!r}.")
    if (same := _same(row["same"])) is None:
        raise PairsError(f"{where}: same is one of {', '.join((*_YES, *_NO))}. Received: {row['same']!r}.")
    fold = re.fullmatch(r"([0-9]{1,9})(?:[.,]0*)?", row.get("fold", "0"))
    if fold is None:
        raise PairsError(f"{where}: A fold is a whole number from 0. Received: {row['fold']!r}.")
    return Pair(*(images_dir / user_path(path) for path in paths), same=same, fold=int(fold[1]), line=line)


def _same(text: str) -> bool | None:
    """Whether a cell says yes or no: in words, or as a number; None for anything else."""
    word = text.casefold()
    if re.fullmatch(r"[01][.,]0*", word):
        word = word[0]
    return True if word in _YES else False if word in _NO else None


def _is_table(text: str) -> bool:
    """Whether a list is a table: LFW's begins with one or two numbers."""
    first = _first_line(text)
    fields = first.split("\t")
    numbers = all(field.strip().isdecimal() for field in fields)
    return "," in first or ";" in first or (len(fields) > 2 and not numbers) or _has_blanks(first)


def _first_line(text: str) -> str:
    return text.lstrip().partition("\n")[0].strip()


def _has_blanks(first: str) -> bool:
    """Whether the first line is a pair with blanks between two files and whether they are the same."""
    fields = first.split()
    is_row = not any(sign in first for sign in ",;\t") and len(fields) == 3
    return is_row and all("." in file for file in fields[:2]) and _same(fields[2]) is not None


def _split_at_blanks(text: str) -> list[tuple[int, list[str]]]:
    return [(number, line.split()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def _text(file: str | os.PathLike) -> str:
    try:
        return read_text(file)
    except OSError as error:
        raise PairsError(f"{file}: Cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise PairsError(f"{file}: {error}.") from error


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.strip().split("\t" if "\t" in line.strip() else None)]


def _parse_header(fields: list[str], where: str) -> tuple[int, int]:
    if len(fields) not in (1, 2):
        raise PairsError(
            f"{where}: The header is: folds pairs_per_half; or, for a table, {','.join(_COLUMNS)}. "
            f"Received: {' '.join(fields)!r}."
        )
    *folds, half = [_positive(field, where) for field in fields]
    return (folds[0] if folds else 1), half


def _parse_genuine(fields: list[str], images_dir: Path, where: str) -> tuple[Path, Path]:
    if len(fields) != 3:
        raise PairsError(f"{where}: A genuine pair is: name i j. Received: {' '.join(fields)!r}.")
    name, first, second = fields
    return _image_path(images_dir, name, first, where), _image_path(images_dir, name, second, where)


def _parse_impostor(fields: list[str], images_dir: Path, where: str) -> tuple[Path, Path]:
    if len(fields) != 4:
        raise PairsError(f"{where}: An impostor pair is: name i name j. Received: {' '.join(fields)!r}.")
    name_a, first, name_b, second = fields
    if name_a == name_b:
        raise PairsError(f"{where}: An impostor pair names two identities. Received: {name_a!r} twice.")
    return _image_path(images_dir, name_a, first, where), _image_path(images_dir, name_b, second, where)


def _image_path(images_dir: Path, name: str, number: str, where: str) -> Path:
    if not name or name in (".", "..") or any(sign in name for sign in "/\\\0"):
        raise PairsError(f"{where}: A name is the name of one folder. Received: {name!r}.")
    return images_dir / name / f"{name}_{_positive(number, where):04d}.jpg"


def _positive(field: str, where: str) -> int:
    if not (field.isascii() and field.isdigit() and len(field) <= 9 and int(field) > 0):
        raise PairsError(f"{where}: A whole number from 1 is needed here. Received: {field!r}.")
    return int(field)
