"""From a folder of pictures and masks to what a training needs: both on one canvas, split so that nobody leaks."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kerasface.data.cache.store import StoredArray
from kerasface.data.duplicates import find_duplicates, fingerprint, keep_together
from kerasface.data.folders import split_groups
from kerasface.data.masks.cache import MaskedImages, check_classes, load_pairs
from kerasface.data.masks.reading import MaskFolders, read_mask_folders
from kerasface.train.segmentation.recipe import SegmentRecipe


@dataclass(frozen=True, eq=False)
class PreparedMasks:
    """The pictures and masks of a training, with everything that was found on the way.

    Attributes:
        root: The folder that was read.
        classes: Names of the classes, by class id.
        colors: RGB colour of each class, 0 to 255.
        train: `(num_train, side, side, 4)` uint8: RGB and class id, 255 outside the picture.
        validation: The same of the pictures held out.
        train_files: Stem of each training picture.
        train_persons: Number of the person on each training picture, as far as the recipe tells persons apart,
            `(num_train,)` int64.
        validation_files: Stem of each picture held out.
        class_counts: Pixels of each class in the training masks, `(num_classes,)` int64.
        moved: Stems of pictures held out that were left out, because the training side has a copy of them.
        rejected: `(file, reason)` of every file that was not used.
        num_computed: Pairs decoded now; the others were in the cache.
        fingerprint: SHA-256 over files and split: equal data give equal trainings.
    """

    root: Path
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    train: StoredArray
    validation: StoredArray
    train_files: list[str]
    train_persons: np.ndarray
    validation_files: list[str]
    class_counts: np.ndarray
    moved: list[str]
    rejected: list[tuple[str, str]]
    num_computed: int
    fingerprint: str


def prepare_masks(
    data: str | Path, recipe: SegmentRecipe, cache: Path, on_progress: Callable[[int, int], None] | None = None
) -> PreparedMasks:
    """Reads, checks and splits a folder of pictures and masks.

    Args:
        data: Folder with `images` and `masks`.
        recipe: A resolved recipe.
        cache: Folder of the caches.
        on_progress: Called with the number of pairs done and their total.

    Raises:
        ValueError: If the folders, the classes or a setting do not fit, a class has no pixel, or nothing can be held
            out.
        OSError: If the cache cannot be written.
    """
    side = 2 * recipe.image_size  # pixels: what is cut out and enlarged stays sharp
    folders = read_mask_folders(data, recipe.class_names)
    _refuse_missing_persons(folders, recipe.groups)
    given = None if recipe.validation is None else _judged_on(recipe, folders)
    found = load_pairs(folders, side, cache, on_progress)
    rejected = [*folders.rejected, *found.rejected]
    check_classes(found, folders.classes)
    stems = [folders.names[position] for position in found.positions]
    persons = _persons(stems, recipe.groups)
    if given is None:
        train, held_out = _split(persons, recipe, folders.root)
        others, other_stems, computed = found, stems, found.num_computed
    else:
        others = load_pairs(given, side, cache, on_progress)
        if len(others.images) == 0:
            raise ValueError(f"No picture of the validation folder can be used. Received: {recipe.validation!r}.")
        other_stems = [given.names[position] for position in others.positions]
        rejected += [*given.rejected, *others.rejected]
        train, held_out = np.arange(len(stems)), np.arange(len(other_stems))
        computed = found.num_computed + others.num_computed
    train, held_out, moved = _without_copies(found, train, others, held_out)
    if len(held_out) == 0:
        raise ValueError(f"No picture of {folders.root} can be held out: all show what others show. Add pictures.")
    return PreparedMasks(
        root=folders.root,
        classes=folders.classes,
        colors=folders.colors,
        train=found.images.part(train),
        validation=others.images.part(held_out),
        train_files=[stems[index] for index in train],
        train_persons=persons[train],
        validation_files=[other_stems[index] for index in held_out],
        class_counts=_class_counts(found.images.part(train), folders),
        moved=[other_stems[index] for index in moved],
        rejected=[(str(path), reason) for path, reason in rejected],
        num_computed=computed,
        fingerprint=_fingerprint(folders, [found.keys[i] for i in train], [others.keys[i] for i in held_out]),
    )


def check_given(data: str | Path, recipe: SegmentRecipe) -> None:
    """Refuses, by the names of files and classes alone, pictures to judge on that do not fit; there may be none given.

    Raises:
        ValueError: If they cannot be read, are those trained on, or have other classes.
    """
    if recipe.validation is not None:
        _judged_on(recipe, read_mask_folders(data, recipe.class_names))


def _refuse_missing_persons(folders: MaskFolders, pattern: str | None) -> None:
    if pattern is None:
        return
    for name in folders.names:
        if re.search(pattern, name) is None:
            raise ValueError(f"The pattern of persons does not fit every file. Received: groups={pattern!r}, {name}.")


def _persons(stems: list[str], pattern: str | None) -> np.ndarray:
    """Numbers the persons; without a pattern every picture is one."""
    names = stems if pattern is None else [re.search(pattern, stem)[1] for stem in stems]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _split(persons: np.ndarray, recipe: SegmentRecipe, root: Path) -> tuple[np.ndarray, np.ndarray]:
    """Holds pictures out, whole persons where the recipe tells them."""
    if persons.max() == 0:
        raise ValueError(
            f"Somebody must be trained on and somebody else held out. Received: one person or picture in {root}. Add "
            "others, or name a validation folder."
        )
    return split_groups(np.zeros_like(persons), persons, recipe.holdout, recipe.seed)


def _judged_on(recipe: SegmentRecipe, folders: MaskFolders) -> MaskFolders:
    """Reads the folder that the recipe names to judge on; its classes are those of the training."""
    others = read_mask_folders(recipe.validation, folders.classes, folders.colors)
    if others.root.resolve() == folders.root.resolve():
        raise ValueError(f"It cannot be judged on what it trains on. Received: validation={recipe.validation!r}.")
    if others.classes != folders.classes:
        raise ValueError(f"{others.root} has other classes than {folders.root}. Received: {', '.join(others.classes)}.")
    return others


def _without_copies(found: MaskedImages, train: np.ndarray, others: MaskedImages, held_out: np.ndarray):
    """Leaves out of the pictures held out what the training side shows too: `(train, held_out, moved)`."""
    pictures = np.concatenate([_rgb(found, train), _rgb(others, held_out)])
    keys = [*(found.keys[index] for index in train), *(others.keys[index] for index in held_out)]
    duplicates = find_duplicates(keys, fingerprint(pictures))
    here, there = np.arange(len(train)), np.arange(len(train), len(pictures))
    _, kept, _ = keep_together(duplicates, here, there)
    kept = kept - len(train)
    return train, held_out[kept], np.setdiff1d(held_out, held_out[kept])


def _rgb(found: MaskedImages, rows: np.ndarray) -> np.ndarray:
    """Small pictures, enough to tell copies: `(num_rows, 64, 64, 3)` uint8."""
    pictures = np.empty((len(rows), 64, 64, 3), dtype=np.uint8)
    for target, row in zip(pictures, rows, strict=True):
        pair = np.ascontiguousarray(found.images[np.array([row])][0][..., :3])
        target[:] = cv2.resize(pair, (64, 64), interpolation=cv2.INTER_AREA)
    return pictures


def _class_counts(pairs: StoredArray, folders: MaskFolders) -> np.ndarray:
    counts = np.zeros(256, dtype=np.int64)
    for index in range(len(pairs)):
        counts += np.bincount(pairs[index : index + 1][..., 3].ravel(), minlength=256)
    return counts[: len(folders.classes)]


def _fingerprint(folders: MaskFolders, train: list[str], validation: list[str]) -> str:
    return hashlib.sha256(repr((folders.classes, folders.colors, train, validation)).encode()).hexdigest()
