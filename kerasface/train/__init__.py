"""Training: from a folder of photos to a run in `saved_models`.

    import kerasface as kf

    kf.train.classify("people/", "family", epochs=5)
    kf.train.metric("people/", "faces-of-ours")
    kf.train.segment("pictures/", "parts", epochs=20)

Each is the command `kerasface train` of the same name: `data` is its folder, `name` the run's, and every other argument
a setting of its recipe, as `kerasface train classify --help` lists them.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasface.train.engine.driver import TrainedRun

Folder = str | os.PathLike


def classify(data: Folder, name: str, *, runs: Folder = "saved_models", **settings) -> "TrainedRun":
    """Trains a classifier on a folder with a folder of images per class, or on a listing.

    Args:
        data: The folder, or the file of a listing: a line for each image, its file and its label.
        name: Name of the run.
        runs: Folder of the runs.
        **settings: Fields of `ClassifyRecipe`, such as `epochs=5` or `validation="dev"`.

    Raises:
        ValueError: If the folder does not hold two classes, or a setting is unknown or out of range.
        RunError: If a training of that name runs.

    Example:
        ```python
        >>> settings = {"faces": False, "backbone": "simple_cnn", "image_size": 32, "flip": False}
        >>> run = kf.train.classify("digits", "few", **settings, epochs=1)
        >>> sorted(path.name for path in run.folder.glob("*.keras"))
        ['model.keras']

        ```
    """

    return _train("classify", data, name, runs, settings)


def metric(data: Folder, name: str, *, runs: Folder = "saved_models", **settings) -> "TrainedRun":
    """Trains an embedder on a folder with a folder of photos per person; as `classify`.

    Args:
        data: The folder.
        name: Name of the run.
        runs: Folder of the runs.
        **settings: Fields of `MetricRecipe`, such as `loss="triplet"`.

    Example:
        ```python
        >>> settings = {"faces": False, "backbone": "simple_cnn", "weights": "none", "image_size": 16}
        >>> run = kf.train.metric("digits", "apart", loss="triplet", people=3, **settings, epochs=1)
        >>> run.folder.name
        'apart'

        ```
    """

    return _train("metric", data, name, runs, settings)


def segment(data: Folder, name: str, *, runs: Folder = "saved_models", **settings) -> "TrainedRun":
    """Trains a segmentation on a folder of pictures and masks; as `classify`.

    Args:
        data: The folder.
        name: Name of the run.
        runs: Folder of the runs.
        **settings: Fields of `SegmentRecipe`, such as `epochs=20`.

    Example:
        ```python
        >>> run = kf.train.segment("drawings", "areas", encoder="plain", image_size=32, copies=1, epochs=1)
        >>> run.folder.name
        'areas'

        ```
    """

    return _train("segment", data, name, runs, settings)


def _train(kind: str, data: Folder, name: str, runs: Folder, settings: dict) -> "TrainedRun":
    from kerasface.files.paths import user_path
    from kerasface.train.engine.driver import run_training
    from kerasface.train.kinds import KINDS
    from kerasface.train.recipe import build_recipe, known

    recipe = KINDS[kind].recipe
    given = build_recipe(known(settings, recipe, "A training"), recipe)
    return run_training(kind, user_path(data), name, recipe=given, runs=user_path(runs))
