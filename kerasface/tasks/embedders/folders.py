"""Folders of embedders: which may be added, and how one is removed."""

import os
import shutil
from pathlib import Path

from kerasface.faces.embedders import SHIPPED
from kerasface.files.paths import writing
from kerasface.runs.records import RunError
from kerasface.runs.store import DEFAULT_ROOT, check_name, list_runs, missing_model


def check_addable(name: str, licence: str, root: str | os.PathLike = DEFAULT_ROOT) -> None:
    """Refuses what the file need not be read for.

    Args:
        name: What the run is to be called.
        licence: Of the weights.
        root: Folder of the runs.

    Raises:
        RunError: If the name is taken or no name, or no licence is given.
    """
    check_name(name)
    if name == SHIPPED:
        raise RunError(f"{SHIPPED!r} is the embedder that ships. Choose another name.")
    if (Path(root) / name).exists():
        raise RunError(
            f"There is a model {name!r} in {Path(root)} already. Choose another name, or remove it first: "
            f"kerasface embedders remove {name}"
        )
    if not licence.strip():
        raise RunError(
            "A network of others is added with its licence, as its owner states it: --licence 'Apache-2.0', or what "
            "else it says. It goes into the card."
        )


def remove_embedder(name: str, root: str | os.PathLike = DEFAULT_ROOT) -> Path:
    """Deletes a run that embeds faces, with what was measured of it.

    Galleries that hold its embeddings cannot be searched until they are embedded anew, or it is back.

    Args:
        name: The run's.
        root: Folder of the runs.

    Returns:
        The folder that was deleted.

    Raises:
        RunError: If there is no such run in `root`, or it does not embed faces.
        WriteError: If the disk refuses.
    """
    check_name(name)
    summary = next((run for run in list_runs(root) if run.name == name), None)
    if summary is None or summary.path.parent != Path(root):
        raise RunError(missing_model(root, name))
    if summary.card is not None and summary.card.task != "embed":
        raise RunError(f"The model {name!r} is no embedder: it is of task {summary.card.task!r}, and is not removed.")
    if summary.card is None:
        raise RunError(f"Whether {name!r} is an embedder cannot be told, so it is not removed: {summary.problem}")
    gone = summary.path.with_name(f".{name}.removed")
    with writing(summary.path):
        shutil.rmtree(gone, ignore_errors=True)
        summary.path.rename(gone)  # gone at once; what is deleted file by file is half there for a while
        shutil.rmtree(gone)
    return summary.path
