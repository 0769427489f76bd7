"""Drives a training of any kind from its folder of data to its run: claimed, logged, resumable, written as a whole."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import keras

from kerasface.files.paths import default_cache_folder
from kerasface.inspection.cost.arithmetic import layer_table, model_cost
from kerasface.models.engines.graphs import device_name
from kerasface.runs.store import DEFAULT_ROOT, check_name, write_run
from kerasface.train.engine.network import weights_of
from kerasface.train.engine.precision import dtype_policy, precision_in_words, training_context
from kerasface.train.engine.session import Session
from kerasface.train.engine.snapshots import keep_snapshots
from kerasface.train.engine.tensorboard import keep_event_file
from kerasface.train.kinds import KINDS
from kerasface.train.process.folders import kind_of, session_folder
from kerasface.train.recipe import Recipe, full_paths, write_recipe

# Stage, done, total: "images", "features" (images), "head", "fine_tune", "train" (steps).
StageProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Finished:
    """What a training made, ready to be written.

    Attributes:
        model: The Keras model.
        card: What the run says of itself.
        metrics: Contents of `metrics.json`.
        history: A row per epoch.
        notes: What must be said about the run, in sentences.
        files: What else lies in the run's folder, by name.
        left_out: Classes left out: name to number of usable images.
        stopped: Whether it was stopped before its end.
    """

    model: keras.Model
    card: Any
    metrics: dict
    history: list[dict]
    notes: list[str]
    files: dict[str, str]
    left_out: dict[str, int] = field(default_factory=dict)
    stopped: bool = False


@dataclass(frozen=True)
class Steps:
    """What a kind of training does, in this order.

    What is `prepared` has `fingerprint`, `train`, `validation` and `rejected`.

    Attributes:
        resolve: Fills in what a recipe leaves open, and refuses what contradicts itself.
        check: Refuses, before any file is read, what cannot be built.
        check_given: Refuses, by the names of files alone, what is given to judge on and does not fit the data.
        prepare: From folder, recipe, cache and progress to files that are split.
        told: What the log says of them, by name.
        train: From what is prepared, session, cache and progress to an outcome of its own.
        finish: From outcome, what is prepared, and session to what is written.
    """

    resolve: Callable[[Recipe], Recipe]
    check: Callable[[Recipe], None]
    check_given: Callable[[str | Path, Recipe], None]
    prepare: Callable[[str, Recipe, Path, Callable[[int, int], None]], Any]
    told: Callable[[Any], Mapping[str, object]]
    train: Callable[[Any, Session, Path, StageProgress], Any]
    finish: Callable[[Any, Any, Session], Finished]


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """What came of a training.

    Attributes:
        folder: The run's folder.
        metrics: Contents of its `metrics.json`.
        rejected: `(file, reason)` of every file that was not used.
        left_out: Classes left out: name to number of usable images.
        notes: What must be said about the run, in sentences.
        stopped: Whether it was stopped before its end; it can be resumed then.
    """

    folder: Path
    metrics: dict
    rejected: list[tuple[str, str]]
    left_out: dict[str, int]
    notes: list[str]
    stopped: bool


def run_training(
    kind: str,
    data: str | Path,
    name: str,
    *,
    recipe: Recipe | None = None,
    runs: str | Path = DEFAULT_ROOT,
    cache: str | Path | None = None,
    on_progress: StageProgress | None = None,
    on_event: Callable[[dict], None] | None = None,
) -> TrainedRun:
    """Trains on a folder of data and writes the run `runs/name`.

    While it runs, `runs/.name.running` holds its log and checkpoints; see `session.py`.

    Args:
        kind: Of `KINDS`: `"classify"`, `"metric"` or `"segment"`.
        data: The folder, or a listing. Of a photo with several faces, the one nearest the centre is taken.
        name: Name of the run; one of the same name is replaced, and kept as `.<name>.previous`.
        recipe: The settings; the kind's defaults if not given.
        runs: Folder of the runs.
        cache: Folder for images and features; `default_cache_folder()` if not given.
        on_progress: Called with stage, done and total.
        on_event: Called with every event that goes into the log.

    Raises:
        ValueError: If the folder does not hold what is needed, or a setting is out of range or contradicts another.
        ModelFileError: If a pretrained weight file is missing or altered.
        RunError: If the name is no folder name, a training of that name runs or was left off, or the run cannot be
            written.
        TrainingDivergedError: If the loss became NaN or infinite.
        TrainingStoppedError: If it was asked to stop before its first step.
    """
    steps = KINDS[kind].steps()
    recipe = steps.resolve(recipe or KINDS[kind].recipe())
    check_name(name)
    steps.check(recipe)
    recipe = replace(recipe, **full_paths(asdict(recipe), type(recipe)))
    with Session.start(runs, name, recipe, data, on_event) as session:
        return _run(steps, session, runs, cache, on_progress)


def resume_training(
    name: str,
    *,
    kind: str | None = None,
    runs: str | Path = DEFAULT_ROOT,
    cache: str | Path | None = None,
    on_progress: StageProgress | None = None,
    on_event: Callable[[dict], None] | None = None,
) -> TrainedRun:
    """Goes on with a training that was stopped or killed, from its last checkpoint; arguments as `run_training`.

    On the same machine it ends with the weights that an uninterrupted training would have.

    Args:
        name: Name of the training.
        kind: Refuses a training of another kind, if given.
        runs: Folder of the runs.
        cache: As for `run_training`, and so the others.
        on_progress: Called with stage, done and total.
        on_event: Called with every event.

    Raises:
        RunError: If there is no such training, it runs, its checkpoint is damaged, or the files changed meanwhile.
    """
    with Session.resume(runs, name, on_event, kind) as session:
        steps = KINDS[kind_of(session_folder(runs, name))].steps()
        return _run(steps, session, runs, cache, on_progress)


def _run(steps: Steps, session: Session, runs, cache, on_progress) -> TrainedRun:
    report = session.with_log(on_progress)
    recipe = session.recipe
    cache = Path(cache) if cache else default_cache_folder()
    prepared = steps.prepare(session.facts["data"], recipe, cache, lambda *counts: report("images", *counts))
    session.check_data(prepared.fingerprint)
    session.event(
        "start",
        name=session.name,
        data=session.facts["data"],
        recipe=asdict(recipe),
        device=device_name(),
        precision=dtype_policy(recipe.precision),
        computes=precision_in_words(recipe.precision),
        weights=[source.to_dict() for source in weights_of(recipe)],
        num_train=len(prepared.train),
        num_validation=len(prepared.validation),
        num_rejected=len(prepared.rejected),
        **steps.told(prepared),
    )
    with training_context(recipe):
        outcome = steps.train(prepared, session, cache, report)
    finished = steps.finish(outcome, prepared, session)
    metrics = finished.metrics | _cost(finished)
    session.event("end", stopped=finished.stopped, metrics=metrics)
    log = (session.folder / "events.jsonl").read_text(encoding="utf-8")
    folder = write_run(
        runs,
        session.name,
        model=finished.model,
        card=replace(finished.card, metrics=metrics, precision=dtype_policy(recipe.precision)),
        metrics=metrics,
        history=finished.history,
        rejected=prepared.rejected,
        files={**finished.files, "recipe.toml": write_recipe(recipe), "events.jsonl": log},
    )
    keep_snapshots(session.folder, folder)
    keep_event_file(session.folder, folder)
    if not finished.stopped:
        session.remove()
    return TrainedRun(folder, metrics, prepared.rejected, finished.left_out, finished.notes, finished.stopped)


def _cost(finished: Finished) -> dict:
    """What the network costs, for whoever compares runs without loading them."""
    model, size = finished.model, finished.card.input.image_size
    cost = model_cost(layer_table(model, None if None not in model.input_shape[1:3] else size))
    return {"num_params": model.count_params(), "multiply_adds": None if cost.uncounted else cost.multiply_adds}
