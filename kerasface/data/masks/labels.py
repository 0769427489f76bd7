"""What the labels of a set of masks stand for among the classes of a model: one of them, several, or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from kerasface.files.parsing import toml_of
from kerasface.files.paths import read_text

IGNORE = "ignore"  # what a label stands for whose pixels do not count
_FORM = 'Its lines are `coarse = 0.01`, `[labels]`, and for each class of the set `skin = ["skin", "nose"]` or "ignore"'


@dataclass(frozen=True)
class LabelFile:
    """What a file says of the labels of a set; see `read_label_file`.

    Attributes:
        path: The file.
        stands_for: Of each label the classes of a model, none where it is ignored.
        coarse: How far borders may lie from where they belong, as a share of a picture's longer side.
    """

    path: Path
    stands_for: Mapping[str, tuple[str, ...]]
    coarse: float


@dataclass(frozen=True)
class LabelMap:
    """The labels of a set of masks, and the classes of a model that each stands for.

    Attributes:
        labels: Names of the set's own classes, by the ids in its masks.
        classes: Names of the model's classes, by class id.
        stands_for: Ids of the classes that each label may mean, ascending; none where it is ignored.
        coarse: How far borders may lie from where they belong, as a share of a picture's longer side.

    Example:
        >>> skin = LabelMap(("background", "skin"), ("background", "skin", "nose"), ((0,), (1, 2)))
        >>> skin.judged(np.array([[0, 1, 1]]), np.array([[2, 2, 0]]))[1]  # a nose is skin
        array([[1, 1, 0]])
    """

    labels: tuple[str, ...]
    classes: tuple[str, ...]
    stands_for: tuple[tuple[int, ...], ...]
    coarse: float = 0.0

    @cached_property
    def may_be(self) -> np.ndarray:
        """Whether a label may mean a class, bool, `(num_labels, num_classes)`."""
        table = np.zeros((len(self.labels), len(self.classes)), dtype=bool)
        for label, meant in enumerate(self.stands_for):
            table[label, list(meant)] = True
        return table

    @property
    def judged_labels(self) -> tuple[int, ...]:
        """Ids of the labels that are not ignored."""
        return tuple(label for label, meant in enumerate(self.stands_for) if meant)

    def judged(self, true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Puts what a model says into the words of the set: what is right by it agrees with the mask.

        Args:
            true: Ids of labels, integers, `(height, width)`.
            predicted: Ids of the model's classes, of the same shape.

        Returns:
            The mask, and the prediction, as positions in `judged_labels`, `(height, width)` int64; and where the mask
            ignores what is there, bool. Where a label that the class is among is not the true one, the first counts.
        """
        kept = np.array(self.judged_labels)
        position = np.zeros(len(self.labels), dtype=np.int64)
        position[kept] = np.arange(len(kept))
        first = np.argmax(self.may_be[kept], axis=0)
        right = self.may_be[true, predicted]
        return position[true], np.where(right, position[true], first[predicted]), ~self.may_be.any(axis=1)[true]


def read_label_file(path: Path) -> LabelFile:
    """Reads what the labels of a set stand for: TOML with a table `labels` and perhaps `coarse`.

    Each line of the table is a class of the set, in the order of the ids, and what it stands for: a class of the model,
    a list of them, or `"ignore"`.

    Raises:
        ValueError: If the file cannot be read or breaks this form.
    """
    try:
        content = toml_of(read_text(path))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ValueError(f"{path} is not valid TOML: {error}.") from error
    labels, coarse = content.get("labels"), content.get("coarse", 0.0)
    if unknown := sorted(content.keys() - {"labels", "coarse"}):
        raise ValueError(f"{path} has an unknown line. Received: {', '.join(unknown)}. {_FORM}.")
    if not isinstance(labels, dict) or not labels:
        raise ValueError(f"{path} does not say what its labels stand for. Received: labels={labels!r}. {_FORM}.")
    if isinstance(coarse, bool) or not isinstance(coarse, int | float) or not 0 <= coarse < 0.5:
        raise ValueError(
            f"{path}: `coarse` is a share of a picture's longer side, below one half. Received: coarse={coarse!r}."
        )
    return LabelFile(path, {name: _meant(path, name, value) for name, value in labels.items()}, float(coarse))


def _meant(path: Path, name: str, value: object) -> tuple[str, ...]:
    if value == IGNORE:
        return ()
    meant = [value] if isinstance(value, str) else value
    if not isinstance(meant, list) or not meant or not all(isinstance(each, str) for each in meant):
        raise ValueError(f"{path}: A label stands for classes. Received: {name} = {value!r}. {_FORM}.")
    if IGNORE in meant:
        raise ValueError(f'{path}: "ignore" stands alone. Received: {name} = {value!r}.')
    return tuple(meant)


def label_map(own: Sequence[str], classes: Sequence[str], said: LabelFile | None, whose: str) -> LabelMap:
    """Joins the classes of a set to those of a model.

    Args:
        own: Names of the set's classes, by the ids in its masks.
        classes: Names of the model's classes, by class id.
        said: What the labels stand for; without it each stands for the class of its name.
        whose: How a message calls the set, such as its folder.

    Raises:
        ValueError: If a label or a class is unknown, a label is left out, or no label stands for some class.
    """
    where = f"{whose} has other classes than the model" if said is None else f"{said.path}, for {whose}"
    stands_for = {name: (name,) for name in own} if said is None else said.stands_for
    remedy = " Say in a file what its labels stand for." if said is None else ""
    if strange := [name for name in stands_for if name not in own]:
        raise ValueError(f"{where}: The set has no {', '.join(strange)}. Received: a set of {', '.join(own)}.")
    if missing := [name for name in own if name not in stands_for]:
        raise ValueError(f'{where}: Every class of the set needs a line, or "ignore". Missing: {", ".join(missing)}.')
    if unknown := sorted({name for meant in stands_for.values() for name in meant} - set(classes)):
        raise ValueError(
            f"{where}: The model has no {', '.join(unknown)}. Received: a model of {', '.join(classes)}.{remedy}"
        )
    if absent := [name for name in classes if not any(name in meant for meant in stands_for.values())]:
        raise ValueError(
            f"{where}: No label stands for {', '.join(absent)}. Name every class of the model where the set has it, "
            f"alone or among others.{remedy}"
        )
    ids = {name: index for index, name in enumerate(classes)}
    meant = tuple(tuple(sorted(ids[name] for name in stands_for[label])) for label in own)
    return LabelMap(tuple(own), tuple(classes), meant, 0.0 if said is None else said.coarse)
