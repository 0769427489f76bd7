"""From a folder per class to what a training needs: pixels, labels, a split without leaks, and strangers."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasface.data.cache.crops import crop_faces
from kerasface.data.cache.images import cache_images, cache_resized
from kerasface.data.cache.store import StoredArray
from kerasface.data.curation import read_curated_folders
from kerasface.data.duplicates import LeakReport, find_duplicates, fingerprint, keep_together, leak_report
from kerasface.data.folders import IdentityFolders, read_identity_folders, split_groups, split_holdout
from kerasface.faces.alignment import FACE_RESNET_CROP, CropTemplate
from kerasface.faces.detection import FaceDetector
from kerasface.runs.card import ModelInput
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
        root: The folder that was read.
        names: Names of the classes; the position of a name is its label.
        images: `(num_images, side, side, 3)` RGB uint8, read from disk when indexed.
        keys: SHA-256 of each image's file.
        files: Each image's file, relative to its folder.
        labels: `(num_images,)` int64; -1 for strangers.
        groups: Number of each image's person, `(num_images,)` int64: persons held out, and strangers told apart.
        train: Indices of the training images.
        validation: Indices of the validation images.
        unknown: Indices of the strangers' images.
        moved: Validation images that went to the training side, because a duplicate of them stands there.
        leaks: What the split or the labels let through, with indices into all images; `shared_labels` are numbers of
            persons that `groups` should have kept apart.
        rejected: `(file, reason)` of every file that was not used.
        left_out: Classes left out: name to number of usable images.
        num_computed: Images decoded now; the others were in the cache.
        input: What a model trained on these images takes: the card's `input`.
    """

    root: Path
    names: list[str]
    images: StoredArray
    keys: list[str]
    files: list[str]
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
        data: Folder with one folder of images per class.
        recipe: A resolved recipe.
        cache: Folder of the caches.
        on_progress: Called with the number of images done and their total.
        template: How faces are cut.

    Raises:
        ValueError: If the folder does not hold two classes with enough usable images, or nothing can be held out.
        ModelFileError: If faces are wanted and a weight file is missing.
        OSError: If the cache cannot be written.
    """
    known = read_curated_folders(data, recipe.curation, min_images=recipe.min_images)
    files, unlisted = _listed(known, recipe)
    loaded = _load(files, recipe, cache, template, on_progress)
    rejected = [(str(path), reason) for path, reason in [*unlisted, *loaded.rejected]]
    files = replace(files.part(loaded.positions), rows=np.arange(len(loaded.positions)))
    files, names, left_out = _enough_usable(files, known, recipe)
    images, keys = loaded.images.part(files.rows), [loaded.keys[row] for row in files.rows]
    usable = np.flatnonzero(files.labels >= 0)
    train, validation = (usable[part] for part in _split(files, usable, recipe, known.root))
    duplicates = find_duplicates(keys, fingerprint(images))
    train, validation, moved = keep_together(duplicates, train, validation)
    if len(validation) == 0:
        raise ValueError(
            f"No image can be held out: every class in {known.root} has one usable image, or several equal ones. "
            "Give at least one of them a second one."
        )
    # A class stands on both sides on purpose; persons that were to be held out must not.
    shared = np.intersect1d(files.groups[train], files.groups[validation] if recipe.groups else [])
    # A picture of somebody known is no stranger, wherever it lies.
    strangers = np.flatnonzero(files.labels < 0)
    strangers = strangers[~np.isin(duplicates.group[strangers], duplicates.group[usable])]
    return PreparedData(
        root=known.root,
        names=names,
        images=images,
        keys=keys,
        files=[str(path.relative_to(root)) for path, root in zip(files.paths, files.roots, strict=True)],
        labels=files.labels,
        groups=files.groups,
        train=train,
        validation=validation,
        unknown=strangers,
        moved=moved,
        leaks=replace(leak_report(duplicates, files.labels, train, validation), shared_labels=shared),
        rejected=rejected,
        left_out=left_out,
        num_computed=loaded.num_computed,
        input=loaded.input,
    )


@dataclass(frozen=True, eq=False)
class _Files:
    """Files with their labels (-1: a stranger), the number of their person, and their row among the loaded images."""

    paths: list[Path]
    roots: list[Path]
    labels: np.ndarray
    groups: np.ndarray
    rows: np.ndarray

    def part(self, positions: np.ndarray) -> "_Files":
        """Returns the files at `positions`."""
        return _Files(
            [self.paths[position] for position in positions],
            [self.roots[position] for position in positions],
            self.labels[positions],
            self.groups[positions],
            self.rows[positions],
        )


@dataclass(frozen=True, eq=False)
class _Loaded:
    """Images of the files at `positions`, in that order."""

    images: StoredArray
    keys: list[str]
    positions: np.ndarray
    rejected: list[tuple[Path, str]]
    num_computed: int
    input: ModelInput


def _listed(known: IdentityFolders, recipe: ClassifyRecipe) -> tuple[_Files, list[tuple[Path, str]]]:
    """Lists the files of all classes and of the strangers: people left out, and those of the folder `unknown`.

    Returns:
        The files, and `(path, reason)` of everything else in the folders.
    """
    paths, labels, rejected = known.paths, list(known.labels), list(known.rejected)
    persons = [f"class {label}" for label in labels]
    if recipe.groups is not None:
        persons = [_person(path, recipe.groups) for path in paths]
    roots = [known.root] * len(paths)
    for root, strangers, others in _strangers(known, recipe):
        rejected += others
        for name, found in strangers:
            paths += found
            labels += [UNKNOWN_LABEL] * len(found)
            persons += [f"stranger {root} {name}"] * len(found)
            roots += [root] * len(found)
    groups = np.unique(np.array(persons, dtype=str), return_inverse=True)[1].reshape(-1)
    return _Files(paths, roots, np.array(labels, dtype=np.int64), groups, np.arange(len(paths))), rejected


def _person(path: Path, pattern: str) -> str:
    found = re.search(pattern, path.name)
    if found is None:
        raise ValueError(f"The pattern of persons does not fit every file. Received: groups={pattern!r}, {path.name}.")
    return f"person {found[1]}"


def _strangers(known: IdentityFolders, recipe: ClassifyRecipe):
    """Yields root, `(name, files)` of the strangers, as many people as possible among them, and what is no image."""
    sources = [(known.root, read_curated_folders(known.root, recipe.curation))] if known.left_out else []
    if recipe.unknown:
        if Path(recipe.unknown).resolve() == known.root.resolve():
            raise ValueError(f"The strangers cannot be the people trained on. Received: unknown={recipe.unknown!r}.")
        sources.append((Path(recipe.unknown), read_identity_folders(recipe.unknown, min_images=1)))
    room = MAX_UNKNOWN
    for root, folders in sources:
        by_name: dict[str, list[Path]] = {}
        for path, label in folders.samples:
            name = folders.identities[label]
            if root != known.root or name not in known.identities:
                by_name.setdefault(name, []).append(path)
        one_each = min(len(by_name), room)
        each = max(1, room // max(one_each, 1))
        chosen = [(name, found[:each]) for name, found in list(by_name.items())[:one_each]]
        room -= sum(len(found) for _, found in chosen)
        yield root, chosen, folders.rejected if root != known.root else ()  # the root was read before


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
    """Leaves out classes whose usable images became too few; the strangers stay."""
    counts = np.bincount(files.labels[files.labels >= 0], minlength=len(known.identities))
    kept = np.flatnonzero(counts >= recipe.min_images)
    left_out = known.left_out | {
        name: int(count) for name, count in zip(known.identities, counts, strict=True) if count < recipe.min_images
    }
    if len(kept) < 2:
        raise ValueError(
            f"Training needs at least two classes with {recipe.min_images} usable images each. Received: {len(kept)} "
            f"in {known.root}; {len(files.paths)} images could be used, {len(left_out)} classes were left out."
        )
    used = files.part(np.flatnonzero(np.isin(files.labels, kept) | (files.labels < 0)))
    labels = np.where(used.labels < 0, UNKNOWN_LABEL, np.searchsorted(kept, used.labels))
    return replace(used, labels=labels), [known.identities[label] for label in kept], left_out


def _split(files: _Files, usable: np.ndarray, recipe: ClassifyRecipe, root: Path):
    labels = files.labels[usable]
    if recipe.groups is None:
        return split_holdout(labels, recipe.holdout, recipe.seed)
    return split_groups(labels, files.groups[usable], recipe.holdout, recipe.seed)
