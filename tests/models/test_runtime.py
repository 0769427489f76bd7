"""The compiled network gives what the model gives, whatever the batch, in a bounded number of shapes."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.models import runtime
from kerasface.models.engines import graphs
from kerasface.models.engines.graphs import with_dtype_policy
from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.heads import to_probabilities, to_vector
from kerasface.models.runtime import Network, best_precision, compile_network, device_name


def small_model(*extra):
    """Images `(6, 5, 3)` to two outputs; `extra` layers come first."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 5, 3))
    x = inputs
    for layer in extra:
        x = layer(x)
    x = keras.layers.Rescaling(1 / 255)(x)
    maps = keras.layers.Conv2D(4, 3, activation="relu", name="maps")(x)
    return keras.Model(inputs, [keras.layers.Dense(2, name="scores")(keras.layers.Flatten()(maps)), maps])


def images(count):
    return np.random.default_rng(count).integers(0, 256, (count, 6, 5, 3), dtype=np.uint8)


class ShapeRecorder(keras.layers.Layer):
    """Passes its input on and notes every batch size computed and every time it is traced."""

    def __init__(self):
        super().__init__()
        self.traces = 0
        self.batch_sizes = set()

    def call(self, x):
        if not keras.backend.is_keras_tensor(x):
            self.traces += 1
            x = tf.ensure_shape(tf.numpy_function(self._note, [x], tf.float32), x.shape)
        return x

    def _note(self, x):
        self.batch_sizes.add(len(x))
        return x


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 21])
def test_padding_and_splitting_do_not_show(count):
    model = small_model()
    network = compile_network(model, max_batch=8)
    outputs = network(images(count))
    assert [output.shape for output in outputs] == [(count, 2), (count, 4, 3, 4)]
    assert all(output.dtype == np.float32 for output in outputs)
    if count:
        for ours, direct in zip(outputs, model(images(count).astype(np.float32)), strict=True):
            np.testing.assert_allclose(ours, np.asarray(direct), atol=1e-5)


def test_any_batch_sizes_meet_few_shapes_and_one_trace():
    """Powers of two up to 64: seven of them."""
    recorder = ShapeRecorder()
    model = small_model(recorder)
    recorder.traces = 0
    network = compile_network(model, max_batch=64)
    for count in (*range(0, 70), 127, 128, 129, 200):
        network(images(count))
    assert recorder.batch_sizes == {1, 2, 4, 8, 16, 32, 64}
    assert recorder.traces == 1


@pytest.mark.parametrize(
    ("engine", "sizes"),
    [("openvino", {1: 1, 3: 3, 8: 8, 9: 10, 16: 16, 17: 20, 33: 40, 100: 112, 0: 1}), ("jax", {1: 1, 3: 4, 33: 64})],
)
def test_an_engine_computes_hardly_more_images_than_there_are(engine, sizes):
    computed = []

    def compute(batch):
        computed.append(len(batch))
        return [batch.mean(axis=(1, 2, 3), dtype=np.float32)]

    network = Network(compute, engine, (2, 2, 1), ((),), max_batch=256)
    for count, expected in sizes.items():
        images = np.full((count, 2, 2, 1), 7, dtype=np.uint8)
        np.testing.assert_array_equal(network(images)[0], np.full(count, 7))
        assert computed.pop() == expected


def test_photos_of_many_sizes_are_traced_once():
    recorder = ShapeRecorder()
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3)(recorder(inputs)))
    recorder.traces = 0
    network = compile_network(model)
    for side in range(3, 20):
        assert network(np.zeros((1, side, 2 * side, 3), dtype=np.uint8))[0].shape == (1, side - 2, 2 * side - 2, 2)
    assert recorder.traces == 1


def test_threads_may_share_a_network():
    network = compile_network(small_model(), max_batch=4)
    batches = [images(count) for count in (1, 2, 3, 5, 6, 7)] * 5
    expected = [network(batch)[0] for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for ours, alone in zip(pool.map(lambda batch: network(batch)[0], batches), expected, strict=True):
            np.testing.assert_allclose(ours, alone, atol=1e-6)


def test_the_model_is_left_as_it_was():
    model = small_model()
    before = model.get_weights()
    compile_network(model, precision="bfloat16")(images(2))
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_bfloat16_keeps_embeddings(portrait_crop):
    """Cosine to float32 of at least 0.9999, in float32 numbers."""
    model = build_face_resnet()
    crops = np.stack([portrait_crop, portrait_crop[:, ::-1], portrait_crop // 2])
    (exact,) = compile_network(model)(crops)
    (rough,) = compile_network(model, precision="bfloat16")(crops)
    assert rough.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rough, axis=1), 1, atol=1e-3)
    cosines = (exact * rough).sum(axis=1) / np.linalg.norm(rough, axis=1)
    assert cosines.min() >= 0.9999
    assert not np.array_equal(exact, rough)  # it really computed in another precision


@pytest.fixture
def mixed_classifier():
    """Function that builds a small classifier under mixed bfloat16, as on a GPU; one of cosines if asked."""
    before = keras.config.dtype_policy()

    def build(scale=None):
        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy("mixed_bfloat16")
        inputs = keras.Input((6, 5, 3))
        x = keras.layers.Conv2D(4, 3, name="maps")(keras.layers.Rescaling(1 / 255)(inputs))
        x = keras.layers.BatchNormalization(name="norm")(x)
        model = keras.Model(inputs, to_probabilities(to_vector(x), 3, scale=scale))
        keras.config.set_dtype_policy(before)
        return model

    yield build
    keras.config.set_dtype_policy(before)


def computed_in(model):
    return {layer.name: layer.compute_dtype for layer in model.layers if layer.weights or layer.name[:4] == "head"}


@pytest.mark.parametrize("scale", [None, 16.0])
def test_a_model_trained_in_bfloat16_becomes_one_of_float32(mixed_classifier, scale):
    """What is saved computes in float32 on every machine, with the weights of the training."""
    mixed = mixed_classifier(scale)
    plain = with_dtype_policy(mixed, "float32")
    assert computed_in(mixed)["maps"] == "bfloat16"
    assert set(computed_in(plain).values()) == {"float32"}
    assert [weight.path for weight in plain.weights] == [weight.path for weight in mixed.weights]
    for one, other in zip(mixed.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    # bfloat16 has 8 bits of mantissa, so features are off by up to 2 ** -8 of themselves.
    batch = images(5).astype(np.float32)
    np.testing.assert_allclose(np.asarray(plain(batch)), np.asarray(mixed(batch)), atol=0.05)
    assert (np.asarray(plain(batch)) != np.asarray(mixed(batch))).any()


def test_there_and_back_again_nothing_is_lost():
    model = small_model(keras.layers.BatchNormalization(name="norm"))
    back = with_dtype_policy(with_dtype_policy(model, "mixed_bfloat16"), "float32")
    for one, other in zip(model.get_weights(), back.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(model(images(3)), back(images(3)), strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=1e-5)


@pytest.mark.parametrize("scale", [None, 16.0])
def test_logits_stay_in_float32_whatever_the_policy(mixed_classifier, scale):
    """Cosines times their scale, rounded to 8 bits, would be off by a tenth of a logit."""
    again = computed_in(with_dtype_policy(mixed_classifier(scale), "mixed_bfloat16"))
    assert again["maps"] == "bfloat16"
    heads = {"head_logits", "head_probabilities"} | ({"head_cosines"} if scale else set())
    assert {again[name] for name in heads} == {"float32"}


@pytest.mark.parametrize("precision", ["float16", "int8", ""])
def test_an_unknown_precision_is_refused(precision):
    with pytest.raises(ValueError, match=f"precision='{precision}'"):
        compile_network(small_model(), precision=precision)


@pytest.mark.parametrize("max_batch", [0, -2, 3, 48])
def test_a_batch_that_is_no_power_of_two_is_refused(max_batch):
    with pytest.raises(ValueError, match=f"max_batch={max_batch}"):
        compile_network(small_model(), max_batch=max_batch)


@pytest.mark.parametrize(
    ("flags", "gpus", "expected"),
    [
        (set(), [], "float32"),
        ({"avx512f", "avx2"}, [], "float32"),
        ({"avx512_bf16"}, [], "bfloat16"),
        ({"amx_bf16"}, [], "bfloat16"),
        ({"amx_bf16"}, ["GPU:0"], "float32"),
    ],
)
def test_the_best_precision_follows_the_hardware(monkeypatch, flags, gpus, expected):
    monkeypatch.setattr(runtime, "processor_flags", lambda: flags)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {})
    assert best_precision() == expected


def test_the_device_is_named(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert device_name() == graphs.device_name() == "CPU"
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {"device_name": "NVIDIA H100"})
    assert device_name() == graphs.device_name() == "GPU (NVIDIA H100)"
