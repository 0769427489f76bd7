"""What every model and layer of KerasFace must be able to do, whatever it computes."""

import keras
import numpy as np
import pytest

from kerasface.models import layers
from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.heads import build_classifier_head, join
from kerasface.models.layers import (
    AddMirrored,
    AddZoomed,
    CosineLogits,
    CropLike,
    DropBlock2D,
    Maxout,
    MeanOfMirrored,
    MeanOfViews,
    PaddedAdd,
    PadToMultiple,
    ResizeLike,
    ReverseChannels,
    UnpoolByIndex,
    UnpoolToCorner,
)
from kerasface.models.mtcnn import build_onet, build_pnet, build_rnet
from kerasface.models.onnx import layers as layers_of_onnx
from kerasface.models.onnx.layers import Affine, Clip, Divide, Pad
from kerasface.models.unet import build_encoder, build_unet


def build_classifier():
    features = np.random.default_rng(0).normal(size=(20, 128)).astype(np.float32)
    head = build_classifier_head(features.mean(axis=0), features.var(axis=0), num_classes=7)
    return join(build_face_resnet(weights=None), head)


# name: (builder with random weights, image size, output shapes without the batch)
MODELS = {
    "face_resnet": (lambda: build_face_resnet(weights=None), (150, 150), [(128,)]),
    "face_resnet_6_views": (lambda: build_face_resnet(weights=None, views=6), (150, 150), [(128,)]),
    "classifier": (build_classifier, (150, 150), [(7,)]),
    # Three valid 3x3 convolutions around a halving that keeps the odd one out: ceil((n - 2) / 2) - 4.
    "pnet": (lambda: build_pnet(weights=None), (48, 61), [(19, 26), (19, 26, 4)]),
    "rnet": (lambda: build_rnet(weights=None), (24, 24), [(), (4,)]),
    "onet": (lambda: build_onet(weights=None), (48, 48), [(), (4,), (10,)]),
    "unet": (lambda: build_unet(4, build_encoder("plain")), (45, 64), [(45, 64, 4)]),
    "unet_face_resnet": (lambda: build_unet(4, build_encoder("face_resnet", mirror=True)), (48, 45), [(48, 45, 4)]),
}
# name: (builder, shape of its input or a list of them, shape of its output)
LAYERS = {
    "PaddedAdd": (PaddedAdd, [(2, 5, 7, 3), (2, 6, 4, 8)], (2, 6, 7, 8)),
    "AddMirrored": (AddMirrored, (2, 4, 5, 3), (4, 4, 5, 3)),
    "AddZoomed": (lambda **options: AddZoomed(border=2, cut=1, **options), (2, 7, 5, 3), (6, 7, 5, 3)),
    "MeanOfViews": (lambda **options: MeanOfViews(3, **options), (6, 7), (2, 7)),
    "MeanOfMirrored": (MeanOfMirrored, (6, 4, 5, 2), (3, 4, 5, 2)),
    "PadToMultiple": (lambda **options: PadToMultiple(4, **options), (2, 5, 8, 3), (2, 8, 8, 3)),
    "CropLike": (CropLike, [(2, 8, 8, 3), (2, 5, 7, 1)], (2, 5, 7, 3)),
    "ResizeLike": (ResizeLike, [(2, 4, 5, 3), (2, 7, 8, 1)], (2, 7, 8, 3)),
    "UnpoolToCorner": (UnpoolToCorner, (2, 4, 5, 3), (2, 8, 10, 3)),
    "UnpoolByIndex": (UnpoolByIndex, [(2, 4, 5, 3), (2, 7, 11, 3)], (2, 8, 10, 3)),
    "Maxout": (lambda **options: Maxout(pieces=3, **options), (2, 4, 5, 12), (2, 4, 5, 4)),
    "DropBlock2D": (
        lambda **options: DropBlock2D(rate=0.2, block_size=3, seed=1, **options),
        (2, 9, 8, 3),
        (2, 9, 8, 3),
    ),
    "CosineLogits": (lambda **options: CosineLogits(num_classes=5, scale=16.0, **options), (3, 8), (3, 5)),
    "ReverseChannels": (ReverseChannels, (2, 4, 5, 3), (2, 4, 5, 3)),
    "Affine": (lambda **options: Affine((1, 5, 3), (4, 1, 1), **options), (2, 4, 5, 3), (2, 4, 5, 3)),
    "Clip": (lambda **options: Clip(-0.5, 0.5, **options), (2, 4, 5, 3), (2, 4, 5, 3)),
    "Divide": (Divide, [(2, 4, 5, 3), (2, 1, 1, 3)], (2, 4, 5, 3)),
    "Pad": (lambda **options: Pad(((1, 0), (0, 2), (0, 1)), "edge", **options), (2, 4, 5, 3), (2, 5, 7, 4)),
}


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    """A model with seeded random weights, its builder, three images and its output shapes."""
    build, size, shapes = MODELS[request.param]
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(1).integers(0, 256, (3, *size, 3), dtype=np.uint8)
    images[0], images[1] = 0, 255  # black, white, noise
    return build(), build, images, shapes


def outputs_of(model, images):
    """The outputs as float32 arrays, in a list also where there is only one."""
    return [np.asarray(keras.ops.cast(output, "float32")) for output in keras.tree.flatten(model(images))]


def test_outputs_have_the_promised_shapes_and_are_finite(case):
    model, _, images, shapes = case
    outputs = outputs_of(model, images)
    assert [output.shape for output in outputs] == [(3, *shape) for shape in shapes]
    assert all(np.isfinite(output).all() for output in outputs)
    assert all(tensor.dtype == "float32" for tensor in model.outputs)


def test_bytes_and_floats_are_the_same_image(case):
    model, _, images, _ = case
    for of_bytes, of_floats in zip(
        outputs_of(model, images), outputs_of(model, images.astype(np.float32)), strict=True
    ):
        np.testing.assert_array_equal(of_bytes, of_floats)


def test_an_image_alone_gives_what_it_gives_in_a_batch(case):
    """Also twice the same: nothing random is active at inference. Sums may be added in another order."""
    model, _, images, _ = case
    together = outputs_of(model, images)
    for index in range(len(images)):
        alone = outputs_of(model, images[index : index + 1])
        for whole, single in zip(together, alone, strict=True):
            np.testing.assert_allclose(single[0], whole[index], atol=2e-5)


def test_a_saved_model_comes_back_the_same(case, tmp_path):
    model, _, images, _ = case
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    for before, after in zip(outputs_of(model, images), outputs_of(loaded, images), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-6)


def test_mixed_precision_computes_about_the_same(case):
    """A bfloat16 has 8 significant bits; the errors of many layers stay far below the outputs' own range."""
    model, build, images, _ = case
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build()
    finally:
        keras.config.set_dtype_policy(before)
    mixed.set_weights(model.get_weights())
    for exact, rough in zip(outputs_of(model, images), outputs_of(mixed, images), strict=True):
        assert np.isfinite(rough).all()
        assert np.abs(rough - exact).max() <= 0.05 * max(1.0, np.abs(exact).max())


@pytest.fixture(params=LAYERS)
def layer_case(request):
    """A layer's builder, its input or list of inputs, and the shape of its output."""
    build, shapes, output_shape = LAYERS[request.param]
    generator = np.random.default_rng(2)
    inputs = keras.tree.map_shape_structure(lambda shape: generator.normal(size=shape).astype(np.float32), shapes)
    return build, inputs, output_shape


def test_a_layer_knows_its_output_shape(layer_case):
    build, inputs, output_shape = layer_case
    symbolic = build()(keras.tree.map_structure(lambda array: keras.KerasTensor((None, *array.shape[1:])), inputs))
    assert symbolic.shape == (None, *output_shape[1:])
    assert np.asarray(build()(inputs)).shape == output_shape
    shapes = keras.tree.map_structure(lambda array: array.shape, inputs)
    assert tuple(build().compute_output_shape(shapes)) == output_shape


def test_a_layer_comes_back_from_its_config(layer_case):
    build, inputs, _ = layer_case
    layer = build()
    expected = np.asarray(layer(inputs))
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer), safe_mode=True)
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()
    copy(inputs)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(np.asarray(copy(inputs)), expected)


def test_a_layer_computes_in_mixed_precision(layer_case):
    build, inputs, output_shape = layer_case
    exact, rough = build(), build(dtype="mixed_bfloat16")
    expected, output = np.asarray(exact(inputs)), rough(inputs)
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
    assert output.shape == output_shape
    rough.set_weights(exact.get_weights())
    found = np.asarray(keras.ops.cast(rough(inputs), "float32"))
    assert np.abs(found - expected).max() <= 0.05 * max(1.0, np.abs(expected).max())


def test_every_layer_of_ours_keeps_the_contract():
    ours = {
        name
        for module in (layers, layers_of_onnx)
        for name, found in vars(module).items()
        if isinstance(found, type) and found.__module__.startswith(module.__name__)
    }
    assert ours == set(LAYERS)
