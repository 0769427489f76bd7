"""A split that was given: pictures to judge on in a folder or listing of their own, under the names trained on."""

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasface.data.curation import read_curated_classes
from kerasface.data.duplicates import Duplicates, LeakReport, leak_report
from kerasface.data.folders import IdentityFolders
from kerasface.data.listings import read_classes
from kerasface.terminal.words import counted, some_names
from kerasface.train.recipe import ClassifyRecipe


@dataclass(frozen=True, eq=False)
class GivenSplit:
    """How training pictures and those given to judge on go together.

    Attributes:
        train: Indices of the training pictures, without those that are left out.
        left_out: Indices of training pictures that show what a picture to judge on shows.
        leaks: The pairs that were found, before any was left out.
        notes: What is to be said of the split, in sentences.
    """

    train: np.ndarray
    left_out: np.ndarray
    leaks: LeakReport
    notes: list[str]


def check_given(data: str | Path, recipe: ClassifyRecipe) -> None:
    """Refuses, by the names of files alone, pictures to judge on that do not fit; there may be none given.

    Raises:
        ValueError: If they cannot be read, are those trained on, or have a class that is not trained on.
    """
    if recipe.validation:
        read_both(data, recipe)


def read_both(data: str | Path, recipe: ClassifyRecipe) -> tuple[IdentityFolders, IdentityFolders | None]:
    """Reads what is trained on, and what is given to judge on, if anything, by the names of files alone.

    Raises:
        ValueError: As `check_given`, and if there are no two classes to train on.
    """
    known = read_curated_classes(data, recipe.curation, min_images=recipe.min_images)
    return known, read_validation(recipe.validation, known) if recipe.validation else None


def read_validation(source: str | Path, known: IdentityFolders) -> IdentityFolders:
    """Reads the pictures to judge on, labelled as the classes that are trained on.

    Args:
        source: A folder with a folder per class, or a listing. Names are matched as they are, in any Unicode form.
        known: What is trained on.

    Returns:
        What was found, with the identities and labels of `known`; pictures of classes that `known` has left out are
        rejected.

    Raises:
        ValueError: If it cannot be read, is what is trained on, or has a class that is not trained on.
    """
    if Path(source).resolve() == known.source.resolve():
        raise ValueError(f"Pictures to judge on cannot be those trained on. Received: validation={str(source)!r}.")
    found = read_classes(source, min_identities=1)
    label_of = {_plain(name): label for label, name in enumerate(known.identities)}
    left_out = {_plain(name) for name in known.left_out}
    unknown = [name for name in found.identities if _plain(name) not in label_of and _plain(name) not in left_out]
    if unknown:
        raise ValueError(_refusal(found, known, unknown))
    samples, rejected = [], list(found.rejected)
    for path, number in found.samples:
        name = found.identities[number]
        if (label := label_of.get(_plain(name))) is None:
            rejected.append((path, f"{path}: {name} is left out of the training, which has too few pictures of it."))
        else:
            samples.append((path, label))
    samples.sort(key=lambda sample: sample[1])
    return replace(found, identities=known.identities, samples=tuple(samples), left_out={}, rejected=tuple(rejected))


def given_split(
    duplicates: Duplicates,
    labels: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    names: Sequence[str],
    place: str,
) -> GivenSplit:
    """Leaves training pictures out that the pictures to judge on show as well, and says what is amiss.

    The pictures to judge on stay as they were given, so that numbers on them can be compared with those of others.

    Args:
        duplicates: Of all pictures.
        labels: Label of every picture, `(num_images,)`.
        train: Indices of the training pictures.
        validation: Indices of the pictures to judge on.
        names: Of the classes.
        place: What a sentence calls the place of the pictures to judge on.

    Raises:
        ValueError: If nothing is there to judge on, or a class has nothing left to train on.
    """
    if len(validation) == 0:
        raise ValueError(f"No picture in {place} can be used to judge on. Give pictures of the classes trained on.")
    leaks = leak_report(duplicates, labels, train, validation)
    crosses = np.isin(duplicates.group[train], duplicates.group[validation])
    kept, left_out = train[~crosses], train[crosses]
    if empty := [names[label] for label in np.setdiff1d(labels[train], labels[kept])]:
        raise ValueError(
            f"All training pictures of a class are pictures to judge on as well. Received: "
            f"{counted(len(empty), 'such class', 'such classes')}, {some_names(empty)}, in {place}. Give other "
            "pictures to judge on, or none: then some are held out."
        )
    notes = []
    if len(left_out):
        notes.append(
            f"Left out of the training: {counted(len(left_out), 'picture')}, as {place} shows the same "
            f"({counted(len(leaks.exact), 'equal file')} and {counted(len(leaks.near), 'nearly equal picture')} there)."
        )
    if missing := [names[label] for label in np.setdiff1d(labels[train], labels[validation])]:
        notes.append(
            f"Not judged: {counted(len(missing), 'class', 'classes')} without a picture in {place}: "
            f"{some_names(missing)}."
        )
    return GivenSplit(kept, left_out, leaks, notes)


def _refusal(found: IdentityFolders, known: IdentityFolders, unknown: list[str]) -> str:
    names = {_plain(name).casefold(): name for name in known.identities}
    near = difflib.get_close_matches(_plain(unknown[0]).casefold(), names, n=1, cutoff=0.8)
    hint = f" {unknown[0]!r} may be {names[near[0]]!r}." if near else ""
    return (
        f"{found.source} holds {counted(len(unknown), 'class', 'classes')} that {known.source} does not: no model can "
        f"name them. Received: {some_names(unknown)}; trained on are {some_names(known.identities)}.{hint} Rename or "
        "remove them, or add pictures of them to the training."
    )


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name)
