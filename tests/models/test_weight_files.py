"""Weights of files: into the network whose they are, and into no other; and what is no file of weights is not read."""

import pickle
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from kerasface.models.backbones import build_backbone
from kerasface.models.pretrained import ModelFileError
from kerasface.models.weight_files import fill, read_weight_file
from kerasface.models.zoo import ArchitectureOptions, build_architecture

SIZE = (32, 32)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A classifier with weights of its own, and its files of both kinds."""
    keras.utils.set_random_seed(3)
    model = build_architecture("simple_cnn", SIZE, 5, mean=(10, 20, 30), variance=(100, 200, 300))
    for layer in model.layers:
        layer.set_weights([np.random.default_rng(len(layer.name)).random(w.shape) + 0.5 for w in layer.weights])
    folder = tmp_path_factory.mktemp("weights")
    model.save(folder / "model.keras")
    model.save_weights(folder / "own.weights.h5")
    return model, folder


@pytest.mark.parametrize("file", ["model.keras", "own.weights.h5"])
def test_a_network_computes_what_the_one_in_the_file_does(trained, file):
    """Up to its features; mean and variance of the pictures stand in a `.keras` file alone."""
    model, folder = trained
    backbone = build_backbone("simple_cnn", SIZE, weights=None)
    fill(backbone.model, read_weight_file(folder / file), "simple_cnn")
    for layer in backbone.model.layers:
        for found, expected in zip(layer.get_weights(), model.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(found, expected)
    images = np.random.default_rng(0).integers(0, 256, (3, *SIZE, 3), dtype=np.uint8)
    features = keras.Model(model.input, model.get_layer("head_pool").output)
    same = np.allclose(backbone.model(images), features(images), rtol=1e-4)
    assert same == (file == "model.keras")
    config = backbone.model.get_layer("preprocess").get_config()  # what a file that is saved now will have
    assert np.allclose(config["mean"], [10, 20, 30]) == same


def test_the_hash_is_that_of_the_file(trained):
    import hashlib

    path = trained[1] / "model.keras"
    assert read_weight_file(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vgg_recipe", {}, "holds no weights of vgg_recipe: it has no layer block1_conv1"),
        (
            "simple_cnn",
            {"norm": "none"},
            "layer block1_conv has the shapes 3 x 3 x 3 x 32, that of simple_cnn has 3 x 3",
        ),
        ("simple_cnn", {"activation": "maxout"}, "layer block1_conv has the shapes"),
        ("mlp", {}, "it has no layer block1_dense"),
    ],
)
def test_weights_of_another_network_name_the_first_layer_that_differs(trained, name, options, message):
    network = build_backbone(name, SIZE, weights=None, options=ArchitectureOptions(**options)).model
    before = network.get_weights()
    with pytest.raises(ModelFileError, match=message):
        fill(network, read_weight_file(trained[1] / "model.keras"), name)
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), before, strict=True))


def test_a_network_with_more_layers_is_another_one(trained, tmp_path):
    """All layers of the smaller one fit, and there are others in front of its end."""
    small = keras.Model(trained[0].input, trained[0].get_layer("block2_pool").output)
    with pytest.raises(ModelFileError, match="which has no layer block3_conv"):
        fill(small, read_weight_file(trained[1] / "model.keras"), "two blocks")


def test_layers_that_keras_numbered_are_found_by_their_order(tmp_path):
    """Its numbers go on from network to network; and a nested network has its layers in itself."""

    def build():
        inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)], name="inner")
        x = inputs = keras.Input((4,))
        for _ in range(11):
            x = keras.layers.Dense(4)(x)
        return keras.Model(inputs, inner(x))

    first, second = build(), build()
    assert [layer.name for layer in first.layers[1:]] != [layer.name for layer in second.layers[1:]]
    first.save_weights(tmp_path / "a.weights.h5")
    fill(second, read_weight_file(tmp_path / "a.weights.h5"), "eleven")
    for found, expected in zip(second.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_is_refused_whatever_it_is_called(tmp_path):
    """As PyTorch wrote them first, in text as Python did, and in an archive as PyTorch writes them now."""
    witness = tmp_path / "ran"
    (tmp_path / "old.keras").write_bytes(pickle.dumps(Payload(witness)))
    (tmp_path / "oldest.keras").write_bytes(pickle.dumps(Payload(witness), protocol=0))
    with zipfile.ZipFile(tmp_path / "new.weights.h5", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Payload(witness)))
    for name in ("old.keras", "oldest.keras", "new.weights.h5"):
        with pytest.raises(ModelFileError, match=f"{name} is a pickle, which can run anything.*refused"):
            read_weight_file(tmp_path / name)
    assert not witness.exists()


def _locked(content):
    place = content.index(b"PK\x01\x02")
    return content[: place + 8] + b"\1" + content[place + 9 :]


def _cut_inside(content):
    place = content.index(b"model.weights.h5") + 40
    return content[:place] + bytes(20) + content[place + 20 :]


@pytest.mark.parametrize(("spoil", "message"), [(_locked, "is damaged: .*password"), (_cut_inside, "is damaged")])
def test_an_archive_that_cannot_be_unpacked_is_a_sentence(tmp_path, spoil, message):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", np.random.default_rng(0).bytes(2000))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ModelFileError, match=message):
        read_weight_file(path)


def test_an_archive_that_no_keras_wrote_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    for others, message in (
        ({"run.py": b"1"}, "holds 'run.py'"),
        ({"config.json": b" " * 2**23}, "grows more than 100"),
    ):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in ({"model.weights.h5": b"x"} | others).items():
                archive.writestr(name, content)
        with pytest.raises(ModelFileError, match=f"is no model of Keras: it.*{message}"):
            read_weight_file(path)


def h5_with(path, change):
    with h5py.File(path, "w") as file:
        change(file.create_group("layers/conv2d/vars"), file)
    return path


def _external(group, file):
    group["0"] = h5py.ExternalLink("/etc/passwd", "x")


def _soft(group, file):
    group["0"] = h5py.SoftLink("/elsewhere")


def _raw(group, file):
    group.create_dataset("0", shape=(8,), dtype="u1", external=[("/etc/hostname", 0, 8)])


def _text(group, file):
    group["0"] = "words"


def _loop(group, file):
    file["layers/conv2d/layers"] = file["layers"]


@pytest.mark.parametrize("change", [_external, _soft, _raw, _text, _loop])
def test_what_is_no_array_of_this_file_is_refused(tmp_path, change):
    path = h5_with(tmp_path / "a.weights.h5", change)
    with pytest.raises(ModelFileError, match=r"refers elsewhere|something else than numbers|models in models"):
        read_weight_file(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no file of weights of Keras 3"),
        (b"words", "no file of weights"),
        (b"PK\x03\x04words", "archive .* is damaged"),
        (b"\x89HDF\r\n\x1a\nwords", "no file of weights"),
    ],
)
def test_what_is_no_file_of_weights_is_said(tmp_path, content, message):
    (tmp_path / "a.keras").write_bytes(content)
    with pytest.raises(ModelFileError, match=message):
        read_weight_file(tmp_path / "a.keras")
    with pytest.raises(ModelFileError, match="cannot be read: No such file"):
        read_weight_file(tmp_path / "absent.keras")


def test_a_file_of_keras_2_is_said_to_be_one(tmp_path):
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        file.create_group("conv1")
    with pytest.raises(ModelFileError, match="a file of Keras 2"):
        read_weight_file(tmp_path / "a.weights.h5")


def test_numbers_that_are_none_are_refused(trained, tmp_path):
    model = keras.models.clone_model(trained[0])
    model.get_layer("block2_conv").set_weights([np.full((3, 3, 32, 64), np.nan)])
    model.save_weights(tmp_path / "a.weights.h5")
    network = build_backbone("simple_cnn", SIZE, weights=None).model
    with pytest.raises(ModelFileError, match="infinite, in its layer block2_conv"):
        fill(network, read_weight_file(tmp_path / "a.weights.h5"), "simple_cnn")
