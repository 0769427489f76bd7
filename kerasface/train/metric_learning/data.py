"""From a folder per person to what a metric training needs: people to train on, and other people to judge on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasface.data.duplicates import find_duplicates, fingerprint, leak_report
from kerasface.data.listings import read_classes
from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.train.classification.data import PreparedData, prepare
from kerasface.train.engine.network import template_for
from kerasface.train.metric_learning.others import MIN_PEOPLE, check_others, judged_on_others
from kerasface.train.metric_learning.recipe import MetricRecipe


def prepare_people(
    data: str | Path, recipe: MetricRecipe, cache: Path, on_progress: Callable[[int, int], None] | None = None
) -> PreparedData:
    """Reads, aligns and splits a folder of people, so that nobody stands on both sides.

    Args:
        data: Folder with one folder of images per person, or a listing.
        recipe: A resolved recipe.
        cache: Folder of the caches.
        on_progress: Called with the number of images done and their total.

    Returns:
        The images with `labels` that number all people, those with one image too; `train` and `validation` hold the
        images of different people. There are no strangers (`unknown` is empty), and `moved` are images of people held
        out that were left out, because the training side has an equal or nearly equal picture; where people to judge on
        are given, images to train on that were left out for theirs.

    Raises:
        ValueError: If fewer than four people have two usable images, or those to judge on do not fit.
        ModelFileError: If faces are wanted and a weight file is missing.
        OSError: If the cache cannot be written.
    """
    template = template_for(recipe) if recipe.faces else FACE_RESNET_CROP
    check_others(data, recipe)
    if recipe.validation is not None:
        places = (data, recipe.validation)
        return judged_on_others(
            *(prepare(place, recipe.for_reading(), cache, on_progress, template=template) for place in places)
        )
    _check_folders(data)
    read = prepare(data, recipe.for_reading(), cache, on_progress, template=template)
    names, labels = np.unique(np.array(read.people), return_inverse=True)
    # Pictures of one person under two names are in `leaks`; strangers that are copies of somebody known are used by
    # neither side.
    used = np.sort(np.concatenate([read.train, read.validation, read.unknown]))
    counts = np.bincount(labels[used], minlength=len(names))
    _check_people(int(np.sum(counts >= 2)), int(np.sum(counts == 1)), read.root, len(read.rejected))
    held_out = np.isin(labels[used], split_people(counts, recipe.holdout, recipe.seed))
    train, validation = used[~held_out], used[held_out]
    duplicates = find_duplicates(read.keys, fingerprint(read.images))
    crosses = np.isin(duplicates.group[validation], duplicates.group[train])
    moved, validation = validation[crosses], validation[~crosses]
    remaining = int(np.sum(np.bincount(labels[validation]) >= 2))
    if remaining < MIN_PEOPLE:
        raise ValueError(
            "Of the people held out, at least two must have two images that show nobody trained on. "
            f"Received: {remaining}, {len(moved)} images left out as copies. Add images or hold more people out."
        )
    return replace(
        read,
        names=names.tolist(),
        labels=labels.astype(np.int64),
        groups=labels.astype(np.int64),
        train=train,
        validation=validation,
        unknown=np.zeros(0, dtype=np.int64),
        moved=moved,
        leaks=leak_report(duplicates, labels, train, validation),
    )


def split_people(counts: np.ndarray, holdout: float, seed: int) -> np.ndarray:
    """Holds people out: a share of those with several images, and the same share of those with one.

    Args:
        counts: Images of each person, integers, shape `(num_people,)`; four or more have at least 2.
        holdout: Share of the people held out, in `(0, 1)`; at least two with two images stay on each side.
        seed: The same seed gives the same split.

    Returns:
        The numbers of the people held out, ascending int64.
    """
    generator = np.random.default_rng(seed)
    several, single = np.flatnonzero(counts >= 2), np.flatnonzero(counts == 1)
    count = int(np.clip(round(holdout * len(several)), MIN_PEOPLE, len(several) - MIN_PEOPLE))
    chosen = [generator.permutation(several)[:count], generator.permutation(single)[: round(holdout * len(single))]]
    return np.sort(np.concatenate(chosen))


def _check_folders(data: str | Path) -> None:
    """Refuses what the names of the files already show, before any of them is decoded."""
    found = read_classes(data)
    counts = np.bincount(found.labels, minlength=len(found.identities))
    _check_people(int(np.sum(counts >= 2)), int(np.sum(counts == 1)), found.source, len(found.rejected))


def _check_people(several: int, single: int, root: Path, rejected: int) -> None:
    if several < 2 * MIN_PEOPLE:
        raise ValueError(
            "A metric training needs at least four people with two usable images each: two to train on, and two others "
            f"to judge on. Received: {several} such people in {root}, {single} with one image, {rejected} files that "
            "cannot be used. Add images of the same people."
        )
