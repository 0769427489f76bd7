"""Architectures side by side: weights, multiply-adds, and the time of one image on this machine."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import keras
import numpy as np

from kerasface.inspection.cost.arithmetic import layer_table, model_cost
from kerasface.models.backbones import APPLICATIONS, backbone_names, build_application
from kerasface.models.efficientnet_lite import LITE0, build_efficientnet_lite0
from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.runtime import compile_network
from kerasface.models.shipped import IMAGE_SIZE
from kerasface.models.zoo import ARCHITECTURES, build_architecture

DEFAULT_SIZE = (224, 224)  # pixels; that of most published numbers
NUM_CLASSES = 1000  # of ImageNet, as published
SORT_KEYS = ("name", "parameters", "multiply_adds", "activation_bytes", "milliseconds")


@dataclass(frozen=True)
class ComparisonRecord:
    """What one architecture costs.

    Attributes:
        name: Its name.
        image_size: Height and width of the image, in pixels.
        parameters: Its weights.
        mebibytes: Their size in float32, in MiB.
        multiply_adds: Those of one image.
        activation_bytes: Memory of all layers' outputs for one image, in float32.
        milliseconds: Median time of one image, one at a time, on this machine.
    """

    name: str
    image_size: tuple[int, int]
    parameters: int
    mebibytes: float
    multiply_adds: int
    activation_bytes: int
    milliseconds: float

    def to_dict(self) -> dict:
        return asdict(self)


def build_by_name(
    name: str, image_size: tuple[int, int] | None = None, *, num_classes: int = NUM_CLASSES
) -> keras.Model:
    """Builds an architecture with random weights, with its classifier, as its published numbers have it.

    Args:
        name: `"face_resnet"`, which has embeddings and no classes; `"efficientnet_lite0"`, an architecture of the zoo,
            or a constructor of `keras.applications`.
        image_size: Height and width in pixels; (224, 224) if not given. `face_resnet` takes (150, 150) alone.
        num_classes: Classes of the classifier.

    Raises:
        ValueError: If the name is unknown, or the architecture does not take images of this size.
    """
    if name == "face_resnet":
        if image_size is not None and tuple(image_size) != IMAGE_SIZE:
            raise ValueError(f"face_resnet takes images of {IMAGE_SIZE}. Received: image_size={image_size}.")
        return build_face_resnet(weights=None)
    size = DEFAULT_SIZE if image_size is None else tuple(image_size)
    if name == LITE0:
        return build_efficientnet_lite0(size, weights=None, num_classes=num_classes)
    if name in ARCHITECTURES:
        return build_architecture(name, size, num_classes)
    if name in APPLICATIONS:
        return build_application(name, size, weights=None, classes=num_classes)
    raise ValueError(f"Unknown architecture. Received: name={name!r}. Expected one of {list(backbone_names())}.")


def compare_models(
    names: Sequence[str],
    image_size: tuple[int, int] | None = None,
    *,
    sort_by: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[ComparisonRecord]:
    """Builds architectures with random weights, one after the other, and measures them.

    Args:
        names: As `build_by_name` takes them.
        image_size: Height and width in pixels; `face_resnet` keeps its (150, 150).
        sort_by: One of `SORT_KEYS`, the smallest first; `None` for the order of `names`.
        on_progress: Called with the number of models that are done, and of all.

    Raises:
        ValueError: If a name or the order is unknown, or an architecture does not take images of this size.
    """
    if sort_by is not None and sort_by not in SORT_KEYS:
        raise ValueError(f"Unknown order. Received: sort_by={sort_by!r}. Expected one of {SORT_KEYS}.")
    if unknown := [name for name in names if name not in backbone_names()]:
        raise ValueError(f"Unknown architectures. Received: {unknown}. Expected some of {list(backbone_names())}.")
    records = []
    for name in names:
        records.append(_measured(name, None if name == "face_resnet" else image_size))
        if on_progress:
            on_progress(len(records), len(names))
    return sorted(records, key=lambda record: getattr(record, sort_by)) if sort_by else records


def measure_latency(model: keras.Model, *, repeats: int = 9) -> float:
    """Returns the median milliseconds of one image through the traced graph of `compile_network`, first call aside.

    Args:
        model: With one input of images `(batch, height, width, channels)` of a known size.
        repeats: Calls that are timed, at least 1.
    """
    network = compile_network(model, max_batch=1)
    image = np.zeros((1, *model.inputs[0].shape[1:]), dtype=np.uint8)
    network(image)
    return 1000 * statistics.median(_durations(network, image, repeats))


def _durations(network: Callable, image: np.ndarray, repeats: int) -> Iterator[float]:
    for _ in range(repeats):
        started = time.perf_counter()
        network(image)
        yield time.perf_counter() - started


def _measured(name: str, image_size: tuple[int, int] | None) -> ComparisonRecord:
    model = build_by_name(name, image_size)
    cost = model_cost(layer_table(model))
    return ComparisonRecord(
        name=name,
        image_size=tuple(model.inputs[0].shape[1:3]),
        parameters=cost.parameters,
        mebibytes=cost.weights_mebibytes,
        multiply_adds=cost.multiply_adds,
        activation_bytes=cost.activation_bytes,
        milliseconds=measure_latency(model),
    )
