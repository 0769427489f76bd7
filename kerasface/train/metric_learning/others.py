"""People to judge on who were given in a place of their own, next to those trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasface.data.duplicates import find_duplicates, fingerprint, leak_report
from kerasface.data.listings import read_classes
from kerasface.terminal.words import counted, some_names
from kerasface.train.classification.data import PreparedData
from kerasface.train.metric_learning.recipe import MetricRecipe

MIN_PEOPLE = 2  # with two images or more, on each side: one has no impostors


def check_others(data: str | Path, recipe: MetricRecipe) -> None:
    """Refuses, by the names of files alone, people who cannot be judged on; there may be none given.

    Raises:
        ValueError: If one of the places cannot be read, or somebody stands in both.
    """
    if recipe.validation is None:
        return
    places = [read_classes(place) for place in (data, recipe.validation)]
    both = [name for name in places[1].identities if name in set(places[0].identities)]
    if both:
        raise ValueError(
            f"Embeddings are judged on people that nothing was trained on. Received: {some_names(both)}, "
            f"{counted(len(both), 'person', 'people')} in both {data} and {recipe.validation}. "
            "Give other people to judge on."
        )


def judged_on_others(read: PreparedData, others: PreparedData) -> PreparedData:
    """Puts people to train on and people to judge on together.

    Of pictures that stand on both sides those to train on are left out: what was given to judge on stays whole.

    Args:
        read: People to train on.
        others: People to judge on, read with the same settings.

    Raises:
        ValueError: If fewer than two people with two images are left on a side.
    """
    people = [*read.people, *others.people]
    names, labels = np.unique(np.array(people), return_inverse=True)
    train, validation = _used(read), len(read.files) + _used(others)
    keys, images = [*read.keys, *others.keys], read.images.followed_by(others.images)
    duplicates = find_duplicates(keys, fingerprint(images))
    leaks = leak_report(duplicates, labels, train, validation)
    crosses = np.isin(duplicates.group[train], duplicates.group[validation])
    train, left_out = train[~crosses], train[crosses]
    for what, part, place in (("train", train, read.root), ("judge", validation, others.root)):
        if (several := int(np.sum(np.bincount(labels[part]) >= 2))) < MIN_PEOPLE:
            raise ValueError(
                f"To {what} on, at least two people with two usable images each are needed. Received: {several} in "
                f"{place}; left out as copies of those to judge on: {counted(len(left_out), 'image')}. Add images."
            )
    notes = []
    if len(left_out):
        notes = [f"Left out of the training: {counted(len(left_out), 'picture')}, as {others.root} shows the same."]
    return replace(
        read,
        names=names.tolist(),
        images=images,
        keys=keys,
        files=[*read.files, *others.files],
        people=people,
        labels=labels.astype(np.int64),
        groups=labels.astype(np.int64),
        train=train,
        validation=validation,
        unknown=np.zeros(0, dtype=np.int64),
        moved=left_out,
        leaks=leaks,
        rejected=[*read.rejected, *others.rejected],
        left_out=read.left_out | others.left_out,
        num_computed=read.num_computed + others.num_computed,
        given=others.root,
        notes=notes,
    )


def _used(read: PreparedData) -> np.ndarray:
    return np.sort(np.concatenate([read.train, read.validation, read.unknown]))
