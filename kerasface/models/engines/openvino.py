"""OpenVINO as an engine: networks compiled into files, which start in a tenth of a second and need no Keras.

It computes on the processor. Its own packages report usage to the internet unless told not to: here they are never
imported (`_without`).
"""

import importlib.metadata
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np

from kerasface.models.engines.choice import threads
from kerasface.models.engines.files import EngineFile
from kerasface.models.engines.processor import processor_name

_DEVICE = "CPU"
_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_TELEMETRY = "openvino_telemetry"
_CONVERTER = "openvino.tools.ovc"


def versions() -> dict:
    """Returns what a compiled network depends on beside what it was made of: the engine, and the processor."""
    return {"openvino": importlib.metadata.version("openvino"), "processor": processor_name()}


def loaded(file: EngineFile, precision: str) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Returns the network of a file as a function from images uint8 to its outputs.

    Raises:
        RuntimeError: If OpenVINO does not take the file.
    """
    network = _core().import_model(io.BytesIO(file.compiled), _DEVICE, _settings(precision))
    requests = [network.create_infer_request() for _ in range(num_streams())]
    outputs = range(len(network.outputs))

    def compute(images: np.ndarray) -> list[np.ndarray]:
        shares = np.array_split(images, min(len(requests), len(images)))
        busy = list(zip(requests, shares, strict=False))
        for request, share in busy:
            request.start_async({0: share})
        for request, _ in busy:
            request.wait()
        return [np.concatenate([request.get_output_tensor(index).data for request, _ in busy]) for index in outputs]

    return compute


def compiled(model, precision: str) -> bytes:
    """Compiles a functional Keras model; TensorFlow is awake.

    Args:
        model: The model, in float32.
        precision: In which the network computes: `"float32"` or `"bfloat16"`.

    Raises:
        Exception: What OpenVINO raises of a model that it cannot take: it has many types.
    """
    from kerasface.models.engines.graphs import traced

    graph = traced(model)
    with _without(_TELEMETRY):
        from openvino import Model
        from openvino.tools.ovc import convert_model

        # From TensorFlow's graph, never through ONNX: tf2onnx rounds the scales of Resize so that sizes change.
        converted = convert_model(graph)
    # By name, as what some layers work out on the way comes out too.
    outputs = [converted.output(tensor.name) for tensor in graph.outputs]
    network = Model(outputs, converted.get_parameters(), model.name)
    return _core().compile_model(network, _DEVICE, _settings(precision)).export_model().getvalue()


@cache
def _core():
    # The converter is not needed here, and it is what imports the telemetry.
    with _without(_CONVERTER, _TELEMETRY):
        from openvino import Core

    return Core()


def _settings(precision: str) -> dict[str, object]:
    return {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": _threads(),
        "NUM_STREAMS": num_streams(),
        "ENABLE_CPU_PINNING": False,  # next to other processes, the system knows better which core is free
    }


def _threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return threads() or cores


def num_streams() -> int:
    """In how many parts a batch is computed side by side, a power of two: 1, 2 or 4, as there are threads.

    Threads that share one image wait for one another after every layer, and where other processes take the cores that
    is most of the time: twice to six times as long as threads with an image each (`benchmarks/RESULTS.md`).
    """
    return min(4, 1 << (_threads().bit_length() - 1))


@contextmanager
def _without(*modules: str) -> Iterator[None]:
    """Makes modules look as if they were not installed while the block runs, unless they were imported before."""
    hidden = [module for module in modules if module not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for module in hidden:
            del sys.modules[module]
