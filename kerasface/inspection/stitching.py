"""A walk through models nested in models, and one graph from an image to a layer's activations and the output."""

import difflib
import inspect
from collections.abc import Callable, Sequence
from functools import partial

import keras

from kerasface.models.layers import MeanOfMirrored

# A layer's map must have so many rows and columns to be chosen by default: on fewer nothing can be told apart.
MIN_CELLS = 7
# Behind the probabilities these only average over places or views, so they average logits as well.
_AVERAGING = (MeanOfMirrored,)


def run_through(model: keras.Model, inputs, operation: Callable, prefix: str = ""):
    """Runs something through a model, operation by operation, those of nested models too.

    Nothing is added to the model's own graph, and layers of one name in two nested models are told apart.

    Args:
        model: Functional or sequential.
        inputs: A tensor, or whatever `operation` takes for one.
        operation: Called in forward order with the operation's path, the operation and the arguments of its call; what
            it returns goes on to the next ones. The path is its name, in a nested model `outer/inner`.
        prefix: Put in front of every path.

    Returns:
        What comes out, in the structure of the model's output.
    """

    def step(found: keras.Operation) -> Callable:
        path = f"{prefix}{found.name}"
        if is_nested(found):
            return lambda x, *_, **__: run_through(found, x, operation, f"{path}/")
        return partial(operation, path, found)

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            inputs = step(layer)(inputs)
        return inputs
    return model._run_through_graph(inputs, operation_fn=step)


def is_nested(operation: keras.Operation) -> bool:
    """Tells whether an operation is a model whose layers can be reached; a subclassed model is a layer like others."""
    return isinstance(operation, keras.Sequential) or (
        isinstance(operation, keras.Model) and hasattr(operation, "operations")
    )


def infer(operation: keras.Operation, *args, **kwargs):
    """Calls an operation in inference mode; layers for augmentation would otherwise change the image."""
    if isinstance(operation, keras.layers.Layer) and "training" in inspect.signature(operation.call).parameters:
        kwargs["training"] = False
    return operation(*args, **kwargs)


def leaves(model: keras.Model, prefix: str = "") -> dict[str, keras.Operation]:
    """Returns every operation but inputs and nested models by its path, see `run_through`, in forward order."""
    found = {}
    for operation in model.layers if isinstance(model, keras.Sequential) else model.operations:
        path = f"{prefix}{operation.name}"
        if is_nested(operation):
            found |= leaves(operation, f"{path}/")
        elif not isinstance(operation, keras.layers.InputLayer):
            found[path] = operation
    return found


def output_shapes(model: keras.Model, image_size: tuple[int, int] | None = None) -> dict[str, tuple]:
    """Returns the shape of the first output of every operation, by path in forward order.

    Args:
        model: Functional or sequential.
        image_size: Height and width for which a model that takes any is asked.
    """
    if image_size is None or None not in model.inputs[0].shape[1:]:
        return {path: _shape(operation.output) for path, operation in leaves(model).items()}
    shapes = {}

    def note(path, operation, *args, **kwargs):
        outputs = operation.compute_output_spec(*args, **kwargs)
        shapes[path] = _shape(outputs)
        return outputs

    run_through(model, keras.KerasTensor((1, *image_size, model.inputs[0].shape[-1])), note)
    return shapes


def map_layers(model: keras.Model) -> dict[str, tuple[int, int, int]]:
    """Returns the operations that give a map, by path in forward order, with rows, columns and channels.

    A map of a single pixel is none. For a model that takes images of any size, rows and columns are those for an image
    of 256x256 pixels.
    """
    shapes = output_shapes(model, (256, 256))
    return {path: shape[1:] for path, shape in shapes.items() if len(shape) == 4 and shape[1:3] != (1, 1)}


def find_layer(model: keras.Model, name: str) -> str:
    """Returns the path of a layer.

    Args:
        model: Functional or sequential.
        name: Its path, or its name alone where only one layer has it.

    Raises:
        ValueError: If there is no such layer, or several: the message names them or the nearest ones.
    """
    paths = list(leaves(model))
    if name in paths:
        return name
    found = [path for path in paths if path.rpartition("/")[2] == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"Several layers of {model.name} have this name. Received: layer={name!r}; choose of {found}.")
    names = {path.rpartition("/")[2]: path for path in paths} | {path: path for path in paths}
    nearest = [names[match] for match in difflib.get_close_matches(name, names, n=5, cutoff=0.4)]
    nearest = list(dict.fromkeys(nearest)) or paths[-3:]
    raise ValueError(f"{model.name} has no such layer. Received: layer={name!r}; the nearest are {nearest}.")


def default_layer(model: keras.Model, output: int = 0) -> str | None:
    """Returns the layer whose map explains most: deep, so that it knows what it sees, and fine enough to say where.

    For a model whose output is a map it is the last layer of the coarsest map, as in Seg-Grad-CAM (Vinogradova et al.
    2020, arXiv:2002.11434); for others the last map with 7 rows and columns or more, or else the last of the finest
    maps. `None` for a model without maps.
    """
    maps = map_layers(model)
    if not maps:
        return None
    cells = {path: min(shape[:2]) for path, shape in maps.items()}
    if len(model.outputs[output].shape) == 4:
        wanted = min(cells.values())
        return [path for path, count in cells.items() if count == wanted][-1]
    wanted = min(MIN_CELLS, max(cells.values()))
    return [path for path, count in cells.items() if count >= wanted][-1]


def output_index(model: keras.Model, name: str | None) -> int:
    """Returns which of the model's outputs has a name; the only one if none is given.

    Raises:
        ValueError: If there are several and none is named, or none has the name.
    """
    if name is None and len(model.outputs) == 1:
        return 0
    names = [] if isinstance(model, keras.Sequential) else model.output_names
    if name not in names:
        raise ValueError(f"{model.name} has the outputs {names}; name one of them. Received: output={name!r}.")
    return names.index(name)


def before_probabilities(model: keras.Model, output: int) -> tuple[str, Callable, Sequence[Callable]] | None:
    """Finds where logits become probabilities.

    Args:
        model: Functional or sequential.
        output: Which output.

    Returns:
        Path of that layer; a function from the layer's input to the logits; and the layers behind it, which only
        average. `None` where the model's output is not made of logits.
    """
    path, operation = _producer(model.outputs[output], "")
    behind = []
    while isinstance(operation, _AVERAGING):
        behind.insert(0, operation)
        path, operation = _producer(operation.input, path.rpartition(operation.name)[0])
    if isinstance(operation, keras.layers.Softmax):
        return path, lambda x: x, behind
    if getattr(operation, "activation", None) in (keras.activations.softmax, keras.activations.sigmoid):
        linear = operation.__class__.from_config({**operation.get_config(), "activation": "linear"})
        linear.build(operation.input.shape)
        linear.set_weights(operation.get_weights())
        return path, linear, behind
    return None


def _producer(tensor, prefix: str) -> tuple[str, keras.Operation]:
    """Path and operation that a symbolic tensor comes from, inside nested models."""
    operation, _, index = tensor._keras_history
    path = f"{prefix}{operation.name}"
    while is_nested(operation):
        operation, _, index = operation.outputs[index]._keras_history
        path = f"{path}/{operation.name}"
    return path, operation


def _shape(tensors) -> tuple:
    return tuple(keras.tree.flatten(tensors)[0].shape)
