"""The one place where a network becomes a fast callable.

Everything that runs an image network for its users goes through `compile_network`, so device, precision, batch sizes
and the engine behind them are decided here and nowhere else.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

Network = Callable[[np.ndarray], tuple[np.ndarray, ...]]

PRECISIONS = ("float32", "bfloat16")


def compile_network(model: keras.Model, *, max_batch: int = 64, precision: str = "float32") -> Network:
    """Returns a callable that runs `model` on batches of images through one traced graph.

    Batches are padded with zeros to the next power of two and split at `max_batch`, so that a stream of ever
    different batch sizes meets only a handful of shapes: each new shape costs time and memory in the kernels' caches.

    Args:
        model: A functional model with one image input.
        max_batch: Most images computed at once; a power of two. Memory grows with it.
        precision: `"float32"`, or `"bfloat16"` for a copy of the model that computes in bfloat16 (its output layers
            in float32): several times faster on processors that have it, slower on others; see `best_precision`.

    Returns:
        A function from `uint8` images `(n, height, width, channels)`, any `n >= 0`, to a tuple with one float32 array
        `(n, ...)` per output of the model. It may be called from several threads, of which one at a time computes:
        several would share the cores, take as long together, and hold their maps in memory all at once.

    Raises:
        ValueError: If `precision` is unknown or `max_batch` is no power of two.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {PRECISIONS}. Received: precision={precision!r}.")
    if max_batch < 1 or max_batch & (max_batch - 1):
        raise ValueError(f"max_batch must be a power of two. Received: max_batch={max_batch}.")
    if precision == "bfloat16":
        model = with_dtype_policy(model, "mixed_bfloat16")
    graph = _jax_graph(model) if keras.backend.backend() == "jax" else _tensorflow_graph(model)
    turn = threading.Lock()

    def network(images: np.ndarray) -> tuple[np.ndarray, ...]:
        results = []
        for part in _slices(images, max_batch):
            with turn:
                results.append([np.asarray(output)[: len(part)] for output in graph(_padded(part))])
        return tuple(np.concatenate(arrays) for arrays in zip(*results, strict=True))

    return network


def best_precision() -> str:
    """Returns `"bfloat16"` where this machine's processor or accelerator multiplies it natively, else `"float32"`."""
    if accelerators():
        return "float32"
    return "bfloat16" if _processor_flags() & {"avx512_bf16", "amx_bf16"} else "float32"


def device_name() -> str:
    """Returns the device on which the networks run, such as `"CPU"` or `"GPU (NVIDIA H100)"`."""
    found = accelerators()
    return f"GPU ({found[0]})" if found else "CPU"


def accelerators() -> list[str]:
    """Returns the models of the GPUs that Keras's backend computes on."""
    if keras.backend.backend() == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform == "gpu"]
    details = tf.config.experimental.get_device_details
    return [details(gpu).get("device_name", "unknown model") for gpu in tf.config.list_physical_devices("GPU")]


def with_dtype_policy(model: keras.Model, policy: str) -> keras.Model:
    """Rebuilds a functional model with another dtype policy, with the same weights.

    Args:
        model: Functional, without models nested in it.
        policy: Such as `"mixed_bfloat16"` or `"float32"`. Layers that give the model's outputs, and those that were
            told to compute in float32 whatever the policy, are float32.
    """
    outputs = {tensor._keras_history.operation.name for tensor in model.outputs}
    mixed = any(layer.compute_dtype != "float32" for layer in model.layers)

    def rebuilt(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name not in outputs and not (mixed and layer.compute_dtype == "float32"):
            config["dtype"] = policy
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(model, clone_function=rebuilt)
    copy.set_weights(model.get_weights())
    return copy


def _slices(images: np.ndarray, max_batch: int) -> Iterator[np.ndarray]:
    for start in range(0, max(len(images), 1), max_batch):
        yield images[start : start + max_batch]


def _padded(images: np.ndarray) -> np.ndarray:
    size = 1 << max(len(images) - 1, 0).bit_length()
    if len(images) == size:
        return images
    padded = np.zeros((size, *images.shape[1:]), dtype=images.dtype)
    padded[: len(images)] = images
    return padded


def _tensorflow_graph(model: keras.Model) -> Callable:
    @tf.function(input_signature=[tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.uint8)], autograph=False)
    def forward(batch):
        return tuple(tf.nest.flatten(model(tf.cast(batch, tf.float32), training=False)))

    # Called directly, the one graph can never be traced again.
    graph = forward.get_concrete_function()
    return lambda batch: graph(tf.constant(batch))


def _jax_graph(model: keras.Model) -> Callable:
    import jax

    @jax.jit
    def forward(trainable, others, batch):
        outputs, _ = model.stateless_call(trainable, others, keras.ops.cast(batch, "float32"), training=False)
        return tuple(keras.tree.flatten(outputs))

    def graph(batch):
        # As arguments, because values that the function closes over would be frozen into it.
        variables = model.trainable_variables, model.non_trainable_variables
        return forward(*([variable.value for variable in part] for part in variables), batch)

    return graph


def _processor_flags() -> set[str]:
    """Returns the processor's feature flags as Linux names them; empty on other systems."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return set()
    lines = (line for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return set(flags.partition(":")[2].split())
