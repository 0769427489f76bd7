"""What the layers of a model answer: its layers by path, their maps for a picture, channels that never answer.

A layer is named by its path: `conv1`, or `backbone/conv1` for one in a model that is nested in another. What a layer
gives is read while the model runs as it is, so neither nested models nor layers that stand in several models are in the
way, and the model is not changed.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from kerasface.arrays import check_array
from kerasface.data.cache.store import StoredArray
from kerasface.inspection.stitching import find_layer, infer, run_through
from kerasface.models.runtime import compile_network

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class LayerInfo:
    """One layer of a model.

    Attributes:
        path: Its name; `outer/inner` for a layer of a nested model.
        layer: The layer itself.
        output_shape: Shape of what it gives for one picture; `None` for extents that the picture decides.
    """

    path: str
    layer: keras.layers.Layer
    output_shape: tuple[int | None, ...]

    @property
    def kind(self) -> str:
        """Its class, such as `Conv2D`."""
        return type(self.layer).__name__

    @property
    def num_params(self) -> int:
        """Numbers in its weights."""
        return self.layer.count_params()

    @property
    def spatial(self) -> bool:
        """Whether it gives maps `(rows, cols, channels)` of more than one place."""
        return len(self.output_shape) == 3 and self.output_shape[:2] != (1, 1)


@dataclass(frozen=True)
class DeadChannels:
    """The channels of a layer that never answered.

    Attributes:
        layer: Its path.
        num_channels: How many channels it has.
        dead: Those that gave nothing above 0, at no place of any picture; ascending.
    """

    layer: str
    num_channels: int
    dead: tuple[int, ...]


def list_layers(model: keras.Model, image_size: tuple[int, int] | None = None) -> list[LayerInfo]:
    """Lists the layers of a model in forward order; of a nested model its layers, not itself.

    Args:
        model: Functional or sequential, with one image input.
        image_size: Height and width of the pictures, where the model takes any; shapes that depend on them are unknown
            without.

    Raises:
        ValueError: If the model has several inputs, or none yet.
    """
    shape = _input_shape(model, image_size)
    found: dict[str, LayerInfo] = {}

    def note(path: str, operation: keras.Operation, *args, **kwargs):
        outputs = operation.compute_output_spec(*args, **kwargs)
        if isinstance(operation, keras.layers.Layer) and path not in found:
            found[path] = LayerInfo(path, operation, tuple(keras.tree.flatten(outputs)[0].shape[1:]))
        return outputs

    run_through(model, keras.KerasTensor((None, *shape), dtype=model.inputs[0].dtype), note)
    return list(found.values())


def tap(model: keras.Model, layers: Sequence[str], image_size: tuple[int, int] | None = None) -> keras.Model:
    """Returns a model from pictures to what the named layers of `model` give; it shares the weights of `model`.

    It cannot be saved. A layer that is called several times gives its first output. Layers that append views of the
    pictures to the batch leave the picture itself in front: the first rows of a batch are those of the first view.

    Args:
        model: Functional or sequential, with one image input.
        layers: Paths as `list_layers` gives them, or names that only one layer has.
        image_size: Height and width of the pictures, where the model takes any.

    Returns:
        Functional; from the input of `model` to a list with the output of each layer, in float32. More rows than
        pictures where views are appended.

    Raises:
        ValueError: If there is no such layer: it names the nearest ones.
    """
    inputs = keras.Input(_input_shape(model, image_size), dtype=model.inputs[0].dtype)
    return keras.Model(inputs, _Tap(model, [find_layer(model, layer) for layer in layers])(inputs))


def feature_maps(model: keras.Model, image: np.ndarray, layer: str) -> np.ndarray:
    """Returns the maps of a layer for one picture.

    Args:
        model: Functional or sequential, with one image input.
        image: RGB uint8, as large as the model takes it.
        layer: Path as `list_layers` gives it, or a name that only one layer has.

    Returns:
        Float32, `(rows, cols, channels)`. Of a model that averages over views of the picture, the maps of the first
        view: the picture as it is.

    Raises:
        ValueError: If there is no such layer, it gives no maps, or the picture does not fit the model.
    """
    check_array(image, "The model takes a picture, uint8")
    check_images(model, image[None])
    path = find_layer(model, layer)
    infos = {info.path: info for info in list_layers(model, image.shape[:2])}
    if not infos[path].spatial:
        spatial = [other for other, info in infos.items() if info.spatial]
        near = ", ".join(difflib.get_close_matches(path, spatial, n=3, cutoff=0)) or "none"
        raise ValueError(
            f"A layer with maps is needed; this one gives {infos[path].output_shape}. Received: layer={layer!r}. "
            f"Layers with maps: {near}."
        )
    return compile_network(tap(model, [path], image.shape[:2]))(image[None])[0][0]


def dead_channels(
    model: keras.Model, images, *, max_batch: int = 32, on_progress: Progress | None = None
) -> list[DeadChannels]:
    """Finds the channels behind rectifiers (ReLU) that answer to no picture: they cost time and tell nothing.

    Layers without a rectifier are left out, as their channels are not silent at 0. More pictures can only make the
    list shorter: give as many as there are.

    Args:
        model: Functional or sequential, with one image input.
        images: RGB uint8, `(num_images, height, width, 3)`, an array or `StoredArray`; read a batch at a time.
        max_batch: Pictures computed at once; a power of two.
        on_progress: Called with the number of pictures done and their total.

    Returns:
        A record for each layer with a rectifier, in forward order.

    Raises:
        ValueError: If there is no picture, or they do not fit the model.
    """
    check_images(model, images)
    layers = [info.path for info in list_layers(model) if _is_relu(info.layer)]
    if not layers:
        return []
    tapped = tap(model, layers, images.shape[1:3])
    largest = keras.Model(tapped.input, [over_places(output, ops.max) for output in keras.tree.flatten(tapped.output)])
    network = compile_network(largest, max_batch=max_batch)
    found = [np.full(output.shape[-1], -np.inf, dtype=np.float32) for output in largest.outputs]
    for start in range(0, len(images), max_batch):
        answers = network(images[start : start + max_batch])
        found = [np.maximum(best, answer.max(axis=0)) for best, answer in zip(found, answers, strict=True)]
        if on_progress:
            on_progress(min(start + max_batch, len(images)), len(images))
    return [
        DeadChannels(layer, len(best), tuple(np.flatnonzero(best <= 0).tolist()))
        for layer, best in zip(layers, found, strict=True)
    ]


def over_places(maps, reduce: Callable):
    """Reduces a tensor `(batch, ..., channels)` to one value per channel, by `ops.max` or `ops.mean`."""
    places = tuple(range(1, len(maps.shape) - 1))
    return reduce(maps, axis=places) if places else maps


def check_images(model: keras.Model, images) -> None:
    """Refuses pictures that do not fit the model.

    Raises:
        ValueError: If they are no uint8 array of the shape that the model takes, or there is none.
    """
    shape = _input_shape(model)
    if not isinstance(images, StoredArray):
        check_array(images, "The model takes pictures, uint8", "images")
    fits = len(images.shape) == len(shape) + 1 and all(
        wanted in (None, given) for wanted, given in zip(shape, images.shape[1:], strict=True)
    )
    if not fits or images.dtype != np.uint8 or not len(images):
        wanted = " x ".join("any" if extent is None else str(extent) for extent in shape)
        raise ValueError(
            f"The model takes pictures of {wanted}, uint8. Received: {tuple(images.shape)} {images.dtype}. Resize them."
        )


class _Tap(keras.layers.Layer):
    """Runs a model and gives the outputs of some of its layers."""

    def __init__(self, model: keras.Model, layers: Sequence[str]):
        super().__init__(dtype="float32")
        self.model = model
        self.layers = tuple(layers)
        self.built = True

    def call(self, inputs):
        found = {}

        def note(path: str, operation: keras.Operation, *args, **kwargs):
            outputs = infer(operation, *args, **kwargs)
            if path in self.layers and path not in found:
                found[path] = ops.cast(keras.tree.flatten(outputs)[0], "float32")
            return outputs

        run_through(self.model, inputs, note)
        return [found[path] for path in self.layers]


def _input_shape(model: keras.Model, image_size: tuple[int, int] | None = None) -> tuple[int | None, ...]:
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1:
        raise ValueError(f"A model to look into has one input. Received: {model.name} with {len(inputs)} inputs.")
    shape = tuple(inputs[0].shape[1:])
    return (*image_size, *shape[2:]) if image_size is not None and None in shape else shape


def _is_relu(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return not layer.negative_slope and not layer.threshold
    return getattr(layer, "activation", None) in (keras.activations.relu, keras.activations.relu6)
