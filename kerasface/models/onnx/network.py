"""An ONNX network as a functional Keras model that takes face crops and gives unit embeddings."""

from collections import Counter
from math import prod

import keras
from keras import layers

from kerasface.models.layers import AddMirrored, MeanOfViews, ReverseChannels
from kerasface.models.onnx.building import IMAGE, Builder, UnsupportedError, Value
from kerasface.models.onnx.folding import folded
from kerasface.models.onnx.input_form import InputForm
from kerasface.models.onnx.operators import OPERATORS
from kerasface.models.onnx.operators.arithmetic import lengths_divided_by, unit_length
from kerasface.models.onnx.reading import Graph, Node
from kerasface.models.pretrained import ModelFileError

EMBEDDING = "embedding"  # layer that brings the file's vectors to unit length
_DIMS = (8, 8192)  # numbers that a face's vector may have
_MOST_NUMBERS = 2**24  # in a map of one image: 64 MiB; the first one of iresnet100 has 0.8 million
_OWN = ("crop", "add_mirrored", "to_bgr", "preprocess", "vectors", EMBEDDING, "mean_of_views")
# Read, but no layer: computed while the network is built.
_COMPUTED = {"Constant", "ConstantOfShape", "Shape", "Gather", "Slice", "Sqrt"}


def build_network(graph: Graph, form: InputForm, *, mirrored: bool = True) -> keras.Model:
    """Builds the model that computes what an ONNX file computes.

    Convolutions, batch normalizations and activations are layers of their own, called as in the file, so that the
    network can be inspected, fine-tuned and exported like any other.

    Args:
        graph: Of `read_graph`.
        form: What becomes of the pixels before the file's first node.
        mirrored: Average over the crop and its mirror image.

    Input shape:
        `(batch, side, side, 3)`, RGB, `uint8` or floats in `[0, 255]`: preprocessing is inside.

    Output shape:
        `(batch, embedding_dim)`, unit embeddings. The layer `embedding` takes the file's own numbers, those of all
        crops and then those of their mirror images.

    Raises:
        ModelFileError: If an operator is not known, or the file gives no vector for each image.
    """
    nodes = _needed(graph)
    _check_operators(nodes, graph.name)
    inputs = keras.Input((graph.side, graph.side, 3), name="crop")
    x = AddMirrored(name="add_mirrored")(inputs) if mirrored else inputs
    if form.order == "bgr":
        x = ReverseChannels(name="to_bgr")(x)
    if (form.mean, form.std) != ((0, 0, 0), (1, 1, 1)):
        scales = [1 / std for std in form.std]
        offsets = [-mean / std for mean, std in zip(form.mean, form.std, strict=True)]
        x = layers.Rescaling(scales, offsets, name="preprocess")(x)
    builder = Builder(graph.constants, graph.input_shape[0], _OWN)
    builder.values[graph.input] = Value(x, IMAGE if graph.channels_first else (0, 1, 2, 3))
    quotients = lengths_divided_by(graph.nodes)
    for node in nodes:
        _build(builder, node, quotients, graph.name)
    if graph.output not in builder.values:
        raise ModelFileError(f"{graph.name} is not imported: its output does not depend on the images.")
    output = builder.values[graph.output]
    if output.size != output.shape[1] or not _DIMS[0] <= output.size <= _DIMS[1]:
        raise ModelFileError(
            f"{graph.name} is not imported: a face network gives a vector of {_DIMS[0]} to {_DIMS[1]:,} numbers for "
            f"each image. Received: output shape {list(output.shape)}."
        )
    vectors = output.tensor if output.rank == 2 else layers.Flatten(name="vectors")(output.tensor)
    outputs = layers.UnitNormalization(name=EMBEDDING)(vectors)
    if mirrored:
        outputs = MeanOfViews(2, name="mean_of_views")(outputs)
    model = keras.Model(inputs, outputs, name="imported")
    _check_maps(model, graph.name)
    return model


def _build(builder: Builder, node: Node, quotients: dict[str, str], name: str) -> None:
    output = node.outputs[0]
    try:
        if output in quotients:
            vector = Node("LpNormalization", node.name, (quotients[output],), node.outputs, {"axis": 1})
            builder.values[output] = unit_length(builder, vector)
        elif (constant := folded(builder, node)) is not None:
            builder.constants[output] = constant
        elif node.operator in OPERATORS:
            builder.values[output] = OPERATORS[node.operator](builder, node)
        else:
            raise UnsupportedError("it is known with constants only, and here it takes a map of the images")
    except UnsupportedError as error:
        raise ModelFileError(
            f"{name} is not imported: of its node {node.name or output} ({node.operator}), {error}."
        ) from error
    except (ValueError, TypeError, KeyError, IndexError, ZeroDivisionError) as error:  # what Keras says of a layer
        said = " ".join(str(error).split())[:300]
        raise ModelFileError(
            f"{name} is not imported: its node {node.name or output} ({node.operator}) is no Keras layer: {said}"
        ) from error


def _check_maps(model: keras.Model, name: str) -> None:
    """Refuses a network of a few bytes that would fill the memory: padding, windows and concatenations can."""
    for layer in model.layers:
        if (size := prod(layer.output.shape[1:])) > _MOST_NUMBERS:
            raise ModelFileError(
                f"{name} is not imported: its layer {layer.name} makes {size:,} numbers of each image, and "
                f"{_MOST_NUMBERS:,} are allowed."
            )


def _needed(graph: Graph) -> list[Node]:
    """The nodes that the output depends on; of a vector divided by its length not how the length is computed."""
    quotients = lengths_divided_by(graph.nodes)
    wanted, found = {graph.output}, []
    for node in reversed(graph.nodes):
        if wanted.isdisjoint(node.outputs):
            continue
        found.append(node)
        first = node.outputs[0]
        wanted.update([quotients[first]] if first in quotients else filter(None, node.inputs))
    return found[::-1]


def _check_operators(nodes: list[Node], name: str) -> None:
    unknown = Counter(node.operator for node in nodes if node.operator not in {*OPERATORS, *_COMPUTED})
    if unknown:
        told = ", ".join(f"{operator} ({count})" for operator, count in sorted(unknown.items()))
        raise ModelFileError(
            f"{name} is not imported: it uses operators that are not known here: {told}. Known are: "
            f"{', '.join(sorted({*OPERATORS, *_COMPUTED}))}."
        )
