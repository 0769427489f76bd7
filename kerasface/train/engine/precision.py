"""In which precision and on which devices a training runs."""

import contextlib
import functools

import keras

from kerasface.models.engines.graphs import accelerators, compute_capabilities, device_name
from kerasface.train.recipe import Recipe

# Compute capability from which on a GPU multiplies matrices of these numbers in its circuits: NVIDIA's Ampere, Volta.
_NATIVE = (("mixed_bfloat16", (8, 0)), ("mixed_float16", (7, 0)))


def dtype_policy(precision: str) -> str:
    """Returns the Keras dtype policy: for `auto` what all GPUs compute natively, and float32 on a processor.

    That is bfloat16 where they have it, else float16, for which Keras scales the loss, else float32.
    """
    if precision != "auto":
        return precision
    found = compute_capabilities()
    able = (policy for policy, least in _NATIVE if found and all(number and tuple(number) >= least for number in found))
    return next(able, "float32")


def precision_in_words(precision: str) -> str:
    """Returns the device and what is computed there, with the reason where that is not the usual one for a GPU."""
    policy = dtype_policy(precision)
    words = f"{device_name()}, {policy}"
    if policy == "mixed_float16":
        reason = "it has no bfloat16; " if precision == "auto" else ""
        return f"{words} ({reason}the loss is scaled)"
    if precision == "auto" and policy == "float32" and accelerators():
        return f"{words} (it multiplies 16-bit numbers no faster, or is not known to)"
    return words


@contextlib.contextmanager
def training_context(recipe: Recipe):
    """Sets dtype policy, random seed and distribution for what is built inside, and puts the policy back after."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype_policy(recipe.precision))
    keras.utils.set_random_seed(recipe.seed)
    try:
        with _scope(recipe.strategy):
            yield
    finally:
        keras.config.set_dtype_policy(before)


def _scope(strategy: str):
    several = len(accelerators()) > 1
    if strategy == "one" or (strategy == "auto" and not several):
        return contextlib.nullcontext()
    if keras.backend.backend() == "jax":
        return keras.distribution.DataParallel().scope()
    return _mirrored_strategy().scope()


@functools.cache
def _mirrored_strategy():
    """One for all trainings of a process: a second one would number its exchanges from the same start, and collide."""
    import tensorflow as tf

    # Without a GPU over the processors that TensorFlow was told to see, which serves tests.
    devices = None if accelerators() else [device.name for device in tf.config.list_logical_devices("CPU")]
    return tf.distribute.MirroredStrategy(devices)


def num_devices() -> int:
    """Returns among how many devices the scope that one stands in divides the batches."""
    if keras.backend.backend() == "jax":
        distribution = keras.distribution.distribution()
        return distribution.device_mesh.devices.size if distribution else 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync
