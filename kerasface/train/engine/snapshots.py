"""What can be seen of a training beside its log: the first layer's filters after each epoch, and who is taken for whom.

They stand in the folder of the training as small files of their own, so that the log stays short.
"""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from kerasface.files.parsing import json_of
from kerasface.files.reading import open_regular, read_regular
from kerasface.files.writing import write_atomically
from kerasface.files.zips import UNREADABLE, check_unpacked
from kerasface.inspection.layers.filters import first_filters
from kerasface.inspection.stitching import leaves

FILTERS_FILE = "filters.npz"
_MAX_UNPACKED = 2**28  # bytes of the filters
CONFUSION_FILE = "confusion.json"
MAX_FILTERS = 64
_MAX_WEIGHTS = 40_000  # of one snapshot: 80 kB in float16; the templates of ten classes of 32 x 32 pixels have 30,720
_MAX_SNAPSHOTS = 40  # of a longer training every other one is dropped
_MAX_CLASSES = 60  # a larger table is no picture


@dataclass(frozen=True, eq=False)
class FilterSnapshots:
    """The first layer of a network at several times of its training.

    Attributes:
        epochs: Epochs done at each time, ascending; 0 is before the first.
        weights: Float32, `(num_times, rows, cols, channels, num_filters)`; channels R, G, B.
    """

    epochs: tuple[int, ...]
    weights: np.ndarray


def note_filters(folder: Path, epoch: int, model: keras.Model) -> None:
    """Adds the filters of a model's first layer to the folder of its training, where they are trained and few.

    Args:
        folder: The folder of the training.
        epoch: Epochs done. What the file holds of later ones is of a training that was interrupted, and goes.
        model: The model in training.
    """
    filters = _trained_filters(model)
    if filters is None:
        return
    before = read_filters(folder)
    epochs, weights = [epoch], filters[None]
    if before is not None and before.weights.shape[1:] == filters.shape:
        kept = [place for place, earlier in enumerate(before.epochs) if earlier < epoch]
        epochs = [*(before.epochs[place] for place in kept), epoch]
        weights = np.concatenate([before.weights[kept], weights])
    if len(epochs) > _MAX_SNAPSHOTS:
        places = [*range(0, len(epochs) - 1, 2), len(epochs) - 1]  # the first and the last stay
        epochs, weights = [epochs[place] for place in places], weights[places]
    content = {"epochs": np.array(epochs), "weights": weights.astype(np.float16)}
    write_atomically(folder / FILTERS_FILE, lambda file: np.savez_compressed(file, **content))


def read_filters(folder: str | Path) -> FilterSnapshots | None:
    """Returns the filters that a training or a run has noted; `None` where there are none, or they cannot be read."""
    try:
        with open_regular(Path(folder) / FILTERS_FILE) as file:
            check_unpacked(file, _MAX_UNPACKED)
            with np.load(file, allow_pickle=False) as stored:
                epochs, weights = stored["epochs"], stored["weights"].astype(np.float32)
    except (OSError, ValueError, TypeError, KeyError, MemoryError, *UNREADABLE):
        return None  # a picture less
    if weights.ndim != 5 or epochs.shape != weights.shape[:1]:
        return None
    return FilterSnapshots(tuple(epochs.tolist()), weights)


def note_confusion(folder: Path, names: Sequence[str], labels: np.ndarray, probabilities: np.ndarray) -> None:
    """Notes how often each class got each name when the held-out images were last judged; of many classes nothing.

    Args:
        folder: The folder of the training.
        names: Names of the classes.
        labels: True classes `(num_validation,)`.
        probabilities: `(num_validation, num_classes)`.
    """
    count = len(names)
    if count > _MAX_CLASSES:
        return
    matrix = np.bincount(labels * count + probabilities.argmax(axis=1), minlength=count**2).reshape(count, count)
    content = {"names": list(names), "matrix": matrix.tolist()}
    write_atomically(folder / CONFUSION_FILE, json.dumps(content).encode())


def read_confusion(folder: str | Path) -> tuple[list[str], np.ndarray] | None:
    """Returns names and counts, true classes in rows, as noted last; `None` where there are none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        content = json_of(read_regular(Path(folder) / CONFUSION_FILE))
        names, matrix = content["names"], np.array(content["matrix"], dtype=np.int64)
        if matrix.shape == (len(names), len(names)):
            return names, matrix
    return None


def keep_snapshots(training: Path, run: Path) -> None:
    """Copies the filters of a training into the run that it became."""
    with contextlib.suppress(FileNotFoundError):
        write_atomically(run / FILTERS_FILE, (training / FILTERS_FILE).read_bytes())


def _trained_filters(model: keras.Model) -> np.ndarray | None:
    """The first filters, float32, at most `MAX_FILTERS`; `None` where they stay as they are, or are no pictures."""
    try:
        filters = first_filters(model)
    except ValueError:
        return None
    weights = filters.weights[..., :MAX_FILTERS]
    trained = leaves(model)[filters.layer].trainable
    return weights if trained and weights.size <= _MAX_WEIGHTS else None
