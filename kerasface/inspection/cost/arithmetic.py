"""The arithmetic of a model: shapes, weights, multiply-adds, memory and receptive field of every layer."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import keras

from kerasface.inspection.cost.calculators import FLOAT32, weights_mebibytes
from kerasface.inspection.cost.multiply_adds import multiply_adds
from kerasface.inspection.cost.receptive_field import WINDOWED, Field, field_after, window


@dataclass(frozen=True)
class LayerRecord:
    """One call of one layer, for one image.

    Attributes:
        name: Name of the layer; of one in a nested model `outer/inner`; behind further calls of a shared layer stands
            `#2`, `#3` and so on.
        kind: Its class.
        output_shape: Shape of what it gives, of the first where it gives several, without the batch.
        formula: Its spatial size, `floor((N + 2P - D(F - 1) - 1) / S) + 1` with its numbers put in, or
            `(N - 1)S + D(F - 1) + 1 - 2P` where the convolution is transposed; empty where neither applies. `2P` is
            one number, for both sides together: Keras may pad one side more than the other.
        parameters: Its weights; 0 where an earlier record counted them.
        multiply_adds: Its multiply-adds, or `None` where they are not known.
        activation_bytes: Memory of its outputs in float32.
        receptive_field: Rows and columns of the input, in pixels, on which one output value depends, border included;
            `None` where the input is no image.
        jump: Pixels of the input between neighbouring output values, along rows and columns; 0 where a value has no
            neighbours. `None` where the input is no image.
        multiply_adds_share: Its share of the model's multiply-adds, in `[0, 1]`.
        parameters_share: Its share of the model's weights, in `[0, 1]`.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    formula: str
    parameters: int
    multiply_adds: int | None
    activation_bytes: int
    receptive_field: tuple[int, int] | None
    jump: tuple[float, float] | None
    multiply_adds_share: float = 0.0
    parameters_share: float = 0.0

    def to_dict(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class ModelCost:
    """What one image costs in a model.

    Attributes:
        parameters: All weights.
        weights_mebibytes: Their size in float32, in MiB.
        multiply_adds: Those of all layers where they are known.
        activation_bytes: Memory of all layers' outputs in float32, as training keeps them.
        uncounted: Names of the layers whose multiply-adds are not known.
    """

    parameters: int
    weights_mebibytes: float
    multiply_adds: int
    activation_bytes: int
    uncounted: tuple[str, ...] = ()

    def to_dict(self) -> dict:
        return asdict(self)


def layer_table(model: keras.Model, image_size: tuple[int, int] | None = None) -> list[LayerRecord]:
    """Lists the layers of a model in the order of their computation, with what each costs for one image.

    A view that a model makes of the image itself, such as its mirror image, counts as often as it is computed.

    Args:
        model: Functional or `Sequential`; models may be nested in it, layers shared.
        image_size: Height and width in pixels, for a model whose input leaves them open.

    Raises:
        ValueError: If the model is a subclass without a graph of layers, keeps channels first, leaves open what
            `image_size` does not tell, or was built for another size.

    Example:
        ```python
        for record in layer_table(build_face_resnet()):
            print(record.name, record.output_shape, record.multiply_adds)
        ```
    """
    walk = _Walk()
    graph = _graph(model)
    if graph is None:
        raise ValueError(
            f"Layers are listed for built functional and Sequential models. Received: {type(model).__name__} "
            f"{model.name!r}. Call a Sequential model once, or give it an Input; rebuild others as functional models."
        )
    walk.run(graph, [walk.given(tensor, image_size) for tensor in graph.inputs], prefix="")
    cost = model_cost(walk.records)
    return [
        replace(
            record,
            multiply_adds_share=(record.multiply_adds or 0) / max(cost.multiply_adds, 1),
            parameters_share=record.parameters / max(cost.parameters, 1),
        )
        for record in walk.records
    ]


def model_cost(records: Sequence[LayerRecord]) -> ModelCost:
    """Adds up a table of layers."""
    parameters = sum(record.parameters for record in records)
    return ModelCost(
        parameters=parameters,
        weights_mebibytes=weights_mebibytes(parameters),
        multiply_adds=sum(record.multiply_adds or 0 for record in records),
        activation_bytes=sum(record.activation_bytes for record in records),
        uncounted=tuple(record.name for record in records if record.multiply_adds is None),
    )


class _Walk:
    """Sends the shapes of one image through a model, and writes down every call.

    Attributes:
        records: One record per call, without shares.
    """

    def __init__(self):
        self.records: list[LayerRecord] = []
        self._fields: dict[int, Field] = {}  # by the id of the tensor
        self._tensors: list[keras.KerasTensor] = []  # kept, or an id would be given twice
        self._calls: dict[str, int] = {}
        self._counted: set[int] = set()  # ids of weights

    def given(self, tensor: keras.KerasTensor, image_size: tuple[int, int] | None) -> keras.KerasTensor:
        """The input of one image, its open sides closed."""
        shape = list(tensor.shape)
        shape[0] = 1
        if len(shape) == 4 and image_size is not None:
            for axis, side in zip((1, 2), image_size, strict=True):
                if shape[axis] not in (None, side):
                    raise ValueError(
                        f"This model takes images of {tuple(tensor.shape[1:3])}. Received: image_size={image_size}."
                    )
                shape[axis] = side
        if None in shape:
            raise ValueError(
                f"The input {tensor.name!r} leaves sides open. Received: shape {tuple(tensor.shape)}, "
                f"image_size={image_size}. Give the height and width of an image."
            )
        closed = keras.KerasTensor(tuple(shape), dtype=tensor.dtype)
        self._keep([closed], Field() if len(shape) == 4 else None)
        self._write(tensor._keras_history.operation, tensor._keras_history.operation.name, [], [closed])
        return closed

    def run(self, graph: keras.Model, inputs: Sequence[keras.KerasTensor], prefix: str):
        def visit(operation, *args, **kwargs):
            name = prefix + operation.name
            inner = _graph(operation)
            if inner is not None:
                return self.run(inner, keras.tree.flatten(args[0]), f"{name}/")
            outputs = _outputs(operation, args, kwargs)
            self._write(operation, name, _with_shape((args, kwargs)), keras.tree.flatten(outputs))
            return outputs

        return graph._run_through_graph(inputs, call_fn=visit)

    def _write(self, operation, name: str, inputs: list, outputs: list[keras.KerasTensor]):
        if getattr(operation, "data_format", None) == "channels_first":
            raise ValueError(f"Channels must stand last. Received: layer {name!r} with data_format='channels_first'.")
        shapes, output = [tuple(tensor.shape) for tensor in inputs], tuple(outputs[0].shape)
        seen = [(self._fields[id(tensor)], tuple(tensor.shape)) for tensor in inputs if id(tensor) in self._fields]
        if seen:
            self._keep(outputs, field_after(operation, *zip(*seen, strict=True), output))
        field = self._fields.get(id(outputs[0]))
        self._calls[name] = call = self._calls.get(name, 0) + 1
        self.records.append(
            LayerRecord(
                name=name if call == 1 else f"{name}#{call}",
                kind=type(operation).__name__,
                output_shape=output[1:],
                formula=_formula(operation, shapes, output),
                parameters=self._new_parameters(operation),
                multiply_adds=multiply_adds(operation, shapes, output),
                activation_bytes=FLOAT32 * sum(math.prod(tensor.shape) for tensor in outputs),
                receptive_field=field and tuple(math.ceil(side) for side in field.size),
                jump=field and field.jump,
            )
        )

    def _keep(self, tensors: list[keras.KerasTensor], field: Field | None):
        self._tensors += tensors
        self._fields |= {id(tensor): field for tensor in tensors if field is not None}

    def _new_parameters(self, operation) -> int:
        new = [weight for weight in getattr(operation, "weights", ()) if id(weight) not in self._counted]
        self._counted |= {id(weight) for weight in new}
        return sum(math.prod(weight.shape) for weight in new)


def _graph(model) -> keras.Model | None:
    """The graph of layers inside a functional or Sequential model; `None` for anything else."""
    model = getattr(model, "_functional", model)  # a Sequential model keeps one, once it is built
    return model if hasattr(model, "_run_through_graph") else None


def _outputs(operation, args: tuple, kwargs: dict):
    """The outputs of a call, in shape only. The layer is not called: that would leave a node in the model's graph."""
    outputs = operation.compute_output_spec(*args, **kwargs)
    if any(None in tensor.shape for tensor in keras.tree.flatten(outputs)):
        # What the layer says of itself is vague; this looks at its computation.
        outputs = keras.Operation.compute_output_spec(operation, *args, **kwargs)
    for tensor in keras.tree.flatten(outputs):
        if None in tensor.shape:
            raise ValueError(
                f"The size of what a layer gives must be known beforehand. Received: layer {operation.name!r} with "
                f"outputs of shape {tuple(tensor.shape)}. Leave it out of the model."
            )
    return outputs


def _with_shape(arguments) -> list:
    """Tensors, and weights or arrays that take part as operands, in the order of the call."""
    return [value for value in keras.tree.flatten(arguments) if hasattr(value, "shape")]


def _formula(operation, inputs: list[tuple[int, ...]], output: tuple[int, ...]) -> str:
    """Returns the spatial size as text, once for both axes where they are alike."""
    transposed = isinstance(operation, keras.layers.Conv2DTranspose)
    if not transposed and not isinstance(operation, WINDOWED):
        return ""
    axes = zip(inputs[0][1:3], output[1:3], *window(operation), strict=True)
    if transposed:
        rows, cols = (_transposed_size(*numbers) for numbers in axes)
    else:
        rows, cols = (_size(*numbers, padded=operation.padding != "valid") for numbers in axes)
    return rows if rows == cols else f"rows {rows}, columns {cols}"


def _size(size: int, result: int, kernel: int, stride: int, dilation: int, padded: bool) -> str:
    # Keras pads by as much as `ceil(N / S)` places need.
    padding = max((result - 1) * stride + dilation * (kernel - 1) + 1 - size, 0) if padded else 0
    return f"floor(({size} + {padding} - {dilation}*({kernel} - 1) - 1) / {stride}) + 1 = {result}"


def _transposed_size(size: int, result: int, kernel: int, stride: int, dilation: int) -> str:
    cut = (size - 1) * stride + dilation * (kernel - 1) + 1 - result
    end = f"- {cut}" if cut >= 0 else f"+ {-cut}"  # strides wider than the kernel leave zeros at the end
    return f"({size} - 1)*{stride} + {dilation}*({kernel} - 1) + 1 {end} = {result}"
