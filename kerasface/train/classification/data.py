"""From a folder per class to what a training needs: pixels, labels, a split without leaks, and strangers."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasface.data.cache.crops import crop_faces
from kerasface.data.cache.images import cache_images, cache_resized
from kerasface.data.cache.store import StoredArray
from kerasface.data.curation import read_curated_classes
from kerasface.data.duplicates import (
    Duplicates,
    LeakReport,
    find_duplicates,
    fingerprint,
    keep_together,
    leak_report,
)
from kerasface.data.folders import IdentityFolders, read_identity_folders, split_groups, split_holdout
from kerasface.faces.alignment import FACE_RESNET_CROP, CropTemplate
from kerasface.faces.detection import FaceDetector
from kerasface.runs.card import ModelInput
from kerasface.train.classification.validation import given_split, read_both
from kerasface.train.recipe import ClassifyRecipe

# Done, total.
Progress = Callable[[int, int], None]

UNKNOWN_LABEL = -1
# Strangers measured at most: 3,000 support a false accept rate of 0.1 %, and each costs a detection.
MAX_UNKNOWN = 3_000


@dataclass(frozen=True, eq=False)
class PreparedData:
    """The images of a training, with everything that was found on the way.

    Attributes:
        root: The folder, or the listing, that was read.
        names: Names of the classes; the position of a name is its label.
        images: `(num_images, side, side, 3)` RGB uint8, read from disk when indexed.
        keys: SHA-256 of each image's file.
        files: Each image's file, relative to its folder.
        people: Name of each image's class or stranger, as its folder or label has it.
        labels: `(num_images,)` int64; -1 for strangers.
        groups: Number of each image's person, `(num_images,)` int64: persons held out, and strangers told apart.
        train: Indices of the training images.
        validation: Indices of the validation images.
        unknown: Indices of the strangers' images.
        moved: Validation images that went to the training side, because a duplicate of them stands there; with
            a split that was given, training images that were left out, because a duplicate is to be judged on.
        leaks: What the split or the labels let through, with indices into all images; `shared_labels` are numbers of
            persons that `groups` should have kept apart. With a split that was given, also what was left out for it.
        rejected: `(file, reason)` of every file that was not used.
        left_out: Classes left out: name to number of usable images.
        num_computed: Images decoded now; the others were in the cache.
        input: What a model trained on these images takes: the card's `input`.
        given: Where the validation images were given; `None` where they were held out.
        notes: What is to be said of the split before time is spent, in sentences.
    """

    root: Path
    names: list[str]
    images: StoredArray
    keys: list[str]
    files: list[str]
    people: list[str]
    labels: np.ndarray
    groups: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    unknown: np.ndarray
    moved: np.ndarray
    leaks: LeakReport
    rejected: list[tuple[str, str]]
    left_out: dict[str, int]
    num_computed: int
    input: ModelInput
    given: Path | None = None
    notes: Sequence[str] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over files, labels and split: equal data give equal trainings."""
        digest = hashlib.sha256(repr((self.names, self.input.to_dict())).encode())
        for part in (self.train, self.validation, self.unknown):
            for index in part:
                digest.update(f"{self.keys[index]} {self.labels[index]}\n".encode())
            digest.update(b"--\n")
        return digest.hexdigest()

    def balance(self) -> list[dict]:
        """Returns per class `name`, `num_train` and `num_validation`."""
        train, validation = (
            np.bincount(self.labels[part], minlength=len(self.names)) for part in (self.train, self.validation)
        )
        return [
            {"name": name, "num_train": int(train[label]), "num_validation": int(validation[label])}
            for label, name in enumerate(self.names)
        ]


def prepare(
    data: str | Path,
    recipe: ClassifyRecipe,
    cache: Path,
    on_progress: Progress | None = None,
    *,
    template: CropTemplate = FACE_RESNET_CROP,
) -> PreparedData:
    """Reads, decodes, aligns, splits and checks a folder of classes.

    Args:
        data: Folder with one folder of images per class, or a listing.
        recipe: A resolved recipe.
        cache: Folder of the caches.
        on_progress: Called with the number of images done and their total.
        template: How faces are cut.

    Raises:
        ValueError: If there are no two classes with enough usable images, nothing can be held out, or the pictures
            given to judge on do not fit.
        ModelFileError: If faces are wanted and a weight file is missing.
        OSError: If the cache cannot be written.
    """
    known, given = read_both(data, recipe)
    files, unlisted = _listed(known, given, recipe)
    loaded = _load(files, recipe, cache, template, on_progress)
    rejected = [(str(path), reason) for path, reason in [*unlisted, *loaded.rejected]]
    files = replace(files.part(loaded.positions), rows=np.arange(len(loaded.positions)))
    files, names, left_out = _enough_usable(files, known, recipe)
    images, keys = loaded.images.part(files.rows), [loaded.keys[row] for row in files.rows]
    duplicates = find_duplicates(keys, fingerprint(images))
    split = _split_given if given else _split_drawn
    train, validation, moved, leaks, notes = split(files, duplicates, names, recipe, given or known)
    # A picture of somebody known is no stranger, wherever it lies.
    strangers = np.flatnonzero(files.labels < 0)
    strangers = strangers[~np.isin(duplicates.group[strangers], duplicates.group[files.labels >= 0])]
    return PreparedData(
        root=known.source,
        names=names,
        images=images,
        keys=keys,
        files=files.names,
        people=files.people,
        labels=files.labels,
        groups=files.groups,
        train=train,
        validation=validation,
        unknown=strangers,
        moved=moved,
        leaks=leaks,
        rejected=rejected,
        left_out=left_out,
        num_computed=loaded.num_computed,
        input=loaded.input,
        given=given and given.source,
        notes=notes,
    )


@dataclass(frozen=True, eq=False)
class _Files:
    """Files with what each is called, whose it is, its label (-1: a stranger), the number of its person, whether it was
    given to judge on, and its row among the loaded images."""

    paths: list[Path]
    names: list[str]
    people: list[str]
    labels: np.ndarray
    groups: np.ndarray
    given: np.ndarray
    rows: np.ndarray

    def part(self, positions: np.ndarray) -> "_Files":
        """Returns the files at `positions`."""
        chosen = {
            name: values[positions] if isinstance(values, np.ndarray) else [values[position] for position in positions]
            for name, values in vars(self).items()
        }
        return _Files(**chosen)


@dataclass(frozen=True, eq=False)
class _Loaded:
    """Images of the files at `positions`, in that order."""

    images: StoredArray
    keys: list[str]
    positions: np.ndarray
    rejected: list[tuple[Path, str]]
    num_computed: int
    input: ModelInput


def _listed(
    known: IdentityFolders, given: IdentityFolders | None, recipe: ClassifyRecipe
) -> tuple[_Files, list[tuple[Path, str]]]:
    """Lists the files of all classes, those to judge on, and the strangers: people left out, and those of `unknown`.

    Returns:
        The files, and `(path, reason)` of everything else that was found.
    """
    rows, rejected = [], []
    for source in (known, *([given] if given else [])):
        rejected += source.rejected
        for path, label in source.samples:
            person = f"class {label}" if recipe.groups is None else _person(path, recipe.groups)
            rows.append((path, source.name_of(path), source.identities[label], label, person, source is given))
    for source, strangers, others in _strangers(known, recipe):
        rejected += others
        for name, found in strangers:
            person = f"stranger {source.source} {name}"
            rows += [(path, source.name_of(path), name, UNKNOWN_LABEL, person, False) for path in found]
    paths, names, people, labels, persons, are_given = map(list, zip(*rows, strict=True))
    groups = np.unique(np.array(persons, dtype=str), return_inverse=True)[1].reshape(-1)
    files = _Files(
        *(paths, names, people, np.array(labels, dtype=np.int64), groups),
        *(np.array(are_given, dtype=bool), np.arange(len(paths))),
    )
    return files, rejected


def _person(path: Path, pattern: str) -> str:
    found = re.search(pattern, path.name)
    if found is None:
        raise ValueError(f"The pattern of persons does not fit every file. Received: groups={pattern!r}, {path.name}.")
    return f"person {found[1]}"


def _strangers(known: IdentityFolders, recipe: ClassifyRecipe):
    """Yields source, `(name, files)` of strangers, as many people as possible among them, and what is no image."""
    sources = [read_curated_classes(known.source, recipe.curation)] if known.left_out else []
    if recipe.unknown:
        if Path(recipe.unknown).resolve() == known.source.resolve():
            raise ValueError(f"The strangers cannot be the people trained on. Received: unknown={recipe.unknown!r}.")
        sources.append(read_identity_folders(recipe.unknown, min_images=1))
    room = MAX_UNKNOWN
    for source in sources:
        by_name: dict[str, list[Path]] = {}
        for path, label in source.samples:
            name = source.identities[label]
            if source.source != known.source or name not in known.identities:
                by_name.setdefault(name, []).append(path)
        one_each = min(len(by_name), room)
        each = max(1, room // max(one_each, 1))
        chosen = [(name, found[:each]) for name, found in list(by_name.items())[:one_each]]
        room -= sum(len(found) for _, found in chosen)
        yield source, chosen, source.rejected if source.source != known.source else ()  # it was read before


def _load(
    files: _Files, recipe: ClassifyRecipe, cache: Path, template: CropTemplate, on_progress: Progress | None
) -> _Loaded:
    side = recipe.image_size
    values = {"image_size": (side, side), "values": "RGB, 0 to 255"}
    if not recipe.faces:
        cached = cache_images(files.paths, side, cache, on_progress)
        return _Loaded(
            cached.images,
            cached.keys,
            cached.positions,
            cached.rejected,
            cached.num_computed,
            ModelInput(kind="image", **values),
        )
    detector = FaceDetector()
    crops = crop_faces(files.paths, detector, template, cache, on_progress)
    images = crops.store.array(crops.keys)
    if side != template.image_size[0]:
        images = cache_resized(images, crops.keys, side, cache / crops.store.folder.name)
    cut = {"alignment": template.fingerprint}
    if template is not FACE_RESNET_CROP:
        cut = {"alignment": template.name, "template": tuple(map(tuple, template.points.tolist()))}
    face = ModelInput(**values, **cut, detector=detector.fingerprint)
    return _Loaded(images, crops.keys, crops.positions, crops.rejected, crops.num_computed, face)


def _enough_usable(files: _Files, known: IdentityFolders, recipe: ClassifyRecipe):
    """Leaves out classes whose usable images to train on became too few; the strangers stay."""
    counts = np.bincount(files.labels[(files.labels >= 0) & ~files.given], minlength=len(known.identities))
    kept = np.flatnonzero(counts >= recipe.min_images)
    left_out = known.left_out | {
        name: int(count) for name, count in zip(known.identities, counts, strict=True) if count < recipe.min_images
    }
    if len(kept) < 2:
        raise ValueError(
            f"Training needs at least two classes with {recipe.min_images} usable images each. Received: {len(kept)} "
            f"in {known.source}; {len(files.paths)} images could be used, {len(left_out)} classes were left out."
        )
    used = files.part(np.flatnonzero(np.isin(files.labels, kept) | (files.labels < 0)))
    labels = np.where(used.labels < 0, UNKNOWN_LABEL, np.searchsorted(kept, used.labels))
    return replace(used, labels=labels), [known.identities[label] for label in kept], left_out


def _split_drawn(files: _Files, duplicates: Duplicates, names: list[str], recipe: ClassifyRecipe, known):
    """Holds images out; returns train, validation, what was moved for a duplicate, leaks, and nothing to say."""
    usable = np.flatnonzero(files.labels >= 0)
    labels, groups = files.labels[usable], files.groups[usable]
    if recipe.groups is None:
        parts = split_holdout(labels, recipe.holdout, recipe.seed)
    else:
        parts = split_groups(labels, groups, recipe.holdout, recipe.seed)
    train, validation, moved = keep_together(duplicates, *(usable[part] for part in parts))
    if len(validation) == 0:
        raise ValueError(
            f"No image can be held out: every class in {known.source} has one usable image, or several equal ones. "
            "Give at least one of them a second one."
        )
    # A class stands on both sides on purpose; persons that were to be held out must not.
    shared = np.intersect1d(files.groups[train], files.groups[validation] if recipe.groups else [])
    leaks = replace(leak_report(duplicates, files.labels, train, validation), shared_labels=shared)
    return train, validation, moved, leaks, []


def _split_given(files: _Files, duplicates: Duplicates, names: list[str], recipe: ClassifyRecipe, given):
    """Takes the split that was given; as `_split_drawn`, with what is to be said of it."""
    train, validation = (np.flatnonzero((files.labels >= 0) & side) for side in (~files.given, files.given))
    split = given_split(duplicates, files.labels, train, validation, names, str(given.source))
    leaks = replace(split.leaks, shared_labels=np.zeros(0, dtype=np.int64))
    return split.train, validation, split.left_out, leaks, split.notes
