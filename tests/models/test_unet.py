"""The U-Net: the lecture's transposed convolution, what each encoder gives, and what the decoder makes of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.freezing import freeze
from kerasface.models.unet import DECODERS, build_encoder, build_unet, encoder_names

# Some of each family, small ones; the rest takes a minute.
FAMILIES = ("simple_cnn", "resnet34", "mobilenet_v2", "inception", "MobileNetV3Small", "EfficientNetB0", "VGG16")
OTHERS = ("alexnet", "ConvNeXtTiny", "DenseNet121", "EfficientNetV2B0", "NASNetMobile", "ResNet50", "Xception")


@pytest.fixture(scope="module")
def unet():
    keras.utils.set_random_seed(0)
    return build_unet(3, build_encoder("face_resnet"), widths=(4, 6, 8, 8))


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_transposed_convolution_of_the_lecture():
    """A 2x2 input lays the 3x3 filter down four times, once per value, and adds where the copies overlap.

    Thirteen of the sixteen numbers are those of the lecture's slide, which has 23, 24 and 12 where the sums are
    3*2 + 1*1 + 5*3 = 22, 3*1 + 1*7 + 5*1 = 15 and 1*2 + 5*4 = 22.
    """
    image = np.array([[3, 0], [1, 5]], dtype=np.float32)
    kernel = np.array([[2, 7, 4], [3, 1, 7], [4, 2, 1]], dtype=np.float32)
    layer = keras.layers.Conv2DTranspose(1, 3, strides=1, padding="valid", use_bias=False)
    layer.build((1, 2, 2, 1))
    layer.set_weights([kernel[..., None, None]])
    found = np.asarray(layer(image[None, ..., None]))[0, ..., 0]
    np.testing.assert_array_equal(found, [[6, 21, 12, 0], [11, 20, 60, 20], [15, 22, 15, 35], [4, 22, 11, 5]])
    laid_down = np.zeros((4, 4), dtype=np.float32)
    for row in range(2):
        for col in range(2):
            laid_down[row : row + 3, col : col + 3] += image[row, col] * kernel
    np.testing.assert_array_equal(found, laid_down)


@pytest.mark.slow
def test_every_pixel_gets_probabilities_whatever_the_size(unet):
    for size in ((64, 64), (61, 77), (32, 45)):
        found = np.asarray(unet(noise(2, *size, 3)))
        assert found.shape == (2, *size, 3)
        np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)


def test_probabilities_are_the_softmax_of_the_layer_logits(unet):
    logits = keras.Model(unet.input, unet.get_layer("logits").output)
    image = noise(1, 48, 48, 3)
    exponentials = np.exp(np.asarray(logits(image), dtype=np.float64))
    expected = exponentials / exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(np.asarray(unet(image)), expected, atol=1e-5)


def test_a_padded_picture_is_segmented_like_one_padded_by_hand(unet):
    image = noise(1, 50, 60, 3)
    by_hand = np.pad(image, [(0, 0), (0, 14), (0, 4), (0, 0)], mode="symmetric")
    np.testing.assert_allclose(unet(image), np.asarray(unet(by_hand))[:, :50, :60], atol=1e-5)


def test_each_level_of_the_decoder_takes_in_the_encoders_map(unet):
    """Cut off a skip connection, and the answer changes: none of them is decoration."""
    image = noise(1, 64, 64, 3)
    whole = np.asarray(unet(image))
    for stride in (1, 2, 4, 8):
        join = unet.get_layer(f"decoder{stride}_join")
        below, skip = join.input
        assert below is not skip
        conv = unet.get_layer(f"decoder{stride}_conv1_conv")
        kernel = conv.get_weights()[0]
        cut = kernel.copy()
        cut[:, :, below.shape[-1] :] = 0  # the channels of the skip stand behind those from below
        conv.set_weights([cut])
        assert np.abs(np.asarray(unet(image)) - whole).max() > 1e-4
        conv.set_weights([kernel])
    np.testing.assert_array_equal(unet(image), whole)


def test_a_deeper_bottom_sees_farther():
    """How far a pixel of the answer looks: where its gradient with respect to the picture is not zero."""

    def reach(deeper):
        model = build_unet(2, build_encoder("plain"), deeper=deeper, widths=(4, 4, 4, 4, 4))
        image = tf.Variable(np.random.default_rng(0).uniform(0, 255, (1, 512, 48, 3)), dtype=tf.float32)
        with tf.GradientTape() as tape:
            answer = tf.reduce_sum(model(image)[0, 256, 24] * [1.0, -1.0])
        rows = np.flatnonzero(np.abs(tape.gradient(answer, image).numpy()).sum(axis=(0, 2, 3)))
        return rows[-1] - rows[0]

    assert reach(1) > 1.5 * reach(0)


def test_odd_maps_are_halved_and_doubled_without_a_gap():
    model = build_unet(2, build_encoder("face_resnet"), deeper=2, widths=(4, 4, 4, 4))
    for size in ((48, 80), (50, 33)):
        assert np.asarray(model(noise(1, *size, 3))).shape == (1, *size, 2)


def test_face_resnet_lends_its_filters():
    embedder, encoder = build_face_resnet(), build_encoder("face_resnet", weights="pretrained")
    layers = [layer for layer in encoder.backbone.model.layers if layer.weights]
    assert len(layers) == 1 + 2 * (3 + 4 + 3)
    for layer in layers:
        for ours, theirs in zip(layer.get_weights(), embedder.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert encoder.backbone.licence == "CC0-1.0"


def test_mirrored_unet_gives_the_mirror_image_of_what_it_gives_for_the_mirror_image():
    encoder = build_encoder("face_resnet", mirror=True)
    keras.utils.set_random_seed(0)
    model = build_unet(3, encoder, widths=(4, 6, 8, 8))
    image = noise(2, 48, 64, 3)
    np.testing.assert_allclose(model(image[:, :, ::-1]), np.asarray(model(image))[:, :, ::-1], atol=1e-5)
    plain = build_unet(3, build_encoder("face_resnet"), widths=(4, 6, 8, 8))
    plain.set_weights(model.get_weights())
    mean = (np.asarray(plain(image)) + np.asarray(plain(image[:, :, ::-1]))[:, :, ::-1]) / 2
    np.testing.assert_allclose(model(image), mean, atol=1e-5)


@pytest.mark.parametrize("decoder", ["transposed", "upsampled"])
@pytest.mark.slow
def test_plain_unet_learns_a_picture_by_heart(decoder):
    keras.utils.set_random_seed(0)
    image = noise(1, 4, 4, 3).repeat(8, axis=1).repeat(8, axis=2)
    mask = (image[..., 0] > 127).astype(np.int32)
    model = build_unet(2, build_encoder("plain"), decoder=decoder, widths=(8, 8, 8, 8, 8))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(image, mask, epochs=60, verbose=0)
    found = np.asarray(model(image)).argmax(axis=-1)
    assert (found == mask).mean() > 0.97


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.slow
def test_every_decoder_trains_and_comes_back_from_its_file(decoder, tmp_path):
    """A step moves every weight: nothing lies beside the way of the gradient. Of a picture of an odd size, too."""
    keras.utils.set_random_seed(0)
    model = build_unet(2, build_encoder("plain"), decoder=decoder, widths=(4, 4, 4, 4, 4))
    before = [np.asarray(variable) for variable in model.trainable_variables]
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy", run_eagerly=True)
    image = noise(1, 40, 33, 3)
    model.train_on_batch(image, (image[..., 0] > 127).astype(np.int32))
    moved = [np.abs(np.asarray(now) - old).max() for now, old in zip(model.trainable_variables, before, strict=True)]
    assert min(moved) > 0
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(np.asarray(loaded(image)), np.asarray(model(image)), atol=1e-6)


@pytest.mark.parametrize("name", [*FAMILIES, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
@pytest.mark.slow
def test_any_backbone_is_an_encoder_tapped_at_each_halving(name):
    encoder = build_encoder(name, (96, 96))
    model = encoder.backbone.model
    rows = [model.get_layer(layer).output.shape[1] for layer in encoder.skips]
    assert len(rows) >= 3
    for stride, found in zip((encoder.stride * 2**level for level in range(len(rows))), rows, strict=True):
        assert abs(found - 96 / stride) <= 4  # where convolutions do not pad, a few rows are lost
    unet = build_unet(4, encoder, widths=(4, 4, 8, 8))
    assert np.asarray(unet(noise(1, 96, 96, 3))).shape == (1, 96, 96, 4)


def test_the_first_blocks_of_an_encoder_are_frozen_inside_the_unet():
    encoder = build_encoder("face_resnet")
    model = build_unet(3, encoder, widths=(4, 4, 8, 8))
    freeze(encoder.backbone, 3)
    trained = {variable.path.split("/")[0] for variable in model.trainable_variables}
    assert {"stage3_block1_conv1", "decoder1_conv1_conv", "head"} <= trained
    assert not trained & {"stem_conv", "stage1_block1_conv1", "stage2_block4_conv2"}


def test_every_name_is_known_and_wrong_ones_are_told():
    assert {"plain", "face_resnet", "resnet34", "MobileNetV2"} <= set(encoder_names())
    with pytest.raises(ValueError, match=r"Unknown encoder\. Received: encoder='unet'"):
        build_encoder("unet")
    with pytest.raises(ValueError, match="linear"):
        build_encoder("linear", (64, 64))
    with pytest.raises(ValueError, match="multiples of 32"):
        build_encoder("resnet34")
    with pytest.raises(ValueError, match="multiples of 32"):
        build_encoder("resnet34", (100, 96))
    with pytest.raises(ValueError, match="at least 32 pixels"):
        build_encoder("face_resnet", (16, 64))
    with pytest.raises(ValueError, match="no pretrained weights"):
        build_encoder("plain", weights="pretrained")
    with pytest.raises(ValueError, match="average over mirror images"):
        build_encoder("resnet34", (96, 96), mirror=True)
    encoder = build_encoder("plain")
    with pytest.raises(ValueError, match="at least 2 classes"):
        build_unet(1, encoder)
    with pytest.raises(ValueError, match="Unknown decoder"):
        build_unet(2, encoder, decoder="deconvolution")
    with pytest.raises(ValueError, match="widths"):
        build_unet(2, encoder, widths=())


def test_skips_that_are_switched_off_are_not_there():
    encoder = build_encoder("plain")
    names = [layer.name for layer in build_unet(3, encoder, skips=(4, 8)).layers]
    assert [stride for stride in (1, 2, 4, 8) if f"decoder{stride}_join" in names] == [4, 8]
    bare = build_unet(3, build_encoder("face_resnet"), widths=(4, 6, 8, 8), skips=(), deeper=1)
    assert not [layer.name for layer in bare.layers if "join" in layer.name or layer.name.startswith("detail")]
    assert np.asarray(bare(noise(1, 61, 77, 3))).shape == (1, 61, 77, 3)
    with pytest.raises(ValueError, match=r"takes maps in at \[1, 2, 4, 8\] pixels per row\. Received: skips=\[3\]"):
        build_unet(3, build_encoder("plain"), skips=(3,))
