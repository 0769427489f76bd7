"""Trains what is left of a sweep, one after the other."""

import gc
from collections.abc import Mapping
from pathlib import Path

import keras

from kerasface.train.engine.driver import TrainedRun, resume_training, run_training
from kerasface.train.engine.snapshots import keep_snapshots
from kerasface.train.engine.tensorboard import keep_event_file
from kerasface.train.kinds import KINDS
from kerasface.train.process.background import discard, find_training
from kerasface.train.process.folders import has_learned, session_folder
from kerasface.train.recipe import build_recipe
from kerasface.train.sweep import Sweep, SweptRun, is_done


def trainings_left(sweep: Sweep, runs: str | Path) -> list[SweptRun]:
    """Returns the trainings of a sweep that have not come to their end.

    Raises:
        RunError: If another model has the name of one.
    """
    left = []
    for run in sweep.runs:
        if not is_done(sweep, run, runs):
            left.append(run)
        elif (there := find_training(run.name, runs)) is not None and not there.alive:
            # It was killed when its run was written, and before it had tidied up.
            keep_snapshots(there.folder, Path(runs) / run.name)
            keep_event_file(there.folder, Path(runs) / run.name)
            discard(run.name, runs=runs)
    return left


def train_swept(sweep: Sweep, run: SweptRun, runs: str | Path, options: Mapping) -> TrainedRun:
    """Trains one of a sweep, or goes on with it where it was stopped or killed.

    Args:
        sweep: The sweep.
        run: One of its trainings.
        runs: Folder of the runs.
        options: `cache`, `on_progress` and `on_event`, as `run_training` takes them.

    Raises:
        Whatever `run_training` and `resume_training` do.
    """
    try:
        if has_learned(session_folder(runs, run.name)):
            return resume_training(run.name, kind=sweep.kind, runs=runs, **options)
        recipe = build_recipe(run.recipe, KINDS[sweep.kind].recipe)
        return run_training(sweep.kind, sweep.data, run.name, recipe=recipe, runs=runs, **options)
    finally:
        keras.utils.clear_session()  # or each training would hold on to the networks of those before it
        gc.collect()
