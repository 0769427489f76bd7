"""Reads a listing of several sets of pictures and masks, each with classes of its own, for one training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasface.data.masks.labels import LabelFile, read_label_file
from kerasface.files.parsing import toml_of
from kerasface.files.paths import read_text, user_path

_FORM = "Each set begins with `[[sets]]`, has a `folder`, and may have `validation`, `groups`, `labels` and `share`"
_KEYS = ("folder", "validation", "groups", "labels", "share")


@dataclass(frozen=True)
class MaskSet:
    """A set of pictures and masks, as a listing names it.

    Attributes:
        folder: Folder with `images` and `masks`.
        validation: Folder to judge on; some are held out if not given.
        groups: Pattern of file names whose first group names a person.
        labels: What the classes of the masks stand for; each for the model's of its name if not given.
        share: Weight of the set among the pictures of an epoch; by its number of pictures if not given.
    """

    folder: Path
    validation: Path | None = None
    groups: str | None = None
    labels: LabelFile | None = None
    share: float | None = None

    @property
    def name(self) -> str:
        """How the set is called: its folder, from the one around it where that says more."""
        return "-".join(self.folder.resolve().parts[-2:]) if self.folder.name in ("train", "data") else self.folder.name


def read_sets(data: str | Path) -> list[MaskSet]:
    """Reads what a training of a segmentation is given: a folder, which is one set, or a listing of several.

    A listing is TOML. Its files and folders are named from where it lies.

    Args:
        data: The folder, or the file.

    Raises:
        ValueError: If the listing cannot be read, a line breaks its form, a folder is missing or named twice, or some
            sets have a share and others none.
    """
    path = Path(data)
    if not path.is_file():
        return [MaskSet(path)]
    try:
        content = toml_of(read_text(path))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no listing of sets, which is TOML: {error}. {_FORM}.") from error
    entries = content.get("sets")
    if content.keys() != {"sets"} or not isinstance(entries, list) or not entries:
        raise ValueError(f"{path} is no listing of sets. Received: {', '.join(content) or 'nothing'}. {_FORM}.")
    sets = [_set_of(path, number, entry) for number, entry in enumerate(entries, 1)]
    _check_together(path, sets)
    return sets


def _set_of(path: Path, number: int, entry: object) -> MaskSet:
    if not isinstance(entry, dict) or entry.keys() - set(_KEYS) or "folder" not in entry:
        received = ", ".join(entry) if isinstance(entry, dict) else repr(entry)
        raise ValueError(f"{path}, set {number}: Received: {received or 'nothing'}. {_FORM}.")
    share = entry.get("share")
    texts = {key: value for key, value in entry.items() if key != "share"}
    if wrong := [f"{key}={value!r}" for key, value in texts.items() if not isinstance(value, str)]:
        raise ValueError(f"{path}, set {number}: All but `share` is text. Received: {', '.join(wrong)}.")
    if share is not None and (isinstance(share, bool) or not isinstance(share, int | float) or share <= 0):
        raise ValueError(f"{path}, set {number}: `share` is a number above 0. Received: share={share!r}.")
    places = {key: path.parent / user_path(texts[key]) for key in ("folder", "validation", "labels") if key in texts}
    labels = read_label_file(places["labels"]) if "labels" in places else None
    return MaskSet(places["folder"], places.get("validation"), texts.get("groups"), labels, share)


def _check_together(path: Path, sets: Sequence[MaskSet]) -> None:
    folders = [place.resolve() for each in sets for place in (each.folder, each.validation) if place is not None]
    if twice := sorted({str(folder) for folder in folders if folders.count(folder) > 1}):
        raise ValueError(f"{path} names a folder twice. Received: {', '.join(twice)}. Name each once.")
    if any(each.share is None for each in sets) and any(each.share is not None for each in sets):
        without = ", ".join(each.name for each in sets if each.share is None)
        raise ValueError(f"{path}: Either every set has a `share` or none. Received: none for {without}.")
    names = [each.name for each in sets]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: Sets are told apart by their folders' names. Received: {', '.join(names)}.")
