"""Reads listings of labelled images, a line each, in place of a folder per class; and either, whichever is given."""

import os
from collections.abc import Sequence
from pathlib import Path

from kerasface.data.folders import IdentityFolders, check_names, read_identity_folders
from kerasface.data.tables import DELIMITERS, TableError, table_rows
from kerasface.files.paths import read_text, user_path
from kerasface.images.decoding import SUFFIXES, reason_against
from kerasface.terminal.words import counted

# What the columns of a header may be called, the likeliest first.
FILE_COLUMNS = ("path", "file", "filename", "image", "id")
LABEL_COLUMNS = ("label", "class", "identity", "person")
_FORM = "A listing has a line for each image: its file, a comma and its label; or path,label as a header first"
_NO_TEXT = "No listing, as it is no text in UTF-8 or UTF-16"
_MAX_BYTES = 256 * 2**20


def read_classes(source: str | os.PathLike, *, min_images: int = 1, min_identities: int = 2) -> IdentityFolders:
    """Reads images with their labels: from a folder with a folder per identity, or from a listing.

    Args:
        source: The folder, or the file of a listing.
        min_images: Identities with fewer images are left out.
        min_identities: With fewer identities than these, at least 1, it is refused.

    Raises:
        ValueError: As `read_identity_folders` and `read_listing`.
    """
    read = read_listing if Path(source).is_file() else read_identity_folders
    return read(source, min_images=min_images, min_identities=min_identities)


def read_listing(file: str | os.PathLike, *, min_images: int = 1, min_identities: int = 2) -> IdentityFolders:
    """Reads a listing of images and their labels.

    It is a table with commas, semicolons or tabs, with a header that has a column of files (`path`, `file`, `filename`,
    `image` or `id`) and one of labels (`label`, `class`, `identity` or `person`), or without one: then its two columns
    are these. Or each line is a file, blanks, and a label of one word. Files are relative to the listing's folder, with
    slashes or backslashes. Those that are not there are rejected, and the others are used.

    Args:
        file: The listing, UTF-8 or UTF-16 text.
        min_images: Identities with fewer images are left out.
        min_identities: With fewer identities than these, at least 1, it is refused.

    Returns:
        The identities, sorted by name, and their images, sorted by file; `root` is the folder of the listing.

    Raises:
        TableError: If it cannot be read, a line breaks the form, or gives a file that has another label already.
        ValueError: If `min_images` is below 1, names differ in upper and lower case alone, none of the files is there,
            or fewer identities remain than `min_identities`.
    """
    file = Path(file)
    if min_images < 1:
        raise ValueError(f"min_images must be at least 1. Received: min_images={min_images}.")
    labels: dict[Path, str] = {}
    lines: dict[Path, int] = {}
    for line, name, label in _entries(file):
        path = file.parent / user_path(name.replace("\\", "/"))
        if labels.setdefault(path, label) != label:
            raise TableError(
                f"{file}, line {line}: An image has one label. Received: {name!r} as {label!r} here and as "
                f"{labels[path]!r} on line {lines[path]}."
            )
        lines.setdefault(path, line)
    rejected = [(path, reason) for path, line in lines.items() if (reason := _reason_against(path, line, file))]
    _check_any_there(file, lines, rejected)
    unusable = {path for path, _ in rejected}
    images: dict[str, list[Path]] = {label: [] for label in sorted(set(labels.values()))}
    check_names(file, images)
    for path in sorted(labels.keys() - unusable):
        images[labels[path]].append(path)
    identities = tuple(label for label, found in images.items() if len(found) >= min_images)
    left_out = {label: len(found) for label, found in images.items() if len(found) < min_images}
    if len(identities) < min_identities:
        raise ValueError(
            f"{file} must list images of {counted(min_identities, 'label')} or more, {min_images}+ "
            f"images each. Received: {len(identities)} of them, and {len(left_out)} with fewer images."
        )
    samples = tuple((path, label) for label, name in enumerate(identities) for path in images[name])
    return IdentityFolders(file.parent, identities, samples, left_out, tuple(rejected), listing=file)


def _entries(file: Path) -> list[tuple[int, str, str]]:
    """The number of each line with its file and its label."""
    rows = _rows(file)
    file_at, label_at, has_header = _columns(file, *rows[0])
    entries, width = [], len(rows[0][1])
    for line, cells in rows[has_header:]:
        if len(cells) != width:
            raise TableError(f"{file}, line {line}: The lines above have {width} columns. Received: {len(cells)}.")
        name, label = cells[file_at], cells[label_at]
        if not name or not label or "\0" in name or not label.isprintable():
            raise TableError(f"{file}, line {line}: {_FORM}. Received: {name!r} and {label!r}.")
        entries.append((line, name, label))
    if not entries:
        raise TableError(f"{file}: There is no image below the header.")
    return entries


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    """The lines that are not empty, each with its number and cells; there is one at least."""
    try:
        if (size := file.stat().st_size) > _MAX_BYTES:
            raise TableError(f"{file}: {size:,} bytes are no listing. {_FORM}.")
        text = read_text(file)
    except OSError as error:
        raise TableError(f"{file}: Cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise error if isinstance(error, TableError) else TableError(f"{file}: {_NO_TEXT}. {_FORM}.") from error
    first = text.lstrip().partition("\n")[0]
    if any(delimiter in first for delimiter in DELIMITERS):
        rows = list(table_rows(file, text))
    else:
        lines = enumerate(text.splitlines(), start=1)
        rows = [(number, line.strip().rsplit(maxsplit=1)) for number, line in lines if line.strip()]
    if not rows:
        raise TableError(f"{file}: The file is empty. {_FORM}.")
    return rows


def _columns(file: Path, line: int, cells: Sequence[str]) -> tuple[int, int, bool]:
    """Where file and label stand in a row, and whether the first row is a header."""
    columns = [cell.casefold() for cell in cells]
    files, labels = (
        [columns.index(name) for name in names if columns.count(name) == 1] for names in (FILE_COLUMNS, LABEL_COLUMNS)
    )
    if files and labels:
        return files[0], labels[0], True
    # A first row of words that name no image is a header with names of its own.
    is_image = Path(cells[0]).suffix.lower() in SUFFIXES or os.path.exists(file.parent / user_path(cells[0]))
    if len(cells) != 2 or not is_image:
        raise TableError(
            f"{file}, line {line}: {_FORM}, where the columns are called {', '.join(FILE_COLUMNS)} and "
            f"{', '.join(LABEL_COLUMNS)}. Received: {' '.join(cells)[:80]!r}."
        )
    return 0, 1, False


def _reason_against(path: Path, line: int, file: Path) -> str | None:
    if not os.path.exists(path):  # which, unlike that of a path, takes names of any length
        return f"{path}: Not there; it stands on line {line} of {file.name}."
    return f"{path}: A folder, on line {line} of {file.name}." if path.is_dir() else reason_against(path)


def _check_any_there(file: Path, lines: dict[Path, int], rejected: list[tuple[Path, str]]) -> None:
    """Refuses a listing of which no file is there: then most likely it lies in a wrong folder."""
    if len(rejected) == len(lines) and not any(map(os.path.exists, lines)):
        path, line = next(iter(lines.items()))
        raise ValueError(
            f"None of the {counted(len(lines), 'image')} in {file} is there. The first, on line {line}: {path}. Files "
            "are named from the folder that the listing lies in: move it, or give whole paths."
        )
