"""Trained models on disk: `saved_models/<name>/` with `model.keras`, its card, labels, metrics and history.

The card is the model's contract. Nothing of a model file is interpreted before its SHA-256 matched the card, and it is
then loaded with Keras's safe mode, which runs no code from the file.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kerasface.files.paths import shipped
from kerasface.files.replacement import names_left, replaced_whole, settle
from kerasface.files.spreadsheets import csv_text
from kerasface.files.writing import sha256, write_json
from kerasface.models.engines.source import NetworkSource
from kerasface.runs.card import ModelCard
from kerasface.runs.model_file import check_model_file, checked_copy
from kerasface.runs.records import RunError
from kerasface.terminal.errors import one_line
from kerasface.terminal.streams import NOT_TEXT, is_shown

if TYPE_CHECKING:
    import keras

DEFAULT_ROOT = "saved_models"
_CARD, _MODEL = "card.json", "model.keras"
SHIPPED_ROOT = shipped(DEFAULT_ROOT)  # of the models that come with KerasFace; nothing is ever written there
SHIPPED_RUNS = ("digits", "face-parts")  # which in a checkout lie among the user's own


@dataclass(frozen=True)
class RunSummary:
    """One folder of `saved_models`.

    Attributes:
        name: Name of the folder.
        path: The folder.
        card: The card, or `None` where it is broken.
        problem: What is wrong with it in one sentence, or `None`.
    """

    name: str
    path: Path
    card: ModelCard | None
    problem: str | None


@dataclass(frozen=True, eq=False)
class Run:
    """A trained model, checked. Its Keras model is loaded when it is first asked for.

    Attributes:
        name: Its name.
        card: Its card.
        source: What its network is made of, for `compile_network`: its file, or a Keras model at hand.
    """

    name: str
    card: ModelCard
    source: "NetworkSource | keras.Model"

    @cached_property
    def model(self) -> "keras.Model":
        """The Keras model.

        Raises:
            RunError: If its file does not load, or its classes are not those of the card.
        """
        return self.source.build() if isinstance(self.source, NetworkSource) else self.source

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes in the order of the model's outputs; empty where it has none."""
        return self.card.labels

    def check_task(self, task: str) -> None:
        """Refuses a model that was trained for something else.

        Raises:
            RunError: If it was.
        """
        if self.card.task != task:
            raise RunError(f"The model {self.name!r} does not {task}. Received: task={self.card.task!r}.")

    def side(self, shape: tuple[int | None, ...] | None = None) -> int:
        """Returns the side of the squares of pixels that the model takes; one of any size was trained on that.

        Args:
            shape: Rows, columns and channels that its network takes, `None` for any; those of its Keras model if not
                given.

        Raises:
            RunError: If the card does not tell it, or another one than the network has.
        """
        shape = tuple(self.model.input_shape[1:]) if shape is None else shape
        match size := self.card.input.image_size:
            case (side, other) if side == other and shape in {(a, b, 3) for a in (None, side) for b in (None, side)}:
                return side
        raise RunError(
            f"The card of {self.name!r} must tell the square of RGB pixels that its model takes. "
            f"Received: image_size={size and list(size)!r}; the model takes {shape}."
        )


def list_runs(root: str | os.PathLike = DEFAULT_ROOT) -> list[RunSummary]:
    """Lists the models under `root`, by name; broken ones too, with what is wrong. Reads cards only, not weights.

    Under the default root those that come with KerasFace are listed too, unless the user's own have their names.
    """
    found = {}
    for folder in filter(Path.is_dir, _looked_into(root)):
        there = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
        for name in (there | names_left(folder)) - found.keys():
            if (summary := _looked_at(folder / name)) is not None:
                found[name] = summary
    return [found[name] for name in sorted(found)]


def find_run(root: str | os.PathLike, name: str) -> RunSummary:
    """Returns one of the models that `list_runs` lists, broken or not; the cards of the others are not read.

    Raises:
        RunError: If there is no such model.
    """
    check_name(name)
    for folder in filter(Path.is_dir, _looked_into(root)):
        if (found := _looked_at(folder / name)) is not None:
            return found
    raise RunError(missing_model(root, name))


def load_run(root: str | os.PathLike, name: str) -> Run:
    """Loads the model `root/name` after checking it against its card.

    A model that comes with KerasFace is found from any folder: where `root` is the default and does not hold it, it is
    taken from KerasFace's own.

    Raises:
        RunError: If there is no such model, its card is broken, or `model.keras` is missing, altered or unreadable.
    """
    folder = _folder(root, name)
    if (problem := settle(folder)) is not None:
        raise RunError(problem)
    folder = next((place / name for place in _looked_into(root) if (place / name).is_dir()), None)
    if folder is None:
        raise RunError(missing_model(root, name))
    card = ModelCard.read(folder / _CARD)
    path = folder / _MODEL
    check_model_file(path, card.model_sha256)
    arguments = {"num_classes": len(card.labels) if card.task == "classify" else None}
    place = f"{load_model.__module__}:{load_model.__name__}"
    return Run(name, card, NetworkSource(name, place, card.model_sha256, arguments, path.absolute()))


def load_model(path: Path, sha256: str, *, num_classes: int | None = None) -> "keras.Model":
    """Loads the Keras model of a run after checking its file.

    Args:
        path: The file `model.keras`.
        sha256: Its hash, as the card has it.
        num_classes: How many classes the card names; `None` where it names none.

    Raises:
        RunError: If the file is missing, altered or unreadable, its classes are not as many, it takes something else
            than one picture, or has weights that are NaN or infinite.
    """
    with checked_copy(path, sha256) as copy:
        # Seconds to import: a list of the models, or a network that an engine has, needs none of it.
        import keras

        # Which register the layers that saved models may hold.
        from kerasface.models import layers  # noqa: F401
        from kerasface.models.onnx import layers as layers_of_onnx  # noqa: F401

        try:
            model = keras.models.load_model(copy, compile=False, safe_mode=True)
        except Exception as error:  # a file can be made to fail in any line of Keras, h5py and TensorFlow
            raise RunError(f"{path} matches its card but does not load: {one_line(error)}") from error
    _check_usable(model, path)
    if num_classes is not None and num_classes != model.output_shape[-1]:
        raise RunError(
            f"The card of {path.parent.name!r} names {num_classes} classes; its model has {model.output_shape[-1]}."
        )
    return model


def _check_usable(model: "keras.Model", path: Path) -> None:
    """Refuses what no training leaves, and whatever uses a model relies on."""
    import numpy as np

    taken, given = ([tuple(tensor.shape) for tensor in tensors] for tensors in (model.inputs, model.outputs))
    if len(taken) != 1 or len(taken[0]) != 4 or len(given) != 1:
        raise RunError(f"{path} takes no picture, or gives several answers. Received: inputs {taken}, outputs {given}.")
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise RunError(f"{path} has weights that are NaN or infinite. Train it again.")


def missing_model(root: str | os.PathLike, name: str) -> str:
    """Returns what to say of a model that is not there: where it was looked for, what is there, and where else to look.

    Args:
        root: Folder of the models that was looked into.
        name: Name of the model.
    """
    names = ", ".join(summary.name for summary in list_runs(root)) or "none"
    if (SHIPPED_ROOT / name).is_dir():
        hint = "It comes with KerasFace: leave --runs out."
    else:
        hint = "Name the folder of your models (--runs), or make a model: kerasface train."
    return f"There is no model {name!r} in {Path(root).absolute()}. Present: {names}. {hint}"


def write_run(
    root: str | os.PathLike,
    name: str,
    *,
    model: "keras.Model",
    card: ModelCard,
    metrics: dict,
    history: Sequence[dict],
    rejected: Sequence[tuple[str, str]] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """Writes a run so that it is there whole or not at all.

    A run that had the name before is kept as `.<name>.previous`; see `replacement.py`.

    Args:
        root: Folder of the runs; made if missing.
        name: Name of the run.
        model: The model to save.
        card: The card; `name` and `model_sha256` are filled in here.
        metrics: Contents of `metrics.json`.
        history: Rows of `history.csv`.
        rejected: `(file, reason)` of every file that was not used: `rejected.csv`.
        files: Further text files of the run, by name: `report.html` and the like.

    Returns:
        The folder.

    Raises:
        RunError: If `name` is no plain folder name, a weight is NaN or infinite, or the disk refuses.
        ValueError: If the card or the metrics hold NaN or infinity.
    """
    folder = _folder(root, name)
    import numpy as np  # an eighth of a second, which `--help` need not wait for

    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise RunError(f"The run {name!r} was not written: the model has weights that are NaN or infinite.")
    try:
        with replaced_whole(folder) as beside:
            model.save(beside / _MODEL)
            card = replace(card, name=name, model_sha256=sha256(beside / _MODEL))
            write_json(beside / _CARD, card.to_dict())
            write_json(beside / "labels.json", card.labels)
            write_json(beside / "metrics.json", metrics)
            _write_csv(beside / "history.csv", history)
            _write_csv(beside / "rejected.csv", [{"file": file, "reason": why} for file, why in rejected])
            for file, text in (files or {}).items():
                (beside / file).write_text(text, encoding="utf-8", errors=NOT_TEXT)
    except OSError as error:
        raise RunError(f"The run {name!r} could not be written to {folder.parent}: {error}") from error
    return folder


def check_name(name: str) -> None:
    """Refuses a run name that is no plain, visible folder name.

    Raises:
        RunError: If it is not.
    """
    if not name or name.startswith(".") or name != Path(name).name or not is_shown(name):
        raise RunError(f"A model's name must be a plain folder name without a leading dot. Received: name={name!r}.")


def _looked_into(root: str | os.PathLike) -> list[Path]:
    """The folders that models of `root` are looked for in: the user's own goes before the one that ships."""
    return [Path(root), *([SHIPPED_ROOT] if Path(root) == Path(DEFAULT_ROOT) else [])]


def _folder(root: str | os.PathLike, name: str) -> Path:
    check_name(name)
    return Path(root) / name


def _looked_at(folder: Path) -> RunSummary | None:
    """Sums up a run, also one that is being replaced or whose writer was killed; `None` if it is gone."""
    for _ in range(2):  # it may be moved away and come back while it is read
        problem = settle(folder)
        if folder.is_dir():
            summary = _summary(folder)
            if summary.problem is None or folder.is_dir():
                return summary
    return RunSummary(folder.name, folder, None, problem) if problem else None


def _summary(folder: Path) -> RunSummary:
    try:
        card = ModelCard.read(folder / _CARD)
        if not (folder / _MODEL).is_file():
            raise RunError(f"{folder / _MODEL} is missing.")
    except RunError as error:
        return RunSummary(folder.name, folder, None, str(error))
    return RunSummary(folder.name, folder, card, None)


def _write_csv(path: Path, rows: Sequence[dict]) -> None:
    """Writes rows with the columns that any of them has; an empty file where there are none."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = csv_text(columns, ([row.get(name) for name in columns] for row in rows)) if rows else ""
    path.write_text(text, encoding="utf-8", errors=NOT_TEXT, newline="")
