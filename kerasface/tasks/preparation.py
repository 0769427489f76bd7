"""The engine's files of everything at hand, made ahead of the first photo."""

import os
from collections.abc import Callable

from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.models.engines.choice import chosen_engine
from kerasface.models.engines.making import made_at_once
from kerasface.models.pretrained import ModelFileError
from kerasface.runs.store import DEFAULT_ROOT, RunError, list_runs
from kerasface.tasks.calls import load

Progress = Callable[[int, int], None]


def prepare_engine(root: str | os.PathLike = DEFAULT_ROOT, *, on_progress: Progress | None = None) -> list[str]:
    """Makes the engine's files of the face front end and of every model; those that are there are left as they are.

    Args:
        root: Folder of the models; those that come with KerasFace are found too where it is the default.
        on_progress: Called with the number of networks done and their total.

    Returns:
        Sentences about what could not be made; all of it works all the same, with Keras.

    Raises:
        OSError: If the files cannot be written.
    """
    if chosen_engine() != "openvino":  # no other engine has files
        return []
    runs = [summary for summary in list_runs(root) if summary.problem is None]
    steps = [FaceAnalyzer, *(lambda name=run.name: load(name, runs=root) for run in runs)]
    with made_at_once() as problems:
        for done, step in enumerate(steps):
            if on_progress:
                on_progress(done, len(steps))
            try:
                step()
            except (RunError, ModelFileError) as error:
                problems.append(str(error))
    if on_progress:
        on_progress(len(steps), len(steps))
    return problems
