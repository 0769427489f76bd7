"""From folders of pictures and masks to what a training needs: all on one canvas, split so that nobody leaks."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from kerasface.data.cache.store import StoredArray
from kerasface.data.duplicates import Duplicates, find_duplicates, fingerprint, keep_together
from kerasface.data.masks.sets import MaskSet, read_sets
from kerasface.train.segmentation.recipe import SegmentRecipe
from kerasface.train.segmentation.sets import (
    LearnedSet,
    NamedSet,
    ReadSet,
    check_learnable,
    distinct_labels,
    name_set,
    read_set,
)


@dataclass(frozen=True, eq=False)
class PreparedMasks:
    """The pictures and masks of a training, with everything that was found on the way.

    Attributes:
        root: The folder or the listing that was read.
        classes: Names of the model's classes, by class id.
        colors: RGB colour of each class, 0 to 255.
        sets: The sets of pictures, one or several.
        label_sets: Ids of the classes that each label may mean, by its id: first each class alone.
        train: `(num_train, side, side, 4)` uint8: RGB and the set's own class id, 255 outside the picture.
        validation: The same of the pictures held out.
        train_files: Name of each training picture: its stem, after that of its set where there are several.
        train_persons: Number of the person on each training picture, as far as persons are told apart,
            `(num_train,)` int64.
        train_sets: Index into `sets` for each training picture, `(num_train,)` int64.
        validation_files: Name of each picture held out.
        validation_sets: Index into `sets` for each of them, `(num_validation,)` int64.
        class_counts: Pixels of each class in the training masks, `(num_classes,)` int64; of several sets in proportion,
            as often as they come, where a label of several classes is dealt to them as they occur alone.
        moved: Names of pictures held out that were left out, because the training side has a copy of them.
        rejected: `(file, reason)` of every file that was not used.
        num_computed: Pairs decoded now; the others were in the cache.
        fingerprint: SHA-256 over files and split: equal data give equal trainings.
    """

    root: Path
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    sets: tuple[LearnedSet, ...]
    label_sets: tuple[tuple[int, ...], ...]
    train: StoredArray
    validation: StoredArray
    train_files: list[str]
    train_persons: np.ndarray
    train_sets: np.ndarray
    validation_files: list[str]
    validation_sets: np.ndarray
    class_counts: np.ndarray
    moved: list[str]
    rejected: list[tuple[str, str]]
    num_computed: int
    fingerprint: str


def prepare_masks(
    data: str | Path, recipe: SegmentRecipe, cache: Path, on_progress: Callable[[int, int], None] | None = None
) -> PreparedMasks:
    """Reads, checks and splits a folder of pictures and masks, or several that a listing names.

    Args:
        data: Folder with `images` and `masks`, or a listing (`data/masks/sets.py`).
        recipe: A resolved recipe.
        cache: Folder of the caches.
        on_progress: Called with the number of pairs done and their total, set by set.

    Raises:
        ValueError: If the folders, the classes or a setting do not fit, a class has no pixel, a photo is in two sets,
            or nothing can be held out.
        OSError: If the cache cannot be written.
    """
    read = [
        read_set(each, recipe, cache, on_progress, is_first=not number)
        for number, each in enumerate(_named(data, recipe))
    ]
    check_learnable(read)
    train = _Side.of([part.train for part in read])
    held_out = _Side.of([part.held_out for part in read])
    held_out, moved = _without_copies(train, held_out, read)
    _refuse_unjudged(held_out, read)
    label_sets = distinct_labels(read)
    sets = tuple(part.learned(label_sets, share) for part, share in zip(read, _shares(read), strict=True))
    return PreparedMasks(
        root=Path(data) if len(read) > 1 else read[0].folders.root,
        classes=read[0].map.classes,
        colors=read[0].class_colors,
        sets=sets,
        label_sets=label_sets,
        train=train.images,
        validation=held_out.images,
        train_files=train.files,
        train_persons=np.unique(train.persons, return_inverse=True)[1].astype(np.int64),
        train_sets=train.sets,
        validation_files=held_out.files,
        validation_sets=held_out.sets,
        class_counts=_class_counts(train, sets, label_sets, read[0].map.classes),
        moved=moved,
        rejected=[(str(path), reason) for part in read for path, reason in part.rejected],
        num_computed=sum(part.num_computed for part in read),
        fingerprint=_fingerprint(read, train, held_out, sets),
    )


def check_given(data: str | Path, recipe: SegmentRecipe) -> None:
    """Refuses, by the names of files and classes alone, pictures to judge on, and sets, that do not fit.

    Raises:
        ValueError: If some cannot be read, are trained on and judged on, or have other classes.
    """
    _named(data, recipe)


def _named(data: str | Path, recipe: SegmentRecipe) -> list[NamedSet]:
    """All sets by their names, so that what is wrong with one is said before any is decoded."""
    named: list[NamedSet] = []
    for each in _listed(data, recipe):
        named.append(name_set(each, named[0] if named else None, recipe))
    return named


def _listed(data: str | Path, recipe: SegmentRecipe) -> list[MaskSet]:
    """The sets that a training is given; for one folder, with what the recipe says of it."""
    sets = read_sets(data)
    if not Path(data).is_file():
        return [MaskSet(sets[0].folder, recipe.validation and Path(recipe.validation), recipe.groups)]
    for name in ("validation", "groups"):
        if (value := getattr(recipe, name)) is not None:
            raise ValueError(f"A listing says of each set what `{name}` is. Received: {name}={value!r} and {data}.")
    return sets


@dataclass(frozen=True, eq=False)
class _Side:
    """The pictures of all sets that are trained on, or that are held out."""

    images: StoredArray
    keys: list[str]
    files: list[str]
    persons: list[str]
    sets: np.ndarray

    @classmethod
    def of(cls, parts: Sequence) -> "_Side":
        several = len(parts) > 1
        return cls(
            reduce(StoredArray.followed_by, [part.images for part in parts]),
            [key for part in parts for key in part.keys],
            [f"{part.name}/{stem}" if several else stem for part in parts for stem in part.stems],
            [f"{part.name}/{person}" for part in parts for person in part.persons],
            np.repeat(np.arange(len(parts)), [len(part.keys) for part in parts]),
        )

    def only(self, rows: np.ndarray) -> "_Side":
        keys, files, persons = ([values[row] for row in rows] for values in (self.keys, self.files, self.persons))
        return _Side(self.images.part(rows), keys, files, persons, self.sets[rows])


def _without_copies(train: _Side, held_out: _Side, read: Sequence[ReadSet]) -> tuple[_Side, list[str]]:
    """Leaves out of the pictures held out what the training side shows too, and names what was left out."""
    duplicates = find_duplicates(
        [*train.keys, *held_out.keys], fingerprint(np.concatenate([_small(train.images), _small(held_out.images)]))
    )
    _refuse_shared(duplicates, [*train.files, *held_out.files], np.concatenate([train.sets, held_out.sets]))
    here = np.arange(len(train.keys))
    _, kept, moved = keep_together(duplicates, here, len(here) + np.arange(len(held_out.keys)))
    return held_out.only(kept - len(here)), [held_out.files[row - len(here)] for row in moved]


def _refuse_shared(duplicates: Duplicates, files: list[str], sets: np.ndarray) -> None:
    """Two masks of one photo, in the words of two sets, could contradict each other, and no split would hold it out."""
    order = np.argsort(duplicates.group, kind="stable")
    for one, other in pairwise(order):
        if duplicates.group[one] == duplicates.group[other] and sets[one] != sets[other]:
            raise ValueError(
                f"The same photo is in two sets. Received: {files[one]} and {files[other]}. Take it out of one of them."
            )


def _refuse_unjudged(held_out: _Side, read: Sequence[ReadSet]) -> None:
    for index, part in enumerate(read):
        if not (held_out.sets == index).any():
            raise ValueError(
                f"No picture of {part.folders.root} can be held out: all show what others show. Add pictures."
            )


def _small(images: StoredArray) -> np.ndarray:
    """Small pictures, enough to tell copies: `(num_images, 64, 64, 3)` uint8."""
    pictures = np.empty((len(images), 64, 64, 3), dtype=np.uint8)
    for row, target in enumerate(pictures):
        pair = np.ascontiguousarray(images[row : row + 1][0][..., :3])
        target[:] = cv2.resize(pair, (64, 64), interpolation=cv2.INTER_AREA)
    return pictures


def _shares(read: Sequence[ReadSet]) -> list[float]:
    """Shares of the sets in an epoch, which sum to 1: as listed, else by their pictures."""
    weights = [part.listed.share or len(part.train.keys) for part in read]
    return [weight / sum(weights) for weight in weights]


def _class_counts(train: _Side, sets: Sequence[LearnedSet], label_sets, classes: Sequence[str]) -> np.ndarray:
    counts = np.zeros((len(sets), 256), dtype=np.int64)  # of each set's own classes
    for row, which in enumerate(train.sets):
        counts[which] += np.bincount(train.images[row : row + 1][..., 3].ravel(), minlength=256)
    if len(sets) == 1 and np.array_equal(sets[0].ids, np.arange(len(classes))):
        return counts[0, : len(classes)]
    of_label = np.zeros(256)
    for each, pixels in zip(sets, counts[:, :255], strict=True):
        of_set = np.bincount(each.ids, weights=pixels[: len(each.ids)], minlength=256) * (np.arange(256) < 255)
        of_label += each.share * of_set / of_set.sum()
    alone = of_label[: len(classes)]
    if missing := [name for name, pixels in zip(classes, alone, strict=True) if not pixels]:
        raise ValueError(
            f"Every class needs pixels of its own among the pictures trained on. Received: {', '.join(missing)} "
            "on pictures held out alone. Add pictures, or take another seed."
        )
    total = alone.copy()
    for label, meant in enumerate(label_sets[len(classes) :], len(classes)):
        total[list(meant)] += of_label[label] * alone[list(meant)] / alone[list(meant)].sum()
    return np.rint(1e9 * total).astype(np.int64)


def _fingerprint(read: Sequence[ReadSet], train: _Side, held_out: _Side, sets: Sequence[LearnedSet]) -> str:
    facts: tuple = (read[0].map.classes, read[0].class_colors, train.keys, held_out.keys)
    if len(read) > 1 or read[0].listed.labels:
        facts += tuple((each.name, each.map, each.share) for each in sets)
    return hashlib.sha256(repr(facts).encode()).hexdigest()
