"""An ONNX file of others, checked before anything is made of it: nodes, constants, one input, one output.

No library that is kept does this for Keras 3: onnx2kerastl (0.0.32) and onnx2keras build Keras 2 models around Lambda
layers, onnx2tf and nobuco write TensorFlow 2 with tf_keras, and ONNX's own backend for TensorFlow is retired.
"""

import importlib.util
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from kerasface.models.pretrained import ModelFileError

MAX_BYTES = 2**30  # of a file; the largest face networks that are shared have 0.4 GB
_MAX_NODES = 20_000
_MAX_RANK = 8
_OPSETS = (7, 26)  # before 7, shapes that differ were joined by other rules
_OPTIONAL = ("onnx", "onnxruntime")


@dataclass(frozen=True, eq=False)
class Node:
    """One operation.

    Attributes:
        operator: Its name in ONNX.
        name: Its own name, which may be empty.
        inputs: Names of what it takes; `""` where an optional one is left out.
        outputs: Names of what it gives.
        attributes: Numbers, strings, lists of them, and arrays.
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, object]


@dataclass(frozen=True, eq=False)
class Graph:
    """What an ONNX file holds.

    Attributes:
        name: What the file is called in errors.
        nodes: In the order in which they can be computed.
        constants: Weights and other tensors by name; floats as float32.
        input: Name of the images.
        input_shape: Their shape in the file; `None` for any number of images.
        output: Name of the result.
    """

    name: str
    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]
    input: str
    input_shape: tuple[int | None, ...]
    output: str

    @property
    def channels_first(self) -> bool:
        """Whether images are `(batch, 3, rows, cols)`, not `(batch, rows, cols, 3)`."""
        return self.input_shape[1] == 3

    @property
    def side(self) -> int:
        """Rows and columns of an image."""
        return self.input_shape[2]


def missing_packages() -> str | None:
    """Returns the sentence that says what to install before an ONNX file can be read; `None` if nothing is missing."""
    missing = [name for name in _OPTIONAL if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return f"ONNX files need {' and '.join(missing)}, which KerasFace does not install: pip install 'kerasface[onnx]'"


def read_bytes(path: Path) -> bytes:
    """Reads the file, if it is no larger than allowed.

    Raises:
        ModelFileError: If it is, or cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelFileError(f"{path} is larger than an ONNX file may be: {size:,} > {MAX_BYTES:,} bytes.")
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}.") from error


def read_graph(content: bytes, name: str) -> Graph:
    """Parses an ONNX file, and refuses what could run code, reach other files, or is no network of images.

    Args:
        content: Its bytes.
        name: What it is called in errors.

    Raises:
        ModelFileError: If it is refused, with the reason.
    """
    if (sentence := missing_packages()) is not None:
        raise ModelFileError(sentence)
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError) as error:
        raise ModelFileError(f"{name} is no ONNX file: {_shortened(error)}") from error
    try:
        _check_model(model)
        return _graph(model.graph, name)
    except _RefusedError as error:
        raise ModelFileError(f"{name} is not imported: {error}") from error


class _RefusedError(Exception):
    """Why a file is not imported."""


def _check_model(model) -> None:
    graph = model.graph
    if not graph.node:
        raise _RefusedError("it holds no network.")
    if len(graph.node) > _MAX_NODES:
        raise _RefusedError(f"it has {len(graph.node):,} nodes, and {_MAX_NODES:,} are allowed.")
    if model.functions:
        raise _RefusedError(f"it defines functions of its own, such as {model.functions[0].name!r}.")
    versions = {entry.domain: entry.version for entry in model.opset_import}
    version = versions.get("", versions.get("ai.onnx", 0))
    if not _OPSETS[0] <= version <= _OPSETS[1]:
        raise _RefusedError(f"operator sets {_OPSETS[0]} to {_OPSETS[1]} are read. Received: opset {version}.")
    foreign = sorted({f"{node.domain}.{node.op_type}" for node in graph.node if node.domain not in ("", "ai.onnx")})
    if foreign:
        raise _RefusedError(f"it uses operators that are not ONNX's own: {', '.join(foreign[:5])}.")
    if graph.sparse_initializer:
        raise _RefusedError("it holds sparse weights.")


def _graph(graph, name: str) -> Graph:
    constants = {}
    for tensor in graph.initializer:
        constants[_text(tensor.name)] = _array(tensor, tensor.name)
    inputs = [value for value in graph.input if _text(value.name) not in constants]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise _RefusedError(f"a face network takes one input, the images. Received: {len(inputs)} inputs ({names}).")
    if len(graph.output) != 1:
        names = ", ".join(_text(value.name) for value in graph.output) or "none"
        raise _RefusedError(
            "a face network gives one output, a vector for each image. "
            f"Received: {len(graph.output)} outputs ({names})."
        )
    shape = _input_shape(inputs[0])
    nodes = _nodes(graph, {inputs[0].name, *constants})
    produced = {output for node in nodes for output in node.outputs}
    if graph.output[0].name not in produced:
        raise _RefusedError(f"nothing in it computes its output {graph.output[0].name!r}.")
    return Graph(name, nodes, constants, inputs[0].name, shape, graph.output[0].name)


def _input_shape(value) -> tuple[int | None, ...]:
    import onnx

    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or kind.elem_type != onnx.TensorProto.FLOAT:
        found = onnx.TensorProto.DataType.Name(kind.elem_type).lower() if kind.elem_type else "no tensor"
        raise _RefusedError(f"its input must be float32 images. Received: {found}.")
    shape = tuple(
        dimension.dim_value if dimension.HasField("dim_value") and dimension.dim_value > 0 else None
        for dimension in kind.shape.dim
    )
    told = [
        dimension.dim_param or (dimension.dim_value if dimension.HasField("dim_value") else "?")
        for dimension in kind.shape.dim
    ]
    # Which axis has the channels is told by the 3; an image of three pixels is none of a face.
    fits = len(shape) == 4 and ((shape[1] == 3 and shape[2] == shape[3]) or (shape[3] == 3 and shape[1] == shape[2]))
    if not fits or not shape[2] or not 16 <= shape[2] <= 1024:
        raise _RefusedError(
            "its input must be images of a fixed square size, [batch, 3, side, side] or [batch, side, side, 3] with "
            f"sides of 16 to 1,024 pixels. Received: {told}."
        )
    return shape


def _nodes(graph, known: set[str]) -> tuple[Node, ...]:
    nodes = []
    for proto in graph.node:
        inputs, outputs = (tuple(map(_text, names)) for names in (proto.input, proto.output))
        node = Node(_text(proto.op_type), _text(proto.name), inputs, outputs, _attributes(proto))
        for name in node.inputs:
            if name and name not in known:
                raise _RefusedError(f"its node {_called(node)} takes {name!r}, which nothing before it gives.")
        for name in node.outputs:
            if name in known:
                raise _RefusedError(f"{name!r} is computed twice.")
            known.update([name] if name else [])
        nodes.append(node)
    return tuple(nodes)


def _attributes(proto) -> dict[str, object]:
    import onnx

    kinds, found = onnx.AttributeProto, {}
    for attribute in proto.attribute:
        if attribute.type in (kinds.GRAPH, kinds.GRAPHS):
            raise _RefusedError(f"its operator {proto.op_type} runs a network inside the network.")
        if attribute.type in (kinds.SPARSE_TENSOR, kinds.SPARSE_TENSORS, kinds.TYPE_PROTO, kinds.TYPE_PROTOS):
            raise _RefusedError(f"its operator {proto.op_type} has an attribute {attribute.name!r} that is not read.")
        value = onnx.helper.get_attribute_value(attribute)
        if attribute.type == kinds.TENSOR:
            value = _array(value, proto.name or proto.op_type)
        elif attribute.type == kinds.STRING:
            value = value.decode("utf-8", errors="replace")
        found[_text(attribute.name)] = value
    return found


def _array(tensor, name: str) -> np.ndarray:
    """The values of a tensor, once it is sure that they are in the file, of a kind that is read, and numbers."""
    import onnx

    kinds = onnx.TensorProto
    if tensor.data_location == kinds.EXTERNAL or tensor.external_data:
        raise _RefusedError(f"its tensor {name!r} lies in another file; save the network as one file.")
    if tensor.data_type not in (kinds.FLOAT, kinds.FLOAT16, kinds.DOUBLE, kinds.INT64, kinds.INT32, kinds.BOOL):
        known = tensor.data_type in kinds.DataType.values()
        kind = kinds.DataType.Name(tensor.data_type).lower() if known else tensor.data_type
        raise _RefusedError(f"its tensor {name!r} is of a kind that is not read: {kind}.")
    if len(tensor.dims) > _MAX_RANK or any(side < 0 for side in tensor.dims) or prod(tensor.dims) > MAX_BYTES:
        raise _RefusedError(f"its tensor {name!r} has an impossible shape: {list(tensor.dims)[:10]}.")
    try:
        array = onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise _RefusedError(f"its tensor {name!r} does not hold what its shape says: {_shortened(error)}.") from error
    if array.dtype.kind != "f":
        return array
    array = array.astype(np.float32)
    # A single infinity may be a limit of Clip; among weights it is an accident.
    if np.isnan(array).any() or (array.size > 1 and not np.isfinite(array).all()):
        raise _RefusedError(f"its weights {name!r} are NaN or infinite.")
    return array


def _text(name: str | bytes) -> str:
    """A name, which the parser gives as bytes where it is no UTF-8."""
    if isinstance(name, bytes):
        raise _RefusedError(f"its name {name[:40]!r} is no text.")
    return name


def _called(node: Node) -> str:
    return f"{node.name} ({node.operator})" if node.name else node.operator


def _shortened(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
