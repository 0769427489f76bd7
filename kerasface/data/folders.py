"""Reads a folder of people (one folder of photos per identity) and holds some of the photos out."""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.files.parsing import json_of
from kerasface.images.decoding import is_left_behind, reason_against
from kerasface.terminal.words import counted

# A data folder may tell where its images come from: a JSON object with `source` and `licence`.
ABOUT_FILE = ".about.json"
# What folders are called that split a data set instead of naming somebody.
_TRAIN_NAMES = {"train", "training"}
_VALIDATION_NAMES = {"val", "valid", "validation", "dev", "eval"}
_SPLIT_NAMES = _TRAIN_NAMES | _VALIDATION_NAMES | {"test", "testing"}


@dataclass(frozen=True)
class IdentityFolders:
    """What a folder of people holds, or a listing.

    Attributes:
        root: The folder that was read, or that the listing lies in.
        identities: Names of the identities, sorted; the position of a name is its label.
        samples: `(path, label)` of every image, sorted by label, then by file name.
        left_out: Identities with too few images: name to number of images.
        rejected: `(path, reason)` of everything else that was found, but for what systems leave behind; the reason is a
            sentence that names the file.
        listing: The listing that was read; `None` for a folder.
    """

    root: Path
    identities: tuple[str, ...]
    samples: tuple[tuple[Path, int], ...]
    left_out: dict[str, int]
    rejected: tuple[tuple[Path, str], ...]
    listing: Path | None = None

    @property
    def source(self) -> Path:
        """What was read: the listing, or the folder."""
        return self.listing or self.root

    def name_of(self, path: Path) -> str:
        """Returns what an image is called, with slashes: from `root` on where it lies below it, else its whole path."""
        return (path.relative_to(self.root) if path.is_relative_to(self.root) else path).as_posix()

    @property
    def paths(self) -> list[Path]:
        """The images, in the order of `samples`."""
        return [path for path, _ in self.samples]

    @property
    def labels(self) -> np.ndarray:
        """The labels, int64, shape `(num_samples,)`, in the order of `samples`."""
        return np.array([label for _, label in self.samples], dtype=np.int64)


def read_identity_folders(root: str | os.PathLike, *, min_images: int = 1, min_identities: int = 2) -> IdentityFolders:
    """Reads a folder that holds one folder of images per identity.

    Files are told by their suffix or first bytes; whether they decode shows when they are decoded. Hidden files and
    folders (leading dot) and what systems leave behind are ignored; everything else that is not used is listed.

    Args:
        root: The folder.
        min_images: Identities with fewer images are left out.
        min_identities: With fewer identities than these, at least 1, the folder is refused.

    Returns:
        The identities, their images, and what was left out or rejected.

    Raises:
        ValueError: If `root` is missing or no folder, if `min_images` is below 1, if names differ in upper and lower
            case alone, or if fewer identities remain than `min_identities`.
    """
    root = Path(root)
    if min_images < 1:
        raise ValueError(f"min_images must be at least 1. Received: min_images={min_images}.")
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "does not exist"
        raise ValueError(f"{root} {problem}. Give a folder that holds one folder of photos per class or person.")
    images, rejected = _images_by_identity(root)
    check_names(root, images)
    identities = tuple(name for name, found in images.items() if len(found) >= min_images)
    left_out = {name: len(found) for name, found in images.items() if len(found) < min_images}
    _check_enough_identities(root, identities, left_out, min_images, min_identities)
    samples = tuple((path, label) for label, name in enumerate(identities) for path in images[name])
    return IdentityFolders(root, identities, samples, left_out, tuple(rejected))


def read_about(root: str | os.PathLike) -> dict[str, str]:
    """Returns what the folder's `.about.json` says of its images: `source`, `licence`, `citation`, `limits`."""
    path = Path(root) / ABOUT_FILE
    try:
        about = json_of(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # nobody has to write one
    if not isinstance(about, dict):
        return {}
    return {key: about[key] for key in ("source", "licence", "citation", "limits") if isinstance(about.get(key), str)}


def split_holdout(labels: Sequence[int] | np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Holds a fraction of every identity's images out for validation.

    An identity with two or more images has at least one on each side; a single image stays for training.

    Args:
        labels: One label per image, integers, shape `(num_images,)`.
        fraction: Share of each identity's images to hold out, in `(0, 1)`.
        seed: The same seed gives the same split.

    Returns:
        `(train_indices, validation_indices)`: ascending, int64, together every index once.

    Raises:
        ValueError: If `fraction` is outside `(0, 1)` or `labels` is not one-dimensional.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"labels must have shape (num_images,). Received: labels of shape {labels.shape}.")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must lie between 0 and 1, exclusive. Received: fraction={fraction}.")
    generator = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        indices = np.flatnonzero(labels == label)
        if len(indices) >= 2:
            count = np.clip(round(fraction * len(indices)), 1, len(indices) - 1)
            held_out[generator.choice(indices, count, replace=False)] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def split_groups(
    labels: Sequence[int] | np.ndarray, groups: Sequence[int] | np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Holds whole groups out for validation: for labels that are no people, such as head poses of several persons.

    Groups are taken in random order until `fraction` of all images is reached; one that would take the last training
    image of a label is passed over.

    Args:
        labels: One label per image, integers, shape `(num_images,)`.
        groups: Number of the group of each image, integers, shape `(num_images,)`.
        fraction: Share of the images to hold out, in `(0, 1)`.
        seed: The same seed gives the same split.

    Returns:
        `(train_indices, validation_indices)`: ascending, int64, together every index once; no group on both sides.

    Raises:
        ValueError: If `fraction` is outside `(0, 1)`, the shapes differ, or no group can be held out.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    if labels.ndim != 1 or labels.shape != groups.shape:
        raise ValueError(f"Every image has a label and a group. Received: shapes {labels.shape} and {groups.shape}.")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must lie between 0 and 1, exclusive. Received: fraction={fraction}.")
    held_out = np.zeros(len(labels), dtype=bool)
    for group in np.random.default_rng(seed).permutation(np.unique(groups)):
        tried = held_out | (groups == group)
        if len(np.unique(labels[~tried])) == len(np.unique(labels)):
            held_out = tried
        if held_out.mean() >= fraction:
            break
    if not held_out.any():
        raise ValueError(
            f"No group can be held out: each has the only images of some label. Received: {len(np.unique(groups))} "
            "groups. Check the pattern that names them, or add images."
        )
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _images_by_identity(root: Path) -> tuple[dict[str, list[Path]], list[tuple[Path, str]]]:
    images, rejected = {}, []
    for entry in _visible_entries(root):
        if not entry.is_dir():
            where = "Not inside the folder of a class or person: move it into that of what it shows."
            rejected.append((entry, reason_against(entry) or f"{entry}: {where}"))
            continue
        try:
            found = _visible_entries(entry)
        except OSError as error:
            rejected.append((entry, f"{entry}: Cannot be read: {error.strerror}."))
            continue
        reasons = [(path, _reason_against(path)) for path in found]
        images[entry.name] = [path for path, reason in reasons if reason is None]
        rejected += [(path, reason) for path, reason in reasons if reason is not None]
    return images, rejected


def _visible_entries(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if not is_left_behind(path.name)), key=lambda path: path.name)


def _reason_against(path: Path) -> str | None:
    if path.is_dir():
        number = num_images(path)
        held = f"{number:,} photos are" if number > 1 else f"{'photo' if number else 'content'} is"
        return f"{path}: A folder inside that of a class or person: its {held} not used. Move its photos one folder up."
    return reason_against(path)


def num_images(folder: Path) -> int:
    """Returns how many files below a folder, at any depth, may be images."""
    try:
        entries = _visible_entries(folder)
    except OSError:
        return 0
    return sum(num_images(path) if path.is_dir() else reason_against(path) is None for path in entries)


def check_names(root: Path, images: Iterable[str]) -> None:
    """Raises ValueError if two names of identities differ in upper and lower case or in the code of a letter alone."""
    seen: dict[str, str] = {}
    for name in images:
        key = unicodedata.normalize("NFC", name).casefold()
        if key in seen:
            raise ValueError(
                f"{root} has two names that differ in upper and lower case or in the code of a letter alone. "
                f"Received: {seen[key]!r} and {name!r}. Put photos of one class or person under one name."
            )
        seen[key] = name


def _check_enough_identities(
    root: Path, identities: tuple, left_out: dict[str, int], min_images: int, min_identities: int
) -> None:
    if len(identities) >= min_identities:
        return
    wanted = (
        "At least two classes or people are needed"
        if min_identities == 2
        else "A class or person with a photo is needed"
    )
    found = "none" if not identities else f"only one, {identities[0]!r},"
    if any(left_out.values()):
        remedy = f"Add photos or lower min_images: {counted(len(left_out), 'folder has', 'folders have')} fewer images."
    else:
        remedy = _other_layout(root, left_out) or "Give a folder that holds one folder of photos per class or person."
    images = f"{min_images}+ images" if min_images > 1 else "images"
    raise ValueError(f"{wanted}; {root} has {found} with {images}. {remedy}")


def _other_layout(root: Path, left_out: dict[str, int]) -> str | None:
    """What a folder seems to be that is no folder of people, and what to give instead; None where nothing is known."""
    nested = {name: len(_inner_folders(root / name)) for name in left_out}
    nested = {name: number for name, number in nested.items() if number}
    if nested:
        best = max(nested, key=lambda name: (name.casefold() in _TRAIN_NAMES, nested[name]))
        parts = f"{', '.join(nested)} in it hold{'s' * (len(nested) == 1)} the folders"
        judged = [name for name in nested if name != best and name.casefold() in _VALIDATION_NAMES]
        if judged:
            return f"{parts}: give {root / best}, and {root / judged[0]} as --validation of a training."
        if any(name.casefold() in _SPLIT_NAMES for name in nested):
            parts += "; what is held out is drawn from the folder that you give"
        return f"{parts}: give {root / best}."
    loose = sum(reason_against(path) is None for path in _visible_entries(root) if not path.is_dir())
    if loose:
        lying = f"{counted(loose, 'photo')} lie{'s' * (loose == 1)} loose in it"
        return f"{lying}: make a folder for each class or person, of that name, and move them."
    return None


def _inner_folders(folder: Path) -> list[Path]:
    """The folders in a folder that hold images."""
    try:
        return [path for path in _visible_entries(folder) if path.is_dir() and num_images(path)]
    except OSError:
        return []
