"""Trained models on disk: `saved_models/<name>/` with `model.keras`, its card, labels, metrics and history.

The card is the model's contract. Nothing of a model file is interpreted before its SHA-256 matched the card, and it is
then loaded with Keras's safe mode, which runs no code from the file.
"""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kerasface.files.paths import shipped
from kerasface.files.replacement import names_left, replaced_whole, settle
from kerasface.files.writing import sha256, write_json
from kerasface.terminal.streams import NOT_TEXT

if TYPE_CHECKING:
    import keras

DEFAULT_ROOT = "saved_models"
SHIPPED_ROOT = shipped(DEFAULT_ROOT)  # of the models that come with KerasFace; nothing is ever written there
CARD_FORMAT = 1
# Bounds on what is read before anything is known about a file.
_MAX_CARD_BYTES = 16 * 2**20
_MAX_MODEL_BYTES = 2 * 2**30
_REQUIRED = {"format": int, "name": str, "task": str, "input": dict, "model_sha256": str}
_OPEN_SET_SCORES = ("cosine", "mean_cosine", "probability")
_OPEN_SET_NUMBERS = (
    "threshold",
    "unknown_accepted",
    "unknown_accepted_high",
    "known_accepted",
    "num_unknown",
    "num_known",
)


class RunError(RuntimeError):
    """A trained model cannot be listed, read or written."""


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
    card: dict | None
    problem: str | None


@dataclass(frozen=True, eq=False)
class Run:
    """A trained model, checked and loaded.

    Attributes:
        name: Its name.
        card: Its card.
        model: The Keras model.
        labels: Names of the classes in the order of the model's outputs; empty where it has none.
    """

    name: str
    card: dict
    model: "keras.Model"
    labels: tuple[str, ...]


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
    card = _read_card(folder)
    path = folder / "model.keras"
    _check_model_file(path, card["model_sha256"])
    # Seconds to import: a list of the models, or a model that is not there, needs none of it.
    import keras

    from kerasface.models import layers  # noqa: F401 - registers the layers that saved models may hold

    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise RunError(f"{path} matches its card but does not load: {error}") from error
    labels = tuple(card.get("labels", ()))
    if card["task"] == "classify" and len(labels) != model.output_shape[-1]:
        raise RunError(f"The card of {name!r} names {len(labels)} classes; its model has {model.output_shape[-1]}.")
    return Run(name, card, model, labels)


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
    card: dict,
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
        card: The card; `format`, `name` and `model_sha256` are filled in here.
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
            model.save(beside / "model.keras")
            digest = sha256(beside / "model.keras")
            card = {"format": CARD_FORMAT, "name": name, **card, "model_sha256": digest}
            write_json(beside / "card.json", card)
            write_json(beside / "labels.json", card.get("labels", []))
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
    if not name or name.startswith(".") or name != Path(name).name or any(ord(letter) < 32 for letter in name):
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
        card = _read_card(folder)
        if not (folder / "model.keras").is_file():
            raise RunError(f"{folder / 'model.keras'} is missing.")
    except RunError as error:
        return RunSummary(folder.name, folder, None, str(error))
    return RunSummary(folder.name, folder, card, None)


def _read_card(folder: Path) -> dict:
    path = folder / "card.json"
    try:
        if path.stat().st_size > _MAX_CARD_BYTES:
            raise RunError(f"{path} is larger than {_MAX_CARD_BYTES} bytes: no card of KerasFace.")
        card = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(card, dict):
        raise RunError(f"{path} must hold a JSON object. Received: {type(card).__name__}.")
    for key, kind in _REQUIRED.items():
        if not isinstance(card.get(key), kind):
            raise RunError(f"{path} lacks a valid {key!r} ({kind.__name__}). Received: {card.get(key)!r}.")
    labels = card.get("labels", [])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise RunError(f"{path} must hold its labels as a list of names. Received: labels={labels!r}.")
    if card["format"] != CARD_FORMAT:
        raise RunError(f"{path} has format {card['format']}; this version reads format {CARD_FORMAT}.")
    _check_open_set(path, card.get("open_set"))
    return card


def _check_open_set(path: Path, open_set) -> None:
    """Refuses a threshold for the unknown without its score or the error rates that must be shown beside it."""
    if open_set is None:
        return
    numbers = [open_set.get(key) for key in _OPEN_SET_NUMBERS] if isinstance(open_set, dict) else [None]
    if not all(isinstance(number, int | float) for number in numbers) or open_set.get("score") not in _OPEN_SET_SCORES:
        raise RunError(
            f"{path} must hold the threshold for the unknown with a score of {_OPEN_SET_SCORES} and the numbers "
            f"{', '.join(_OPEN_SET_NUMBERS)}. Received: open_set={open_set!r}."
        )


def _refuse_constant(constant: str):
    raise ValueError(f"{constant} is no JSON number")


def _check_model_file(path: Path, expected: str) -> None:
    if not path.is_file():
        raise RunError(f"The model file {path} is missing.")
    if (size := path.stat().st_size) > _MAX_MODEL_BYTES:
        raise RunError(f"The model file {path} is larger than allowed: {size} > {_MAX_MODEL_BYTES} bytes.")
    if (found := sha256(path)) != expected:
        raise RunError(f"The model file {path} was altered: its card expects SHA-256 {expected}, found {found}.")


def _write_csv(path: Path, rows: Sequence[dict]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors=NOT_TEXT) as file:
        if rows:
            writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(name for row in rows for name in row)))
            writer.writeheader()
            writer.writerows(rows)
