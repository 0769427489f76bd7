"""The architectures: what every one must do, their sizes by arithmetic, and which options they take."""

import functools

import keras
import numpy as np
import pytest

from kerasface.models.layers import DropBlock2D, Maxout
from kerasface.models.zoo import ARCHITECTURES, CHOICES, ArchitectureOptions, build_architecture, supported_options

NUM_CLASSES = 5


def images_of(side, count=3):
    images = np.random.default_rng(1).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    images[0], images[1] = 0, 255  # black, white, noise
    return images


def layer_types(model):
    return {type(layer) for layer in model.layers}


def described(model):
    return [(type(layer), layer.get_config()) for layer in model.layers]


def tensor_params(model):
    """Parameters that training changes."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@functools.cache
def built(name):
    """One classifier of each architecture for 32 x 32 images, with seeded weights."""
    keras.utils.set_random_seed(0)
    return build_architecture(name, (32, 32), NUM_CLASSES, mean=(120, 110, 100), variance=(3000, 3500, 4000))


def each(*slow):
    """Parametrises over the architectures; those in `slow` only where slow tests are asked for."""
    marked = [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in ARCHITECTURES]
    return pytest.mark.parametrize("name", marked)


@each("resnet34", "inception", "mobilenet_v2")
def test_bytes_become_probabilities(name):
    model = built(name)
    images = images_of(32)
    probabilities = np.asarray(model(images))
    assert probabilities.shape == (3, NUM_CLASSES)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(model(images.astype(np.float32))), probabilities)


def test_the_image_is_standardised_first():
    model = built("linear")
    standardise = keras.Model(model.input, model.get_layer("preprocess").output)
    images = images_of(32)
    expected = (images - np.array([120, 110, 100])) / np.sqrt([3000, 3500, 4000])
    np.testing.assert_allclose(np.asarray(standardise(images)), expected, atol=1e-5)


@each("resnet34", "mobilenet", "mobilenet_v2")
@pytest.mark.slow
def test_nothing_is_random_at_inference_and_a_saved_model_comes_back(name, tmp_path):
    model = built(name)
    images = images_of(32)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    np.testing.assert_allclose(np.asarray(loaded(images)), np.asarray(model(images)), atol=1e-6)


@each()
def test_layer_names_say_their_block(name):
    model = built(name)
    names = [layer.name for layer in model.layers if layer.name not in ("image", "preprocess")]
    blocks = [name.split("_")[0] for name in names]
    assert all(block in ("stem", "head") or block.removeprefix("block").isdigit() for block in blocks)
    numbers = sorted({int(block[5:]) for block in blocks if block.startswith("block")})
    assert numbers == list(range(1, len(numbers) + 1))


@each("inception", "mobilenet", "mobilenet_v2")
def test_every_weight_learns(name):
    """One gradient step moves every trainable weight: no branch is left out, none is dead for all images."""
    model = built(name)
    before = model.get_weights()
    trained = [np.asarray(weight) for weight in model.trainable_weights]
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=True)
    model.train_on_batch(images_of(32, 8).astype(np.float32), np.arange(8) % NUM_CLASSES)
    pairs = zip(model.trainable_weights, trained, strict=True)
    still = [weight.path for weight, old in pairs if np.array_equal(np.asarray(weight), old)]
    model.set_weights(before)
    assert still == []


@each("resnet34", "inception", "mobilenet", "mobilenet_v2")
def test_the_output_is_float32_under_mixed_precision(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build_architecture(name, (32, 32), NUM_CLASSES)
    finally:
        keras.config.set_dtype_policy(before)
    assert mixed.output.dtype == "float32"
    assert mixed.get_layer("head_logits").compute_dtype == "float32"
    if len(mixed.layers) > 5:
        assert "bfloat16" in {layer.compute_dtype for layer in mixed.layers}
    assert np.isfinite(np.asarray(mixed(images_of(32)))).all()


@each()
def test_builds_for_the_smallest_images(name):
    assert build_architecture(name, (16, 16), 2).output.shape == (None, 2)


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(48, 80), (64, 64), (112, 112), (224, 224)])
@each()
def test_builds_for_every_size(name, height, width):
    assert build_architecture(name, (height, width), 2).output.shape == (None, 2)


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("simple_cnn", 14),  # 224 / 2^4
        # 224 / 4, then three pools of 3 x 3 with stride 2
        pytest.param("alexnet", 6, marks=pytest.mark.slow),
        ("vgg_recipe", 7),
        ("mobilenet_v2", 7),  # 224 / 2^5, and so the next two
        pytest.param("resnet34", 7, marks=pytest.mark.slow),
        pytest.param("inception", 7, marks=pytest.mark.slow),
    ],
)
def test_the_last_map_of_imagenet_images_is_that_of_the_papers(name, side):
    shapes = [layer.output.shape for layer in build_architecture(name, (224, 224), 2).layers]
    assert [shape for shape in shapes if len(shape) == 4][-1][1:3] == (side, side)


# Number of parameters


def conv(kernel, inputs, outputs):
    """A convolution without bias, and the scale and shift of the normalisation behind it."""
    return kernel**2 * inputs * outputs + 2 * outputs


def test_linear_is_one_template_per_class():
    assert build_architecture("linear", (32, 48), 7).count_params() == 32 * 48 * 3 * 7 + 7


@pytest.mark.parametrize(
    ("num_layers", "expected"),
    [(2, 3072 * 512 + 512 + 512 * 7 + 7), (3, 3072 * 512 + 512 + 512 * 512 + 512 + 512 * 7 + 7)],
)
def test_mlp_by_arithmetic(num_layers, expected):
    options = ArchitectureOptions(num_layers=num_layers)
    assert build_architecture("mlp", (32, 32), 7, options=options).count_params() == expected


@pytest.mark.slow
def test_maxout_has_two_pieces_per_unit():
    model = build_architecture("mlp", (32, 32), 7, options=ArchitectureOptions(activation="maxout"))
    assert model.count_params() == 3072 * 1024 + 1024 + 512 * 7 + 7


@pytest.mark.parametrize(("head", "places"), [("gap", 1), ("flatten", 2 * 2)])
def test_simple_cnn_by_arithmetic(head, places):
    model = build_architecture("simple_cnn", (32, 32), 7, options=ArchitectureOptions(head=head))
    body = conv(3, 3, 32) + conv(3, 32, 64) + conv(3, 64, 64) + conv(3, 64, 128)
    assert tensor_params(model) == body + places * 128 * 7 + 7
    statistics = 2 * (32 + 64 + 64 + 128)
    assert model.count_params() == tensor_params(model) + statistics


def test_vgg_recipe_brings_a_large_image_down_at_once():
    """Of 224 pixels 7x7 with stride 2 and a pool make 56; then conv-conv-pool to 7, and two convolutions there."""
    model = build_architecture("vgg_recipe", (224, 224), 10)
    pairs = [(64, 64), (64, 128), (128, 256), (256, 512)]  # 56, 28, 14, 7
    body = conv(7, 3, 64) + sum(conv(3, inputs, outputs) + conv(3, outputs, outputs) for inputs, outputs in pairs)
    assert tensor_params(model) == body + 512 * 10 + 10
    sides = [layer.output.shape[1] for layer in model.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    assert sides == [56, 28, 14, 7]
    assert sum(isinstance(layer, keras.layers.Conv2D | keras.layers.Dense) for layer in model.layers) == 10


def test_vgg_recipe_keeps_a_small_image():
    body = sum(conv(3, a, b) + conv(3, b, b) for a, b in [(3, 32), (32, 64), (64, 128)])  # 32, 16, 8 -> 4
    assert tensor_params(build_architecture("vgg_recipe", (32, 32), 10)) == body + 128 * 10 + 10


def test_lenet_by_arithmetic():
    """The lecture's 456 for six 5x5 filters on three channels; 28, 14, 10 and 5 pixels a side."""
    model = build_architecture("lenet", (32, 32), 10)
    assert model.get_layer("block1_conv").count_params() == (5 * 5 * 3 + 1) * 6 == 456
    dense = (5 * 5 * 16 + 1) * 120 + (120 + 1) * 84 + (84 + 1) * 10
    assert model.count_params() == 456 + (5 * 5 * 6 + 1) * 16 + dense == 62_006
    assert [layer.output.shape[1] for layer in model.layers if len(layer.output.shape) == 4][2::3] == [28, 10]


def test_convnext_by_arithmetic():
    """Table 9's Atto, as others count it without layer scale; 7x7 depthwise, norm, to four times as many and back."""
    total, channels = 4 * 4 * 3 * 40 + 40 + 2 * 40, 40
    for filters, repeats in ((40, 2), (80, 2), (160, 6), (320, 2)):
        if filters != channels:
            total += 2 * channels + 2 * 2 * channels * filters + filters
        block = 7 * 7 * filters + filters + 2 * filters + 8 * filters**2 + 4 * filters + filters
        total, channels = total + repeats * block, filters
    total += 2 * 320 + 320 * 10 + 10
    assert build_architecture("convnext", (224, 224), 10).count_params() == total


@pytest.mark.parametrize("name", ["mobilenet", pytest.param("mobilenet_v2", marks=pytest.mark.slow)])
def test_groups_and_multiplier_of_depthwise_networks(name):
    """Parted in four, a 1x1 kernel has a quarter of the weights; doubled, a depthwise one makes twice the maps."""
    plain = build_architecture(name, (32, 32), 3)
    parted = build_architecture(name, (32, 32), 3, options=ArchitectureOptions(conv_groups=4))
    doubled = build_architecture(name, (32, 32), 3, options=ArchitectureOptions(depth_multiplier=2))
    last = {"mobilenet": "block2_pointwise", "mobilenet_v2": "block2_project"}[name]
    assert plain.get_layer(last).kernel.shape[2] == 4 * parted.get_layer(last).kernel.shape[2]
    assert 2 * plain.get_layer("block2_depthwise").output.shape[-1] == doubled.get_layer(last).kernel.shape[2]
    assert doubled.get_layer("block2_depthwise").kernel.shape[3] == 2


def test_resnet34_has_the_published_size():
    """Table 1 of the paper at 1,000 classes; torchvision counts 21,797,672. Statistics come on top: two per map."""
    stages = [(64, 64, 3), (64, 128, 4), (128, 256, 6), (256, 512, 3)]
    expected, maps = conv(7, 3, 64), 64
    for inputs, outputs, blocks in stages:
        expected += conv(3, inputs, outputs) + (2 * blocks - 1) * conv(3, outputs, outputs)
        expected += conv(1, inputs, outputs) if inputs != outputs else 0
        maps += outputs * (2 * blocks + (inputs != outputs))
    expected += 512 * 1000 + 1000
    assert expected == 21_797_672
    model = build_architecture("resnet34", (224, 224), 1000)
    assert tensor_params(model) == expected
    assert model.count_params() == expected + 2 * maps


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("mobilenet", "MobileNet"), pytest.param("mobilenet_v2", "MobileNetV2", marks=pytest.mark.slow)],
)
def test_mobilenets_have_the_size_of_those_of_keras(ours, theirs):
    reference = getattr(keras.applications, theirs)(include_top=False, weights=None, input_shape=(96, 96, 3))
    width = reference.output.shape[-1]
    assert build_architecture(ours, (96, 96), 10).count_params() == reference.count_params() + width * 10 + 10


def test_inception_modules_have_the_maps_of_the_paper():
    model = built("inception")
    maps = [model.get_layer(f"block{block}_concat").output.shape[-1] for block in range(1, 6)]
    assert maps == [256, 480, 512, 832, 1024]


# Options


OPTIONS = {**CHOICES, "dropout": (0.5,), "dropblock": (0.2,)}
CASES = [
    (name, option, value)
    for name in ("mlp", "lenet", "simple_cnn", "vgg_recipe")
    for option in supported_options(name)
    for value in OPTIONS[option]
    if option != "dropblock_size" and (name, value) != ("mlp", "instance")
] + [
    ("alexnet", "norm", "batch"),
    pytest.param("mobilenet", "conv_groups", 4, marks=pytest.mark.slow),
    pytest.param("mobilenet_v2", "depth_multiplier", 2, marks=pytest.mark.slow),
    pytest.param("resnet34", "dropblock", 0.2, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "option", "value"), CASES)
def test_an_option_that_applies_changes_the_model(name, option, value):
    default = supported_options(name)[option]
    model = build_architecture(name, (32, 32), 3, options=ArchitectureOptions(**{option: value}))
    assert np.isfinite(np.asarray(model(images_of(32)))).all()
    assert (described(model) == described(build_architecture(name, (32, 32), 3))) == (value == default)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_an_option_that_does_not_apply_is_refused(name):
    for option in OPTIONS.keys() - supported_options(name).keys():
        with pytest.raises(ValueError, match=rf"{name}.*{option}"):
            build_architecture(name, (32, 32), 3, options=ArchitectureOptions(**{option: OPTIONS[option][0]}))


def test_the_options_do_what_they_say():
    options = ArchitectureOptions(norm="group", dropout=0.3, dropblock=0.1, pooling="strided", activation="maxout")
    model = build_architecture("simple_cnn", (32, 32), 3, options=options)
    assert {keras.layers.GroupNormalization, keras.layers.Dropout, DropBlock2D, Maxout} <= layer_types(model)
    assert not {keras.layers.BatchNormalization, keras.layers.MaxPooling2D} & layer_types(model)
    assert model.get_layer("head_dropout").rate == 0.3
    assert [layer.initial_rate for layer in model.layers if isinstance(layer, DropBlock2D)] == [0.1, 0.1]


def test_leaky_relu_lets_a_tenth_through():
    """The lecture's max(0.1 x, x)."""
    model = build_architecture("mlp", (16, 16), 2, options=ArchitectureOptions(activation="leaky_relu"))
    values = np.float32([[-1, -0.5, 0, 2]])
    np.testing.assert_allclose(np.asarray(model.get_layer("block1_leaky_relu")(values)), [[-0.1, -0.05, 0, 2]])


@pytest.mark.parametrize("name", ["mlp", "alexnet", "lenet"])
def test_hidden_dense_layers_are_normalised_before_their_activation(name):
    model = build_architecture(name, (32, 32), 2, options=ArchitectureOptions(norm="batch"))
    names = [layer.name for layer in model.layers]
    hidden = [layer for layer in names if layer.endswith("_dense")]
    assert hidden
    for layer in hidden:
        following = names[names.index(layer) + 1 : names.index(layer) + 3]
        assert following[0] == f"{layer}_norm"
        assert following[1] in (layer.replace("dense", kind) for kind in ("relu", "tanh"))
        assert not model.get_layer(layer).use_bias


def test_the_size_of_dropped_blocks():
    """As asked, but no more than half of a map: of 64 pixels 16 and 8 are left where blocks are dropped."""
    for size, expected in ((3, [3, 3]), (15, [8, 4])):
        options = ArchitectureOptions(dropblock=0.1, dropblock_size=size)
        model = build_architecture("simple_cnn", (64, 64), 2, options=options)
        assert [layer.block_size for layer in model.layers if isinstance(layer, DropBlock2D)] == expected


def test_an_mlp_has_no_map_to_normalise_over():
    with pytest.raises(ValueError, match="over a map"):
        build_architecture("mlp", (32, 32), 2, options=ArchitectureOptions(norm="instance"))


@pytest.mark.parametrize(("norm", "axes"), [("layer", (1, 2, 3)), ("instance", (1, 2))])
def test_a_norm_makes_mean_0_and_variance_1_over_its_axes(norm, axes):
    model = build_architecture("simple_cnn", (32, 32), 3, options=ArchitectureOptions(norm=norm))
    normalised = keras.Model(model.input, model.get_layer("block1_conv_norm").output)
    maps = np.asarray(normalised(images_of(32)[2:]))
    np.testing.assert_allclose(maps.mean(axis=axes), 0, atol=1e-4)
    np.testing.assert_allclose(maps.var(axis=axes), 1, atol=1e-2)


def test_kernels_have_the_variance_of_he():
    """He et al. 2015: variance 2 / fan-in; 3 * 3 * 512 inputs and 2.4 million samples put it within 1 %."""
    kernel = np.asarray(built("resnet34").get_layer("block16_conv2").kernel)
    assert kernel.var() == pytest.approx(2 / (9 * 512), rel=0.01)


def test_depthwise_kernels_count_the_inputs_of_one_channel():
    """Each of their outputs adds up 3 x 3 values, whatever the number of channels; 27,000 samples, within 5 %."""
    model = built("mobilenet")
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, keras.layers.DepthwiseConv2D)]
    values = np.concatenate([np.asarray(kernel).ravel() for kernel in kernels])
    assert values.var() == pytest.approx(2 / 9, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"norm": "bath"}, "norm must be one of .*'bath'"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"dropblock": -0.1}, r"dropblock must be in \[0, 1\)"),
        ({"num_layers": 4}, "num_layers must be one of 2, 3"),
    ],
)
def test_a_wrong_value_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ArchitectureOptions(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet35", (32, 32), 2), "resnet35.*Expected one of"),
        (("linear", (32, 15), 2), "at least 16 pixels"),
        (("linear", (32, 32), 1), "at least 2 classes"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_architecture(*arguments)
