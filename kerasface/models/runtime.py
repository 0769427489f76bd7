"""The one place where a network becomes a fast callable.

Everything that runs an image network for its users goes through `compile_network`, so device, precision, batch sizes
and the engine behind them are decided here and in `engines`, and nowhere else. Nothing here needs Keras before a
network does.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.models.engines.choice import backend, chosen_engine, gpu_at_hand
from kerasface.models.engines.processor import processor_flags
from kerasface.models.engines.source import NetworkSource
from kerasface.terminal.notes import say_once
from kerasface.terminal.progress import start_tensorflow

if TYPE_CHECKING:
    import keras

PRECISIONS = ("float32", "bfloat16")


_in_use: set[str] = set()  # the engines of the networks that this process has compiled


class Network:
    """A function from `uint8` images `(n, height, width, channels)`, any `n >= 0`, to a tuple of float32 arrays.

    There is one array `(n, ...)` per output of the model. It may be called from several threads, of which one at a time
    computes: several would share the cores, take as long together, and hold their maps in memory all at once.

    Attributes:
        engine: What computes it: `"openvino"`, `"tensorflow"` or `"jax"`.
        input_shape: Rows, columns and channels of the images; `None` for any.
        output_shapes: The same of each output, without the number of images.
        side_by_side: How many images of a batch are computed at once, each by threads of its own; with 1 all threads
            share every image.
    """

    def __init__(
        self,
        compute: Callable,
        engine: str,
        input_shape: tuple,
        output_shapes: tuple,
        max_batch: int,
        side_by_side: int = 1,
    ):
        self.engine = engine
        self.input_shape = input_shape
        self.output_shapes = output_shapes
        self.side_by_side = side_by_side
        self._compute = compute
        self._max_batch = max_batch
        self._turn = threading.Lock()
        _in_use.add(engine)

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, ...]:
        results = []
        for part in _slices(images, self._max_batch):
            with self._turn:
                # Copied, as some engines give what they keep.
                outputs = self._compute(_padded(part, self._batch_size(len(part))))
                results.append(tuple(np.array(output[: len(part)]) for output in outputs))
        return results[0] if len(results) == 1 else tuple(map(np.concatenate, zip(*results, strict=True)))

    def _batch_size(self, num_images: int) -> int:
        """How many images are computed where there are `num_images`.

        A new size costs Keras's backends a new choice of kernels for every layer, OpenVINO the time of a few images:
        powers of two for those; for this up to eight of any number, then four sizes from one power to the next.
        """
        last = max(num_images - 1, 0).bit_length()
        step = 1 << (max(last - 3, 0) if self.engine == "openvino" else last)
        return max(-(-num_images // step) * step, 1)


def compile_network(
    network: "NetworkSource | keras.Model", *, max_batch: int = 64, precision: str = "float32"
) -> Network:
    """Returns a callable that runs a network on batches of images.

    Batches are padded with zeros to one of a few sizes and split at `max_batch`, so that a stream of ever different
    batch sizes meets only a handful of shapes: each new shape costs time and memory in the kernels' caches.

    Args:
        network: What the network is made of: then the chosen engine computes it (`engines.choice`), and where that is
            OpenVINO and its file is there, without Keras. Or a functional model with one image input that is at hand,
            as in training and inspection: Keras's backend computes it through one traced graph.
        max_batch: Most images computed at once; a power of two. Memory grows with it.
        precision: `"float32"`, or `"bfloat16"` for one that computes in bfloat16 (the output layers in float32):
            several times faster on processors that have it, slower on others; see `best_precision`.

    Raises:
        ValueError: If `precision` is unknown, `max_batch` is no power of two, or `KERASFACE_ENGINE` names no engine.
        RuntimeError: If the weights of a network that is built here are missing or altered.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {PRECISIONS}. Received: precision={precision!r}.")
    if max_batch < 1 or max_batch & (max_batch - 1):
        raise ValueError(f"max_batch must be a power of two. Received: max_batch={max_batch}.")
    if isinstance(network, NetworkSource):
        if chosen_engine() == "openvino" and (found := _from_file(network, precision, max_batch)) is not None:
            return found
        start_tensorflow()
        network = network.build()
    from kerasface.models.engines.graphs import graph_of

    shapes = tuple(tuple(output.shape[1:]) for output in network.outputs)
    return Network(graph_of(network, precision), backend(), tuple(network.inputs[0].shape[1:]), shapes, max_batch)


def best_precision() -> str:
    """Returns `"bfloat16"` where this machine's processor or accelerator multiplies it natively, else `"float32"`."""
    if accelerators():
        return "float32"
    return "bfloat16" if processor_flags() & {"avx512_bf16", "amx_bf16"} else "float32"


def device_name() -> str:
    """Returns the device on which networks run that only look, such as `"CPU"` or `"GPU (NVIDIA H100)"`."""
    found = accelerators()
    return f"GPU ({found[0]})" if found else "CPU"


def accelerators() -> list[str]:
    """Returns the models of the GPUs that such networks are computed on; Keras is woken only where there may be one."""
    if chosen_engine() == "openvino" or not ("keras" in sys.modules or gpu_at_hand()):
        return []
    from kerasface.models.engines import graphs

    return graphs.accelerators()


def engines_in_use() -> str | None:
    """Returns what computes the networks of this process: several with `+`; `None` before the first."""
    return "+".join(sorted(_in_use)) or None


def _from_file(source: NetworkSource, precision: str, max_batch: int) -> Network | None:
    """Returns the network as OpenVINO computes it; `None`, and why in one line, where Keras has to."""
    from kerasface.models.engines import making, openvino
    from kerasface.models.engines.files import UnusableFileError, engine_path, read_engine_file

    path = engine_path(source, precision)

    def read() -> Network | None:
        try:
            if (file := read_engine_file(path, making.identity_of(source))) is not None:
                compute = openvino.loaded(file, precision)
                shapes = file.input_shape, file.output_shapes
                return Network(compute, "openvino", *shapes, max_batch, openvino.num_streams())
        except UnusableFileError as error:
            _throw_away(path, str(error))
        except RuntimeError:
            _throw_away(path, "is not taken by OpenVINO")
        return None

    try:
        if (network := read()) is not None:
            return network
    except ImportError as error:  # installed by halves, or for another system
        say_once(f"OpenVINO cannot be imported ({' '.join(str(error).split())}): {backend()} is used.")
        return None
    if (reason := making.refusal_of(source, precision)) is not None:
        say_once(f"OpenVINO cannot take the network {source.name} ({reason}): {backend()} is used.")
        return None
    try:
        if making.make_now_or_later(source, precision):
            return read()
    except OSError as error:
        say_once(f"No file of the engine can be made in {path.parent} ({error.strerror}): {backend()} is used.")
    else:
        say_once(
            "The next start will be faster: files for it are being made in the background, once on this machine "
            f"(kerasface doctor --prepare waits for them). Until then {backend()} is used."
        )
    return None


def _throw_away(path: Path, problem: str) -> None:
    with suppress(OSError):
        path.unlink()
    say_once(f"The engine's file {path} {problem}: it is thrown away and made anew; until then {backend()} is used.")


def _slices(images: np.ndarray, max_batch: int) -> Iterator[np.ndarray]:
    for start in range(0, max(len(images), 1), max_batch):
        yield images[start : start + max_batch]


def _padded(images: np.ndarray, size: int) -> np.ndarray:
    if len(images) == size:
        return images
    padded = np.zeros((size, *images.shape[1:]), dtype=images.dtype)
    padded[: len(images)] = images
    return padded
