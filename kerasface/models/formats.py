"""Keras models as files for other programs: how each format is written, and how its own runtime opens it again.

In every format the model has one input, RGB images of 0 to 255 as uint8, any number at a time, and one output, the
probabilities as float32. The integers leave no doubt about their range, and a converter cannot leave them out.
"""

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

INPUT, OUTPUT = "images", "probabilities"

Runtime = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Format:
    """One file format.

    Attributes:
        write: Writes a model; takes it, the shape `(None, height, width, 3)` of its input, and the path.
        load: Opens what was written, by path; returns a function from images `(n, height, width, 3)` uint8 to
            probabilities `(n, num_classes)` float32.
        packages: Names of the packages it needs beside KerasFace's requirements, as pip and as Python know them.
    """

    write: Callable[[keras.Model, tuple[int | None, ...], Path], None]
    load: Callable[[Path], Runtime]
    packages: tuple[str, ...] = ()


def _write_saved_model(model: keras.Model, shape: tuple[int | None, ...], path: Path) -> None:
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", _serving(model, shape))
    archive.write_out(path, verbose=False)


def _load_saved_model(path: Path) -> Runtime:
    # The loaded object owns the variables, and a signature alone does not keep it alive.
    loaded = tf.saved_model.load(path)
    return lambda pixels: loaded.signatures["serving_default"](**{INPUT: tf.constant(pixels)})[OUTPUT].numpy()


def _write_litert(model: keras.Model, shape: tuple[int | None, ...], path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _write_saved_model(model, shape, Path(folder))
        path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def _load_litert(path: Path) -> Runtime:
    with warnings.catch_warnings():
        # The runtime's new home; TensorFlow 2.21 still ships the same one.
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated")
        interpreter = tf.lite.Interpreter(str(path))
    signature = interpreter.get_signature_runner("serving_default")
    return lambda pixels: signature(**{INPUT: pixels})[OUTPUT]


def _write_onnx(model: keras.Model, shape: tuple[int | None, ...], path: Path) -> None:
    import tf2onnx
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    # Not `tf2onnx.convert.from_function`, nor Keras's own export, which uses it: both turn constants that layers hold,
    # such as the mean of a Normalization, into inputs that nobody could give.
    frozen = convert_variables_to_constants_v2(_serving(model, shape).get_concrete_function())
    names = {frozen.inputs[0].name: INPUT, frozen.outputs[0].name: OUTPUT}
    onnx_model, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        name=model.name,
        input_names=[frozen.inputs[0].name],
        output_names=[frozen.outputs[0].name],
        tensors_to_rename=names,
    )
    for tensor in (*onnx_model.graph.input, *onnx_model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    path.write_bytes(onnx_model.SerializeToString())


def _load_onnx(path: Path) -> Runtime:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run([OUTPUT], {INPUT: pixels})[0]


def _serving(model: keras.Model, shape: tuple[int | None, ...]) -> tf.types.experimental.PolymorphicFunction:
    @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8, name=INPUT)], autograph=False)
    def serve(images):
        return {OUTPUT: tf.cast(model(tf.cast(images, tf.float32), training=False), tf.float32)}

    return serve


FORMATS = {
    "saved_model": Format(_write_saved_model, _load_saved_model),
    "litert": Format(_write_litert, _load_litert),
    "onnx": Format(_write_onnx, _load_onnx, ("tf2onnx", "onnx", "onnxruntime")),
}
