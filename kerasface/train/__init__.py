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
    from kerasface.train.classification.training import TrainedRun

Path = str | os.PathLike


def classify(data: Path, name: str, *, runs: Path = "saved_models", **settings) -> "TrainedRun":
    """Trains a classifier on a folder with a folder of images per class.

    Args:
        data: The folder.
        name: Name of the run.
        runs: Folder of the runs.
        **settings: Fields of `ClassifyRecipe`, such as `epochs=5` or `backbone="mobilenet_v2"`.

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
    from kerasface.train.classification.training import train_classifier
    from kerasface.train.recipe import ClassifyRecipe

    return train_classifier(data, name, recipe=_recipe(settings, ClassifyRecipe), runs=runs)


def metric(data: Path, name: str, *, runs: Path = "saved_models", **settings) -> "TrainedRun":
    """Trains an embedder on a folder with a folder of photos per person; as `classify`.

    Args:
        data: The folder.
        name: Name of the run.
        runs: Folder of the runs.
        **settings: Fields of `MetricRecipe`, such as `loss="triplet"`.
    """
    from kerasface.train.metric_learning.recipe import MetricRecipe
    from kerasface.train.metric_learning.training import train_metric

    return train_metric(data, name, recipe=_recipe(settings, MetricRecipe), runs=runs)


def segment(data: Path, name: str, *, runs: Path = "saved_models", **settings) -> "TrainedRun":
    """Trains a segmentation on a folder of pictures and masks; as `classify`.

    Args:
        data: The folder.
        name: Name of the run.
        runs: Folder of the runs.
        **settings: Fields of `SegmentRecipe`, such as `epochs=20`.
    """
    from kerasface.train.segmentation.recipe import SegmentRecipe
    from kerasface.train.segmentation.training import train_segmentation

    return train_segmentation(data, name, recipe=_recipe(settings, SegmentRecipe), runs=runs)


def _recipe(settings: dict, kind: type):
    from kerasface.train.recipe import build_recipe, known

    return build_recipe(known(settings, kind, "A training"), kind)
