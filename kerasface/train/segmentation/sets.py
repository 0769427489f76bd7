"""One set of pictures and masks of a training: read, told apart by persons, and split; its labels among the others'."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.data.cache.store import StoredArray
from kerasface.data.folders import split_groups
from kerasface.data.masks.cache import MaskedImages, check_classes, check_usable, load_pairs
from kerasface.data.masks.labels import LabelMap, label_map
from kerasface.data.masks.reading import CLASSES_FILE, Color, MaskFolders, default_colors, read_mask_folders
from kerasface.data.masks.sets import MaskSet
from kerasface.train.recipe import check_groups
from kerasface.train.segmentation.recipe import SegmentRecipe

NOTHING = 255  # id of what is not learned


@dataclass(frozen=True, eq=False)
class LearnedSet:
    """A set as a training uses it.

    Attributes:
        name: How it is called.
        root: Its folder.
        map: What its labels stand for among the model's classes.
        colors: RGB of each of its own classes, 0 to 255.
        ids: Id, in the training, of each of its own classes; 255 where it is ignored, `(num_labels,)` uint8.
        share: Its share of an epoch's pictures.
        person_known: Whether its persons are told apart, or another folder is judged on.
    """

    name: str
    root: Path
    map: LabelMap
    colors: tuple[Color, ...]
    ids: np.ndarray
    share: float
    person_known: bool


@dataclass(frozen=True, eq=False)
class SetSide:
    """The pictures of a set that are trained on, or that are held out: `images`, and of each its key, stem, person."""

    name: str
    images: StoredArray
    keys: list[str]
    stems: list[str]
    persons: list[str]


@dataclass(frozen=True, eq=False)
class NamedSet:
    """A set by the names of its files and classes alone.

    Attributes:
        listed: What the listing says of it.
        folders: What its folder holds.
        map: What its labels stand for among the model's classes.
        given: What the folder to judge on holds; `None` where some pictures are held out.
    """

    listed: MaskSet
    folders: MaskFolders
    map: LabelMap
    given: MaskFolders | None

    @property
    def class_colors(self) -> tuple[Color, ...]:
        """RGB of each of the model's classes: of the first label that stands for it alone, else one of its own."""
        alone: dict[int, Color] = {}
        for meant, color in zip(self.map.stands_for, self.folders.colors, strict=True):
            if len(meant) == 1:
                alone.setdefault(meant[0], color)
        numbers = range(len(self.map.classes))
        others = iter(default_colors(len(numbers) - len(alone), tuple(alone.values())))
        return tuple(alone[number] if number in alone else next(others) for number in numbers)


@dataclass(frozen=True, eq=False)
class ReadSet(NamedSet):
    """A set as it was read.

    Attributes:
        counts: Pixels of each of its own classes, `(num_labels,)` int64.
        train: What is trained on.
        held_out: What is held out.
        rejected: `(path, reason)` of every file that was not used.
        num_computed: Pairs decoded now.
    """

    counts: np.ndarray
    train: SetSide
    held_out: SetSide
    rejected: list[tuple[Path, str]]
    num_computed: int

    def learned(self, label_sets: Sequence[tuple[int, ...]], share: float) -> LearnedSet:
        """Returns the set with the ids that its classes have among `label_sets`."""
        ids = [label_sets.index(meant) if meant else NOTHING for meant in self.map.stands_for]
        known = self.listed.groups is not None or self.listed.validation is not None
        return LearnedSet(
            self.listed.name, self.folders.root, self.map, self.folders.colors, np.array(ids, np.uint8), share, known
        )


def name_set(listed: MaskSet, first: NamedSet | None, recipe: SegmentRecipe) -> NamedSet:
    """Reads and checks the names of one set's files and classes; none is opened where its classes are named.

    Args:
        listed: What the listing says of it.
        first: The set whose classes are the model's; `None` for the first one itself.
        recipe: A resolved recipe.

    Raises:
        ValueError: If its folders, its classes or its labels do not fit, or those of the folder to judge on.
    """
    check_groups(listed.groups)
    folders = _folders_of(listed, first, recipe)
    classes = first.map.classes if first else recipe.class_names or folders.classes
    meant = label_map(folders.classes, classes, listed.labels, str(folders.root))
    _refuse_other_first(meant, folders)
    _refuse_missing_persons(folders, listed.groups)
    given = None if listed.validation is None else _judged_on(listed.validation, folders)
    return NamedSet(listed, folders, meant, given)


def read_set(
    named: NamedSet,
    recipe: SegmentRecipe,
    cache: Path,
    on_progress: Callable[[int, int], None] | None,
    *,
    is_first: bool,
) -> ReadSet:
    """Reads, checks and splits one set.

    Args:
        named: The set by its names.
        recipe: A resolved recipe.
        cache: Folder of the caches.
        on_progress: Called with the number of pairs done and their total.
        is_first: Whether its classes are the model's.

    Raises:
        ValueError: If no pair of it can be used, a class of the model has no pixel, or nothing can be held out.
    """
    listed, folders, given = named.listed, named.folders, named.given
    side = 2 * recipe.image_size  # pixels: what is cut out and enlarged stays sharp
    found = load_pairs(folders, side, cache, on_progress)
    if is_first and listed.labels is None:
        check_classes(found, folders.classes)
    else:
        check_usable(found)
    stems = [folders.names[position] for position in found.positions]
    persons = stems if listed.groups is None else [re.search(listed.groups, stem)[1] for stem in stems]
    rejected, computed = [*folders.rejected, *found.rejected], found.num_computed
    if given is None:
        train, held_out = _split(persons, recipe, folders.root)
        others, other_stems, other_persons = found, stems, persons
    else:
        others = load_pairs(given, side, cache, on_progress)
        if len(others.images) == 0:
            raise ValueError(f"No picture of the validation folder can be used. Received: {str(listed.validation)!r}.")
        other_stems = other_persons = [given.names[position] for position in others.positions]
        rejected += [*given.rejected, *others.rejected]
        train, held_out = np.arange(len(stems)), np.arange(len(other_stems))
        computed += others.num_computed
    return ReadSet(
        **vars(named),
        counts=found.class_counts,
        train=_side(listed.name, found, stems, persons, train),
        held_out=_side(listed.name, others, other_stems, other_persons, held_out),
        rejected=rejected,
        num_computed=computed,
    )


def check_learnable(read: Sequence[ReadSet]) -> None:
    """Checks that every class of the model is labelled alone somewhere: else nothing tells it from others.

    Raises:
        ValueError: If one is not.
    """
    classes = read[0].map.classes
    alone = np.zeros(len(classes), dtype=np.int64)
    for part in read:
        for meant, count in zip(part.map.stands_for, part.counts, strict=True):
            if len(meant) == 1:
                alone[meant[0]] += count
    if missing := [name for name, count in zip(classes, alone, strict=True) if not count]:
        raise ValueError(
            f"Every class needs pixels that a label gives to it alone. Received: none for {', '.join(missing)} in "
            f"{', '.join(part.listed.name for part in read)}. Add a set that has them, or leave the class out."
        )


def distinct_labels(read: Sequence[ReadSet]) -> tuple[tuple[int, ...], ...]:
    """Returns the classes that labels may mean, without repetition: each class alone, then the others."""
    alone = [(index,) for index in range(len(read[0].map.classes))]
    others = (meant for part in read for meant in part.map.stands_for if len(meant) > 1)
    return tuple(dict.fromkeys([*alone, *others]))


def _folders_of(listed: MaskSet, first: NamedSet | None, recipe: SegmentRecipe) -> MaskFolders:
    """Returns the names of its files; without a `classes.txt` its classes are those with a line, or the model's."""
    if listed.labels is not None:
        stated = (listed.folder / CLASSES_FILE).exists()
        return read_mask_folders(listed.folder, None if stated else tuple(listed.labels.stands_for))
    if first is None:
        return read_mask_folders(listed.folder, recipe.class_names)
    if (listed.folder / CLASSES_FILE).exists():
        return read_mask_folders(listed.folder)
    return read_mask_folders(listed.folder, first.map.classes, first.class_colors)


def _refuse_other_first(meant: LabelMap, folders: MaskFolders) -> None:
    """What augmentation brings in from outside of a picture is of the first class."""
    if meant.stands_for[0] not in ((), (0,)):
        stands_for = ", ".join(meant.classes[index] for index in meant.stands_for[0])
        raise ValueError(
            f"The first class of a set is its background: it stands for the model's first class, {meant.classes[0]}, "
            f"or is ignored. Received: {meant.labels[0]} of {folders.root} stands for {stands_for}."
        )


def _refuse_missing_persons(folders: MaskFolders, pattern: str | None) -> None:
    if pattern is None:
        return
    for name in folders.names:
        if re.search(pattern, name) is None:
            raise ValueError(f"The pattern of persons does not fit every file. Received: groups={pattern!r}, {name}.")


def _split(persons: list[str], recipe: SegmentRecipe, root: Path) -> tuple[np.ndarray, np.ndarray]:
    """Holds pictures out, whole persons where they are told apart."""
    if len(set(persons)) < 2:
        raise ValueError(
            f"Somebody must be trained on and somebody else held out. Received: one person or picture in {root}. Add "
            "others, or name a validation folder."
        )
    numbers = np.unique(persons, return_inverse=True)[1].astype(np.int64)
    return split_groups(np.zeros_like(numbers), numbers, recipe.holdout, recipe.seed)


def _judged_on(place: Path, folders: MaskFolders) -> MaskFolders:
    """Returns the names of files in the folder to judge on, whose classes are those of the training."""
    others = read_mask_folders(place, folders.classes, folders.colors)
    if others.root.resolve() == folders.root.resolve():
        raise ValueError(f"It cannot be judged on what it trains on. Received: validation={str(place)!r}.")
    return others


def _side(name: str, found: MaskedImages, stems: list[str], persons: list[str], rows: np.ndarray) -> SetSide:
    keys, stems, persons = ([values[row] for row in rows] for values in (found.keys, stems, persons))
    return SetSide(name, found.images.part(rows), keys, stems, persons)
