"""What a classifier of one's own makes of photos before it decides, as points for a map."""

import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from kerasface.data.cache.embeddings import image_files
from kerasface.faces.detection import FaceDetector
from kerasface.inspection.layers.activations import list_layers, tap
from kerasface.inspection.maps.embedding_map import MapPoints
from kerasface.inspection.subjects import squares_of
from kerasface.models.runtime import compile_network
from kerasface.runs.card import ModelInput

MOST = 3000  # photos of a folder that are looked at, the first by name


def features_layer(model: keras.Model) -> str:
    """Returns the last layer that gives a vector in front of the layer with the classes' weights.

    Raises:
        ValueError: If there is none.
    """
    infos = list_layers(model)
    classes = max((place for place, info in enumerate(infos) if info.layer.weights), default=0)
    vectors = [info.path for info in infos[:classes] if len(info.output_shape) == 1]
    if not vectors:
        raise ValueError(f"No layer in front of the classes of {model.name!r} gives a vector.")
    return vectors[-1]


def features_of(model: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Returns what a classifier makes of pictures before it decides, float32, `(num_pictures, num_features)`.

    Args:
        model: A classifier.
        pictures: RGB uint8, `(num_pictures, height, width, 3)`, as large as it takes them.

    Raises:
        ValueError: If no layer in front of the classes gives a vector.
    """
    return compile_network(tap(model, [features_layer(model)], pictures.shape[1:3]))(pictures)[0]


def folder_features(
    folder: str | os.PathLike,
    model: keras.Model,
    taken: ModelInput,
    detector: FaceDetector | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> MapPoints:
    """Takes what a classifier makes of the photos under a folder; each has the name of the folder in which it lies.

    Args:
        folder: The folder; of more than `MOST` photos the first by name are taken.
        model: The classifier.
        taken: What it takes of a photo, by its card.
        detector: Finds the faces, for a model of faces.
        on_progress: Called with the number of photos done and their total.

    Raises:
        ValueError: If `folder` is none or holds no photo that can be used, or the model gives no features.
    """
    features_layer(model)  # said before the photos are read
    paths = image_files(folder)[:MOST]
    report = on_progress and (lambda done: on_progress(done, len(paths)))
    squares, used, problems = squares_of(paths, taken, detector, on_progress=report)
    names = [path.absolute().parent.name for path in used]
    rejected = [(Path(problem.partition(": ")[0]), problem) for problem in problems]
    return MapPoints(features_of(model, squares), names, used, rejected=rejected, squares=squares)
