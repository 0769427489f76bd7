"""EfficientNet-Lite0 with ImageNet's weights: its size by arithmetic, what it names pictures, and that it stays so."""

import keras
import numpy as np
import pytest
from skimage import data

from kerasface.images.squares import fit_square
from kerasface.models import efficientnet_lite
from kerasface.models.backbones import build_backbone
from kerasface.models.efficientnet_lite import build_efficientnet_lite0
from kerasface.models.engines.files import make_engine_folder
from kerasface.models.engines.making import make_file
from kerasface.models.engines.source import shipped_source
from kerasface.models.freezing import freeze
from kerasface.models.pretrained import ModelFileError
from kerasface.models.unet import build_encoder

# Of ImageNet's classes those that the pictures show.
ESPRESSO, TRIPOD, MISSILE, CATS = 967, 872, 657, range(281, 286)
# Mean size of what leaves a layer for the picture `coffee`, as recorded with Keras 3.15 and TensorFlow 2.21.
MEANS = {
    "preprocess": 0.597299,
    "stem_conv_relu6": 2.04197,
    "block1_project_norm": 5.32816,
    "block2_project_norm": 5.76158,
    "block4_project_norm": 5.83305,
    "block6_project_norm": 4.8692,
    "block9_project_norm": 4.84221,
    "block12_project_norm": 4.01736,
    "block14_project_norm": 1.92714,
    "block16_project_norm": 2.15079,
    "block17_conv_relu6": 0.143432,
    "head_logits": 0.763602,
}


@pytest.fixture(scope="module")
def network():
    return build_efficientnet_lite0(num_classes=1000)


@pytest.fixture(scope="module")
def pictures():
    """Four pictures that come with scikit-image, as squares of 224 pixels."""
    found = (data.coffee(), data.chelsea(), data.rocket(), np.repeat(data.camera()[..., None], 3, axis=2))
    return np.stack([fit_square(picture, 224) for picture in found])


def test_four_pictures_are_named_rightly(network, pictures):
    probabilities = np.asarray(network(pictures))
    best = probabilities.argmax(axis=1)
    assert (best[0], best[2], best[3]) == (ESPRESSO, MISSILE, TRIPOD)
    assert best[1] in CATS
    assert probabilities[0, ESPRESSO] > 0.9
    assert probabilities[1, CATS.start : CATS.stop].sum() > 0.85
    assert probabilities[3, TRIPOD] > 0.9


def test_what_leaves_each_block_is_what_it_was(network, pictures):
    """Between versions of Keras, TensorFlow and of ours: a difference here is a difference in the network."""
    maps = keras.Model(network.input, [network.get_layer(name).output for name in MEANS])
    found = {name: float(np.mean(np.abs(output))) for name, output in zip(MEANS, maps(pictures[:1]), strict=True)}
    assert found == pytest.approx(MEANS, rel=1e-3)


def test_its_weights_by_arithmetic(network):
    """Every convolution with the four numbers a channel that normalise it; 4,694,024 in all."""

    def conv(weights, channels):
        return weights + 4 * channels

    total, channels = conv(3 * 3 * 3 * 32, 32), 32
    for expansion, filters, repeats, _, kernel in efficientnet_lite._PLAN:
        for _ in range(repeats):
            wide = expansion * channels
            total += conv(channels * wide, wide) if expansion > 1 else 0
            total += conv(kernel**2 * wide, wide) + conv(wide * filters, filters)
            channels = filters
    total += conv(320 * 1280, 1280) + 1280 * 1000 + 1000
    assert network.count_params() == total == 4_694_024


@pytest.mark.slow
def test_it_is_a_backbone_in_blocks_with_a_licence():
    backbone = build_backbone("efficientnet_lite0", (96, 80))
    assert backbone.licence == "Apache-2.0"
    assert backbone.model.output.shape == (None, 3, 3, 1280)
    assert [block.name for block in backbone.blocks] == ["stem", *(f"block{number}" for number in range(1, 18))]
    assert [row.block for row in freeze(backbone, 2) if row.trainable] == ["block16", "block17"]
    assert build_backbone("efficientnet_lite0", (32, 32), weights=None).licence is None


@pytest.mark.slow
def test_it_is_an_encoder_that_is_tapped_at_every_halving():
    encoder = build_encoder("efficientnet_lite0", (64, 64), weights="pretrained")
    sides = [encoder.backbone.model.get_layer(name).output.shape[1] for name in encoder.skips]
    assert sides == [32, 16, 8, 4, 2]


@pytest.mark.slow
def test_the_engine_takes_it(monkeypatch, tmp_path):
    """OpenVINO's answers are compared with those of Keras when its file is made."""
    pytest.importorskip("openvino", reason="openvino is not installed on this platform")
    monkeypatch.setenv("KERASFACE_CACHE", str(tmp_path))
    build = "kerasface.models.efficientnet_lite:build_efficientnet_lite0"
    source = shipped_source("efficientnet_lite0", build, image_size=[64, 64], num_classes=1000)
    make_engine_folder()
    assert make_file(source, "float32") is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": (31, 64)}, "at least 32 pixels"),
        ({"num_classes": 10}, "have 1000 classes. Received: num_classes=10"),
    ],
)
def test_what_it_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_efficientnet_lite0(**arguments)


def test_tensors_of_another_network_are_refused(monkeypatch):
    """The first layer that differs is named."""
    tensors = {"_conv_stem.weight": np.zeros((32, 3, 5, 5), dtype=np.float32)}
    monkeypatch.setattr(efficientnet_lite, "read_tensors", lambda content: tensors)
    with pytest.raises(ModelFileError, match=r"stem_conv needs \[\(3, 3, 3, 32\)\]. Received: \[\(5, 5, 3, 32\)\]"):
        build_efficientnet_lite0((32, 32))
