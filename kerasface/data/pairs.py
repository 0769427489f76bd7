"""Reads lists of verification pairs in the format of Labeled Faces in the Wild (LFW)."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


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

    The first line is `folds pairs_per_half` (View 2), or the second number alone (View 1) for one fold. Each fold is
    `pairs_per_half` genuine lines `name i j`, then as many impostor lines `name i name j`. Fields are separated by
    tabs, or by blanks in a line without tabs; empty lines are skipped.

    Args:
        file: The list, UTF-8 text.
        images_dir: Image 7 of `Name` is `images_dir/Name/Name_0007.jpg`.

    Returns:
        The pairs, in the order of the file.

    Raises:
        PairsError: If the file cannot be read or a line breaks the format.

    Reference:
        Huang, Ramesh, Berg, Learned-Miller, "Labeled Faces in the Wild", technical report 07-49, 2007.
    """
    lines = _non_empty_lines(file)
    if not lines:
        raise PairsError(f"{file}: The file is empty. The first line must be: folds pairs_per_half.")
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


def _non_empty_lines(file: str | os.PathLike) -> list[tuple[int, list[str]]]:
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PairsError(f"{file}: Cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise PairsError(f"{file}: Not UTF-8 text (byte {error.start}).") from error
    numbered = enumerate(text.split("\n"), start=1)
    return [(number, _fields(line)) for number, line in numbered if line.strip()]


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.strip().split("\t" if "\t" in line.strip() else None)]


def _parse_header(fields: list[str], where: str) -> tuple[int, int]:
    if len(fields) not in (1, 2):
        raise PairsError(f"{where}: The header is: folds pairs_per_half. Received: {' '.join(fields)!r}.")
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
