"""Keras's own backends as engines: a model through one traced graph of TensorFlow or JAX, on the CPU or a GPU."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

Graph = Callable[[np.ndarray], tuple[np.ndarray, ...]]


def graph_of(model: keras.Model, precision: str) -> Graph:
    """Returns a function from images `(n, height, width, channels)` uint8 to the model's outputs as float32 arrays.

    Args:
        model: A functional model with one image input.
        precision: `"float32"`, or `"bfloat16"` for a copy of it that computes in bfloat16.
    """
    if precision == "bfloat16":
        model = with_dtype_policy(model, "mixed_bfloat16")
    return _jax_graph(model) if keras.backend.backend() == "jax" else _tensorflow_graph(model)


def accelerators() -> list[str]:
    """Returns the models of the GPUs that Keras's backend computes on."""
    if keras.backend.backend() == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform == "gpu"]
    details = tf.config.experimental.get_device_details
    return [details(gpu).get("device_name", "unknown model") for gpu in tf.config.list_physical_devices("GPU")]


def compute_capabilities() -> list[tuple[int, int] | None]:
    """Returns NVIDIA's number for what each of these GPUs can, such as (7, 5) for a T4; `None` where it is unknown."""
    if keras.backend.backend() == "jax":
        import jax

        numbers = [getattr(device, "compute_capability", "") for device in jax.devices() if device.platform == "gpu"]
        parts = [str(number).split(".") for number in numbers]
        return [tuple(map(int, pair)) if len(pair) == 2 and "".join(pair).isdigit() else None for pair in parts]
    details = tf.config.experimental.get_device_details
    return [details(gpu).get("compute_capability") for gpu in tf.config.list_physical_devices("GPU")]


def device_name() -> str:
    """Returns the device on which Keras computes, such as `"CPU"` or `"GPU (NVIDIA H100)"`."""
    found = accelerators()
    return f"GPU ({found[0]})" if found else "CPU"


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


def traced(model: keras.Model):
    """Returns TensorFlow's one graph of `model`, from uint8 images, any number at a time, to a tuple of its outputs."""

    @tf.function(input_signature=[tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.uint8)], autograph=False)
    def forward(batch):
        return tuple(tf.nest.flatten(model(tf.cast(batch, tf.float32), training=False)))

    return forward.get_concrete_function()


def _tensorflow_graph(model: keras.Model) -> Graph:
    graph = traced(model)  # called directly, it can never be traced again
    return lambda batch: graph(tf.constant(batch))


def _jax_graph(model: keras.Model) -> Graph:
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
