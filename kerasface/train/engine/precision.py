"""In which precision and on which devices a training runs."""

import contextlib
import functools

import keras

from kerasface.models.engines.graphs import accelerators
from kerasface.train.recipe import Recipe


def dtype_policy(precision: str) -> str:
    """Returns the Keras dtype policy: `auto` takes bfloat16 on a GPU and float32 on a processor."""
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if accelerators() else "float32"


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
