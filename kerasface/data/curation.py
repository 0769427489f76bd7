"""Second thoughts about a folder of classes: pictures to leave out, pictures that belong to another class.

They stand in a file of their own, beside the folder; no photo is moved, renamed or deleted, and every decision can be
taken back. A training reads the list (`curation` of its recipe) when it lists its files.
"""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from kerasface.data.folders import IdentityFolders
from kerasface.data.listings import read_classes
from kerasface.files.parsing import json_of
from kerasface.files.writing import write_atomically

FORMAT = 1  # of the file
_MAX_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Decision:
    """What was decided about one picture.

    Attributes:
        file: The picture, relative to its folder of classes, with slashes: `Ada/3.jpg`.
        label: The class it belongs to; `None` if it is left out.
    """

    file: str
    label: str | None


def curation_file(source: str | os.PathLike) -> Path:
    """Returns where the list of a folder of classes, or of a listing, stands: beside it, as `people.curation.json`."""
    path = Path(source).resolve()
    return path.with_name(f"{path.name}.curation.json")


def read_curation(path: str | os.PathLike) -> tuple[Decision, ...]:
    """Reads a list, oldest decision first, one per picture.

    Raises:
        ValueError: If it is missing, or no such list.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"larger than {_MAX_BYTES} bytes")
        content = json_of(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}, this version reads format {FORMAT}")
        decisions = tuple(Decision(entry["file"], entry["label"]) for entry in content["decisions"])
        if not all(isinstance(one.file, str) and isinstance(one.label, str | None) for one in decisions):
            raise ValueError("files and classes must be texts")
    except OSError as error:
        raise ValueError(f"The list of pictures {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is no list of pictures to leave out or rename: {error}.") from error
    return decisions


def decide(path: str | os.PathLike, file: str | os.PathLike, label: str | None) -> tuple[Decision, ...]:
    """Notes what to do with a picture, in place of what was noted before; the list is made if it is not there.

    Args:
        path: The list.
        file: The picture, relative to its folder of classes.
        label: The class it belongs to; `None` to leave it out.

    Returns:
        The list as it is now.

    Raises:
        ValueError: If there is a file that is no such list, the class has no name, or the file cannot be written.
    """
    if label is not None and not label.strip():
        raise ValueError(f"A class needs a name. Received: label={label!r}.")
    decision = Decision(PurePath(file).as_posix(), label)
    return _write(path, [*_others(path, decision.file), decision])


def undo(path: str | os.PathLike, file: str | os.PathLike) -> tuple[Decision, ...]:
    """Takes back what was noted of a picture; nothing happens where nothing was. As `decide`."""
    return _write(path, _others(path, PurePath(file).as_posix()))


def read_curated_classes(
    source: str | os.PathLike, curation: str | os.PathLike | None, *, min_images: int = 1
) -> IdentityFolders:
    """Reads classes as a list says: as `read_classes`, some pictures out, some elsewhere.

    Args:
        source: The folder of classes, or a listing.
        curation: The list; `None` for none.
        min_images: Classes with fewer images, after the list, are left out.

    Returns:
        The classes; pictures that were left out, and names on the list that are not in the folder, are rejected with
        that reason.

    Raises:
        ValueError: As `read_classes`, or if the list cannot be read.
    """
    if curation is None:
        return read_classes(source, min_images=min_images)
    list_name = Path(curation).name
    waiting = {decision.file: decision for decision in read_curation(curation)}
    found = read_classes(source)
    images: dict[str, list[Path]] = {name: [] for name in (*found.identities, *found.left_out)}
    rejected = list(found.rejected)
    for path, label in found.samples:
        decision = waiting.pop(found.name_of(path), None)
        if decision is not None and decision.label is None:
            rejected.append((path, f"{path}: Left out by {list_name}."))
        else:
            images.setdefault(decision.label if decision else found.identities[label], []).append(path)
    rejected += [
        (found.root / file, f"{found.root / file}: Named in {list_name}, but not among the images.") for file in waiting
    ]
    identities = tuple(sorted(name for name, paths in images.items() if len(paths) >= min_images))
    if len(identities) < 2:
        raise ValueError(
            f"At least two classes with {min_images}+ images are needed; {found.source} has {len(identities)} after "
            f"{list_name}. Take something back, or add pictures."
        )
    samples = tuple((path, label) for label, name in enumerate(identities) for path in sorted(images[name]))
    left_out = {name: len(paths) for name, paths in images.items() if len(paths) < min_images}
    return replace(found, identities=identities, samples=samples, left_out=left_out, rejected=tuple(rejected))


def _others(path: str | os.PathLike, file: str) -> list[Decision]:
    decisions = read_curation(path) if Path(path).exists() else ()
    return [decision for decision in decisions if decision.file != file]


def _write(path: str | os.PathLike, decisions: list[Decision]) -> tuple[Decision, ...]:
    entries = [{"file": decision.file, "label": decision.label} for decision in decisions]
    try:
        Path(path).parent.stat()  # it belongs to a folder of pictures, and none is made for it
        # Escaped to ASCII: names of files need not be valid Unicode.
        write_atomically(Path(path), json.dumps({"format": FORMAT, "decisions": entries}, indent=1).encode("ascii"))
    except OSError as error:
        raise ValueError(f"The list of pictures {path} cannot be written: {error.strerror}.") from error
    return tuple(decisions)
