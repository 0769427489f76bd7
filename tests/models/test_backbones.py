"""Backbones: preprocessing, blocks, freezing that holds, and what is said when ImageNet weights cannot be had."""

import socket

import keras
import numpy as np
import pytest

from kerasface.models.backbones import APPLICATIONS, backbone_names, build_backbone, family_of, has_pretrained_weights
from kerasface.models.freezing import check_frozen, freeze, frozen_state, weights_fingerprint
from kerasface.models.heads import to_probabilities, to_vector
from kerasface.models.pretrained import ModelFileError
from kerasface.models.runtime import compile_network
from kerasface.models.zoo import ARCHITECTURES

# Together one of each module of keras.applications.
FAST = ("MobileNet", "MobileNetV3Small", "VGG16")
SLOW = (
    "InceptionV3",
    "MobileNetV2",
    "DenseNet121",
    "ConvNeXtTiny",
    "ResNet50",
    "ResNet50V2",
    "Xception",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionResNetV2",
    "NASNetMobile",
)
SIZE = (96, 96)


@pytest.fixture(scope="module", params=[*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def application(request):
    return build_backbone(request.param, SIZE, weights=None)


@pytest.fixture(scope="module")
def mobilenet():
    keras.utils.set_random_seed(0)
    return build_backbone("MobileNetV2", (32, 32), weights=None)


def images_of(size, count=2):
    return np.random.default_rng(0).integers(0, 256, (count, *size, 3), dtype=np.uint8)


def classifier(backbone):
    return keras.Model(backbone.model.input, to_probabilities(to_vector(backbone.model.output), 3))


def fitted(model, size):
    """Trains `model` for one step, with a rate that moves everything that can move."""
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    model.fit(images_of(size, 6).astype(np.float32), np.arange(6) % 3, batch_size=6, verbose=0)
    return model


def test_every_constructor_of_keras_has_a_name():
    assert len(APPLICATIONS) >= 40
    assert {"ResNet50", "ConvNeXtTiny", "EfficientNetB0", "VGG16"} <= set(APPLICATIONS)
    assert backbone_names()[0] == "face_resnet"
    assert {family_of(name) for name in APPLICATIONS} == {family_of(name) for name in (*FAST, *SLOW)} | {"vgg19"}


def test_an_application_is_that_of_keras_with_its_preprocessing(application):
    """Same weights, same images: equal to `preprocess_input` and the model of Keras, on bytes."""
    reference = APPLICATIONS[application.name](include_top=False, weights=None, input_shape=(*SIZE, 3))
    assert application.model.count_params() == reference.count_params()
    reference.set_weights(application.model.get_weights())
    images = images_of(SIZE)
    family = getattr(keras.applications, family_of(application.name))
    expected = reference(family.preprocess_input(images.astype(np.float32)))
    found = application.model(images)
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_blocks_hold_every_layer_once_and_weights(application):
    names = [layer for block in application.blocks for layer in block.layers]
    assert sorted(names) == sorted(layer.name for layer in application.model.layers)
    assert all(any(application.model.get_layer(name).weights for name in block.layers) for block in application.blocks)
    assert len({block.name for block in application.blocks}) == len(application.blocks) >= 5


def test_blocks_are_cut_across_the_graph(application):
    """No later block feeds an earlier one; a cell of NASNet takes the two cells before it."""
    position = {layer: index for index, block in enumerate(application.blocks) for layer in block.layers}
    for layer in application.model.layers:
        if not layer.weights:
            continue
        for node in layer._inbound_nodes:
            sources = [tensor._keras_history.operation.name for tensor in node.input_tensors]
            assert all(position.get(source, 0) <= position[layer.name] for source in sources), layer.name


def test_the_features_layer_gives_the_last_map(application):
    assert application.model.get_layer(application.features_layer).output.shape == application.model.output.shape


@pytest.mark.parametrize("name", ["VGG16", pytest.param("ConvNeXtTiny", marks=pytest.mark.slow)])
def test_a_saved_application_comes_back(name, tmp_path):
    """One with flipped channels, one with nested models."""
    model = build_backbone(name, (32, 32), weights=None).model
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    images = images_of((32, 32))
    np.testing.assert_allclose(np.asarray(loaded(images)), np.asarray(model(images)), atol=1e-5)


@pytest.mark.parametrize("name", ["VGG16", pytest.param("ResNet50", marks=pytest.mark.slow)])
def test_an_application_runs_in_bfloat16(name):
    """Eight significant bits; the largest error stays within a twentieth of the largest feature."""
    model = build_backbone(name, (32, 32), weights=None).model
    images = images_of((32, 32))
    exact, rough = (compile_network(model, precision=precision)(images)[0] for precision in ("float32", "bfloat16"))
    assert np.abs(rough - exact).max() <= 0.05 * np.abs(exact).max()


def test_nothing_is_a_map_where_there_is_none():
    """The published vector of `face_resnet` comes behind its last map."""
    backbone = build_backbone("face_resnet", (150, 150), weights=None)
    assert backbone.model.output.shape == (None, 128)
    assert backbone.features_layer == "stage5_block1_relu2"
    assert [block.name for block in backbone.blocks][-2:] == ["stage5_block1", "features"]
    assert len(backbone.blocks) == 14 + 1 + 1  # residual blocks, stem and the dense layer
    assert backbone.licence is None


@pytest.mark.parametrize("name", ["linear", "mlp", "simple_cnn", "alexnet", "vgg_recipe"])
def test_the_zoo_gives_vectors_in_blocks(name):
    backbone = build_backbone(name, (32, 32), weights=None)
    assert len(backbone.model.output.shape) == 2
    names = [layer for block in backbone.blocks for layer in block.layers]
    assert name == "linear" or sorted(names) == sorted(layer.name for layer in backbone.model.layers)
    assert (len(backbone.blocks), backbone.licence) == (
        {"linear": 0, "mlp": 1, "simple_cnn": 4, "alexnet": 7, "vgg_recipe": 3}[name],
        None,
    )


def test_freezing_leaves_the_last_blocks(mobilenet):
    records = freeze(mobilenet, 2)
    assert [record.block for record in records] == [block.name for block in mobilenet.blocks]
    assert [record.block for record in records if record.trainable] == ["block_16", "Conv_1"]
    assert sum(record.num_params for record in records) == mobilenet.model.count_params()
    assert all(record.num_trainable == 0 for record in records[:-2])
    # 320 to 1280 maps, and no bias; scale and shift of BatchNorm stay frozen.
    assert records[-1].num_trainable == 320 * 1280
    assert {record.batch_norm for record in records} == {"frozen"}
    assert not any(
        layer.trainable for layer in mobilenet.model.layers if isinstance(layer, keras.layers.BatchNormalization)
    )


def test_what_is_frozen_holds_in_fit_and_the_rest_moves():
    """The statistics of BatchNorm too, in the blocks that are trained as well."""
    keras.utils.set_random_seed(0)
    backbone = build_backbone("simple_cnn", (32, 32), weights=None)
    freeze(backbone, 1)
    model = classifier(backbone)
    state = frozen_state(model)
    free = [np.asarray(weight) for weight in model.trainable_weights]
    fitted(model, (32, 32))
    check_frozen(model, state)
    pairs = zip(model.trainable_weights, free, strict=True)
    assert all(not np.array_equal(np.asarray(weight), old) for weight, old in pairs)
    assert len(free) == 1 + 2  # the last convolution's kernel, and the classifier
    assert set(state) == {f"block{block}_conv{part}" for block in range(1, 5) for part in ("", "_norm")} - {
        "block4_conv"
    }


def test_a_batch_norm_that_was_left_on_is_found():
    """The trap: frozen weights around it, but its statistics follow each batch."""
    backbone = build_backbone("simple_cnn", (32, 32), weights=None)
    freeze(backbone, 0)
    model = classifier(backbone)
    state = frozen_state(model)
    backbone.model.get_layer("block2_conv_norm").trainable = True
    with pytest.raises(RuntimeError, match=r"block2_conv_norm \(.*moving_mean\)"):
        check_frozen(fitted(model, (32, 32)), state)


def test_a_frozen_weight_that_moved_is_named(mobilenet):
    freeze(mobilenet, 0)
    state = frozen_state(mobilenet.model)
    weight = mobilenet.model.get_layer("block_3_expand_BN").moving_mean
    before = np.asarray(weight)
    weight.assign(before + 1)
    with pytest.raises(RuntimeError, match=r"block_3_expand_BN \(moving_mean\)"):
        check_frozen(mobilenet.model, state)
    weight.assign(before)
    check_frozen(mobilenet.model, state)


def test_layers_frozen_one_by_one_can_be_unfrozen(mobilenet):
    """The trap: `model.trainable = True` does not reach them where the model already is trainable."""
    for layer in mobilenet.model.layers:
        layer.trainable = False
    mobilenet.model.trainable = False
    records = freeze(mobilenet, len(mobilenet.blocks))
    assert all(record.trainable for record in records)
    assert sum(record.num_trainable for record in records) == sum(
        int(np.prod(weight.shape)) for weight in mobilenet.model.trainable_weights
    )
    kernels = [layer for layer in mobilenet.model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert all(layer.trainable_weights for layer in kernels)


def test_nested_models_are_frozen_to_their_parts():
    backbone = build_backbone("ConvNeXtTiny", (32, 32), weights=None)
    assert freeze(backbone, 4)[-4].block == "downsampling_block_2"
    nested = backbone.model.get_layer("convnext_tiny_downsampling_block_2")
    assert all(layer.trainable for layer in nested.layers)
    freeze(backbone, 3)
    assert not any(layer.trainable for layer in nested.layers)
    assert any(path.startswith("convnext_tiny_downsampling_block_2/") for path in frozen_state(backbone.model))


@pytest.mark.parametrize("count", [-1, 20])
def test_more_blocks_than_there_are_is_refused(mobilenet, count):
    with pytest.raises(ValueError, match=f"19 blocks.*trainable_blocks={count}"):
        freeze(mobilenet, count)


@pytest.mark.slow
def test_imagenet_weights_are_read_through_the_preprocessing(monkeypatch, tmp_path):
    """A file as Keras publishes it, made here with random weights, gives the model that it was made from."""
    reference = APPLICATIONS["MobileNetV2"](include_top=False, weights=None, input_shape=(*SIZE, 3))
    reference.save(tmp_path / "weights.h5")
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *args, **kwargs: str(tmp_path / "weights.h5"))
    backbone = build_backbone("MobileNetV2", (112, 112))
    assert backbone.licence == "Apache-2.0"
    for found, expected in zip(backbone.model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_without_a_network_the_missing_file_and_its_place_are_named(monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise socket.gaierror("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    with pytest.raises(ModelFileError) as caught:
        build_backbone("MobileNetV3Small", (224, 224))
    message = str(caught.value)
    assert "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5" in message
    assert str(tmp_path / "models") in message
    assert "weights=None" in message


@pytest.mark.data
def test_face_resnet_brings_its_licence():
    assert build_backbone("face_resnet", (150, 150), weights="pretrained").licence == "CC0-1.0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ResNet18", SIZE), "ResNet18.*Expected one of"),
        (("simple_cnn", SIZE), "simple_cnn.*no pretrained weights.*'imagenet'"),
        (("MobileNet", SIZE, "face_resnet"), "MobileNet takes weights='imagenet' or None"),
        (("face_resnet", SIZE, None), r"\(150, 150\).*\(96, 96\)"),
        (("InceptionV3", (64, 64), None), "at least 75x75"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, message):
    name, size, *weights = arguments
    with pytest.raises(ValueError, match=message):
        build_backbone(name, size, **({"weights": weights[0]} if weights else {}))


def test_equal_weights_have_equal_fingerprints(mobilenet):
    """In another model too; one number in the last weight makes another fingerprint, one layer's name as well."""
    first = weights_fingerprint(mobilenet.model)
    copy = keras.models.clone_model(mobilenet.model)
    copy.set_weights(mobilenet.model.get_weights())
    assert weights_fingerprint(copy) == first
    last = copy.weights[-1]
    values = np.array(last)
    values.flat[-1] += 1
    last.assign(values)
    assert weights_fingerprint(copy) != first
    one, other = (keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name=name)]) for name in ("one", "other"))
    other.set_weights(one.get_weights())
    assert weights_fingerprint(one) != weights_fingerprint(other)


@pytest.mark.parametrize("name", ["simple_cnn", "MobileNetV2"])
def test_only_face_resnet_averages_over_mirror_images(name):
    with pytest.raises(ValueError, match=rf"Only face_resnet .*Received: name='{name}', mirror=True"):
        build_backbone(name, (32, 32), weights=None, mirror=True)


@pytest.mark.slow
def test_face_resnet_averages_over_mirror_images():
    """Whatever its weights: an image and its mirror image get the same vector, and only if asked."""
    crops = np.random.default_rng(0).integers(0, 256, (1, 150, 150, 3), dtype=np.uint8)
    for mirror in (True, False):
        keras.utils.set_random_seed(0)
        backbone = build_backbone("face_resnet", (150, 150), weights=None, mirror=mirror)
        (vectors,) = compile_network(backbone.model)(np.concatenate([crops, crops[:, :, ::-1]]))
        assert np.allclose(vectors[0], vectors[1], atol=1e-5) == mirror


def test_only_what_was_published_counts_as_pretrained():
    assert has_pretrained_weights("face_resnet")
    assert has_pretrained_weights("ResNet50")
    assert not any(has_pretrained_weights(name) for name in ARCHITECTURES)
