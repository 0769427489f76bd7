"""How near an imported network is to its file: both are shown the same crops, the file by ONNX Runtime."""

import keras
import numpy as np

from kerasface.models.onnx.input_form import InputForm
from kerasface.models.onnx.network import EMBEDDING
from kerasface.models.onnx.reading import Graph
from kerasface.models.pretrained import ModelFileError

TOLERANCE = 1e-3  # share of the largest number; float32 in another order of summation differs by some 1e-6
_BATCH = 16


def compare(model: keras.Model, content: bytes, graph: Graph, form: InputForm, crops: np.ndarray) -> dict:
    """Shows the file and the model the same crops, and compares the numbers before they are brought to unit length.

    Args:
        model: As `build_network` made it.
        content: The file's bytes.
        graph: What was read from them.
        form: What becomes of the pixels before the file's first node.
        crops: `(n, side, side, 3)` uint8, RGB.

    Returns:
        `max_difference`, `largest`, and `runtime`, ONNX Runtime with its version.

    Raises:
        ModelFileError: If the file does not run, gives no numbers or the same for every crop, or differs by more than
            a thousandth of its largest number.
    """
    import onnxruntime

    raw = keras.Model(model.inputs[0], model.get_layer(EMBEDDING).input)
    mirrored = "add_mirrored" in {layer.name for layer in model.layers}
    shown, found = [], []
    for start in range(0, len(crops), _BATCH):
        some = crops[start : start + _BATCH]
        shown += [some, some[:, :, ::-1]] if mirrored else [some]  # as the model has them behind its first layer
        found.append(np.asarray(raw(some.astype(np.float32), training=False)))
    shown, found = np.concatenate(shown), np.concatenate(found)
    try:
        expected = _answers(content, graph, form, shown)
    # ONNX Runtime's errors have no family of their own.
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise ModelFileError(f"{graph.name} is not imported: ONNX Runtime does not run it: {said}") from error
    if expected.shape != found.shape or not np.isfinite(expected).all():
        raise ModelFileError(
            f"{graph.name} is not imported: ONNX Runtime gives NaN, infinity or another shape for face crops."
        )
    largest = float(np.abs(expected).max())
    if float(np.ptp(expected, axis=0).max()) <= 1e-6 * largest:
        raise ModelFileError(f"{graph.name} is not imported: it gives the same numbers for every picture.")
    difference = float(np.abs(expected - found).max())
    if not difference <= TOLERANCE * largest:  # so that NaN is refused too
        raise ModelFileError(
            f"{graph.name} is not imported: the Keras model differs from ONNX Runtime by {difference / largest:.1e} of "
            f"the largest number on {len(crops)} crops, and {TOLERANCE:.0e} is allowed."
        )
    return {"max_difference": difference, "largest": largest, "runtime": f"ONNX Runtime {onnxruntime.__version__}"}


def _answers(content: bytes, graph: Graph, form: InputForm, crops: np.ndarray) -> np.ndarray:
    """What the file gives for crops, `(n, embedding_dim)`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    images = crops[..., ::-1] if form.order == "bgr" else crops
    images = ((images - np.array(form.mean)) / np.array(form.std)).astype(np.float32)
    images = images.transpose(0, 3, 1, 2) if graph.channels_first else images
    step, answers = graph.input_shape[0] or _BATCH, []
    for start in range(0, len(images), step):
        part = images[start : start + step]
        missing = (step - len(part)) if graph.input_shape[0] else 0
        whole = np.concatenate([part, np.zeros((missing, *part.shape[1:]), np.float32)])
        answers.append(session.run([graph.output], {graph.input: np.ascontiguousarray(whole)})[0][: len(part)])
    answers = np.concatenate(answers)
    return answers.reshape(len(answers), -1)
