"""Deletes and renames trained models, while nobody trains under their names."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from kerasface.faces.embedders import SHIPPED, default_embedder, set_default_embedder
from kerasface.files.paths import writing
from kerasface.files.replacement import forget_previous, kept_of, put_away, put_back
from kerasface.files.writing import write_json
from kerasface.runs.store import (
    DEFAULT_ROOT,
    SHIPPED_ROOT,
    SHIPPED_RUNS,
    RunError,
    RunSummary,
    check_name,
    find_run,
)
from kerasface.train.process.background import find_training
from kerasface.train.process.claim import claim_name
from kerasface.train.process.folders import kind_of, resume_command
from kerasface.train.sweep import read_sweep, sweep_names


def delete_run(name: str, runs: str | os.PathLike = DEFAULT_ROOT, *, for_good: bool = False) -> Path:
    """Takes a trained model away; broken ones, too.

    Args:
        name: Its name.
        runs: Folder of the runs.
        for_good: Whether nothing is kept, neither of this model nor of the one that had the name before; then what is
            kept of one that was deleted is deleted, too. Otherwise `restore_run` brings it back.

    Returns:
        The folder that it is kept in; that it had, if for good.

    Raises:
        RunError: If there is none of one's own, or somebody trains under its name.
        WriteError: If the disk refuses.
    """
    check_name(name)
    folder = Path(runs) / name
    is_gone = for_good and not folder.exists() and kept_of(folder) is not None
    if not is_gone:
        folder = own_run(name, runs).path
    with _held(runs, name), writing(folder):
        kept = folder if is_gone else put_away(folder)
        if not for_good:
            return kept
        forget_previous(folder)
    return folder


def restore_run(name: str, runs: str | os.PathLike = DEFAULT_ROOT) -> Path:
    """Brings back a model that was deleted.

    Raises:
        RunError: If nothing is kept of it, or another model has the name.
        WriteError: If the disk refuses.
    """
    check_name(name)
    folder = Path(runs) / name
    if folder.exists():
        raise RunError(f"There is a model {name!r} in {Path(runs)}: rename it first, to bring back the one before it.")
    if folder.parent.is_dir():
        with _held(runs, name), writing(folder):
            if put_back(folder):
                return folder
    raise RunError(f"Nothing is kept of a model {name!r} in {Path(runs)}.")


def rename_run(name: str, new: str, runs: str | os.PathLike = DEFAULT_ROOT) -> list[str]:
    """Gives a trained model another name: to its folder, and in its card.

    Returns:
        What else comes of that, in sentences.

    Raises:
        RunError: If there is none of one's own, the new name is taken or no name, or somebody trains under one of both.
        WriteError: If the disk refuses.
    """
    check_name(new)
    summary = own_run(name, runs)
    target = summary.path.with_name(new)
    if new == SHIPPED or target.exists():
        whose = "the embedder that ships" if new == SHIPPED else f"a model in {Path(runs)}"
        raise RunError(f"The name {new!r} is taken, by {whose}. Choose another one.")
    with _held(runs, name, new), writing(target):
        for one in (name, new):
            _check_not_left_off(one, runs)
        if target.exists():
            raise RunError(f"The name {new!r} is taken, by a model in {Path(runs)}. Choose another one.")
        summary.path.rename(target)
        if summary.card is not None:  # a run that was moved goes by its folder, whatever its card says
            write_json(target / "card.json", replace(summary.card, name=new).to_dict())
    notes = []
    for sweep in sweep_names(runs):
        with suppress(RunError):  # whoever goes on with it is told
            if name in {run.name for run in read_sweep(runs, sweep).runs}:
                notes.append(
                    f"The sweep {sweep} does not know it by that name: gone on with, it would train {name} anew."
                )
    if default_embedder() == name and not os.environ.get("KERASFACE_EMBEDDER") and Path(runs) == Path(DEFAULT_ROOT):
        set_default_embedder(new, runs)
        notes.append(f"{new} is now the embedder that is taken where none is named, as {name} was.")
    return notes


def comes_along(run: RunSummary) -> bool:
    """Whether a model comes with KerasFace, and stays as it is."""
    return run.name in SHIPPED_RUNS and run.path.parent.resolve() == SHIPPED_ROOT.resolve()


def own_run(name: str, runs: str | os.PathLike = DEFAULT_ROOT) -> RunSummary:
    """Returns a model of the user's own, which may be changed.

    Raises:
        RunError: If there is no such model, or it comes with KerasFace.
    """
    summary = find_run(runs, name)
    if comes_along(summary):
        raise RunError(f"The model {name!r} comes with KerasFace, and stays as it is.")
    return summary


@contextmanager
def _held(runs: str | os.PathLike, *names: str) -> Iterator[None]:
    """Keeps everybody else from training under these names."""
    with ExitStack() as held:
        for name in sorted(names):
            there = find_training(name, runs)
            if there is not None and there.alive:
                raise RunError(
                    f"{name!r} is being trained, by process {there.process}: stop that first, on the page Train or "
                    f"with `kill {there.process}`."
                )
            held.enter_context(claim_name(runs, name))
        yield


def _check_not_left_off(name: str, runs: str | os.PathLike) -> None:
    there = find_training(name, runs)
    if there is not None and not there.can_be_replaced:
        raise RunError(
            f"A training named {name!r} was left off, and would go on under that name. Go on with "
            f"`{resume_command(runs, name, kind_of(there.folder))}`, or discard it on the page Train, first."
        )
