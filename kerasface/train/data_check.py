"""What somebody should know of a folder of classes before time is spent on it."""

from dataclasses import dataclass

import numpy as np

from kerasface.data.duplicates import find_duplicates, fingerprint
from kerasface.terminal.words import counted
from kerasface.train.classification.data import PreparedData
from kerasface.train.recipe import ClassifyRecipe

UNBALANCED = 5  # times as many images in the largest class as in the smallest
FEW = 5  # images of a class: fewer, and one alone is held out, which says little
MANY_REJECTED = 0.1  # of all files


@dataclass(frozen=True, eq=False)
class DataCheck:
    """What was found.

    Attributes:
        exact: Groups of equal files: indices into all images, ascending; the largest groups first.
        near: Groups of pictures that look the same and are no equal files, or not all.
        warnings: Sentences, the weightiest first.
    """

    exact: list[np.ndarray]
    near: list[np.ndarray]
    warnings: list[str]


def check_data(prepared: PreparedData, recipe: ClassifyRecipe) -> DataCheck:
    """Looks for duplicates, for classes of very different sizes, and for much that cannot be used.

    Args:
        prepared: The images.
        recipe: The settings of the training that is planned.
    """
    duplicates = find_duplicates(prepared.keys, fingerprint(prepared.images))
    groups = _groups(duplicates.group)
    exact = [group for group in groups if len(np.unique(duplicates.content[group])) == 1]
    near = [group for group in groups if len(np.unique(duplicates.content[group])) > 1]
    about = (_two_names, _rejected) if holds_people_out(prepared) else (_two_names, _rejected, _few, _strangers)
    found = (_balance(prepared, recipe), *(look(prepared) for look in about))
    return DataCheck(exact, near, [*prepared.notes, *(sentence for sentence in found if sentence)])


def holds_people_out(prepared: PreparedData) -> bool:
    """Whether what is held out shows none of the people trained on: then nobody is named, and nobody a stranger."""
    train, validation = (prepared.labels[part] for part in (prepared.train, prepared.validation))
    return not np.intersect1d(train, validation).size


def _groups(numbers: np.ndarray) -> list[np.ndarray]:
    """The groups of several, each as ascending indices; the largest first."""
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order])) + 1
    return sorted((part for part in np.split(order, starts) if len(part) > 1), key=lambda part: (-len(part), part[0]))


def _sizes(prepared: PreparedData) -> dict[str, int]:
    return {row["name"]: row["num_train"] + row["num_validation"] for row in prepared.balance()}


def _two_names(prepared: PreparedData) -> str | None:
    count = len(prepared.leaks.two_labels_exact) + len(prepared.leaks.two_labels_near)
    if not count:
        return None
    return f"Under two names, of which one is wrong: {counted(count, 'picture')}. No model can learn both."


def _balance(prepared: PreparedData, recipe: ClassifyRecipe) -> str | None:
    sizes = _sizes(prepared)
    largest, smallest = max(sizes, key=sizes.get), min(sizes, key=sizes.get)
    if sizes[largest] < UNBALANCED * sizes[smallest]:
        return None
    images = counted(sizes[largest], "image")
    sentence = f"The classes differ much in size: {largest} has {images}, {smallest} {sizes[smallest]:,}."
    if recipe.class_weights == "balanced" or recipe.classifier == "cosine":
        return sentence  # each class weighs the same already
    return f"{sentence} A model will name the large ones too often: set class weights to balanced, or add photos."


def _rejected(prepared: PreparedData) -> str | None:
    bad, good = len(prepared.rejected), len(prepared.files)
    if bad < MANY_REJECTED * (bad + good):
        return None
    return f"{bad:,} of {bad + good:,} files cannot be used."


def _few(prepared: PreparedData) -> str | None:
    few = sum(size < FEW for size in _sizes(prepared).values())
    if not few:
        return None
    who = counted(few, "class has", "classes have")
    return f"Of {len(prepared.names):,} classes, {who} fewer than {FEW} images: held out, they say little."


def _strangers(prepared: PreparedData) -> str | None:
    if len(prepared.unknown) or not prepared.input.of_faces:
        return None
    return (
        "There are no strangers: who is known is decided by a default that was measured on other people; where none "
        "was measured, whoever is shown to the model gets one of the names. Name a folder of other people as unknown, "
        "or leave people with too few photos in the folder."
    )
