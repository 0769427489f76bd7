"""Exports: the file on disk answers like Keras, tells so, and is not kept otherwise."""

import hashlib
import importlib.util
import json
import re
from dataclasses import replace

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from kerasface.cli.models import EXPORT_FORMATS
from kerasface.models.formats import FORMATS
from kerasface.models.zoo import build_architecture
from kerasface.runs.card import ModelCard
from kerasface.runs.store import Run, load_run, write_run
from kerasface.tasks.export import ExportError, certificate_path, export_run

LABELS = ["Ada", "Zoë", "张伟", "Ben", "Cem"]
WEIGHTS = [{"name": "none", "licence": "CC0-1.0", "sha256": "00"}]
CARD = {"task": "classify", "input": {"image_size": [32, 32], "alignment": "cut so"}, "weights": WEIGHTS}


def needs(format):
    for package in FORMATS[format].packages:
        pytest.importorskip(package)


@pytest.fixture(params=FORMATS)
def format(request):
    needs(request.param)
    return request.param


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Folder of runs with `small`, a convolutional network with random weights that takes 32 x 32 pixels."""
    keras.utils.set_random_seed(0)
    model = build_architecture("simple_cnn", (32, 32), len(LABELS))
    root = tmp_path_factory.mktemp("runs")
    write_run(root, "small", model=model, card=ModelCard.from_dict({**CARD, "labels": LABELS}), metrics={}, history=())
    return root


@pytest.fixture(scope="module")
def run():
    """A softmax over the mean colour: quick to convert."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(len(LABELS), activation="softmax")(x))
    return Run("colour", ModelCard.from_dict({**CARD, "labels": LABELS, "model_sha256": "00"}), model)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def with_model(run, model):
    return Run(run.name, run.card, model)


def altered_copy(model):
    """The model with 0.01 added to the first class's logit."""
    copy = keras.models.clone_model(model)
    weights = model.get_weights()
    assert weights[-1].shape == (len(LABELS),)
    weights[-1][0] += 0.01
    copy.set_weights(weights)
    return copy


def use_writer(monkeypatch, format, write):
    monkeypatch.setitem(FORMATS, format, replace(FORMATS[format], write=write))


@pytest.mark.slow
def test_the_file_answers_like_keras_and_its_certificate_says_so(root, format, tmp_path):
    """Asked again here, for numbers of images other than those it was checked with."""
    run = load_run(root, "small")
    certificate = export_run(run, format, tmp_path / "out")
    assert certificate.max_difference <= certificate.tolerance == 1e-4
    assert certificate.equal_top1 == 1
    ask = FORMATS[format].load(tmp_path / "out")
    images = np.random.default_rng(5).integers(0, 256, size=(7, 32, 32, 3), dtype=np.uint8)
    expected = np.asarray(run.model(images.astype(np.float32), training=False))
    np.testing.assert_allclose(ask(images), expected, atol=1e-4)
    np.testing.assert_allclose(ask(images[:1]), expected[:1], atol=1e-4)
    check_certificate(certificate, root / "small", format, tmp_path)


def check_certificate(certificate, folder, format, tmp_path):
    """Checks that the files in `tmp_path` tell what another program must know of the run in `folder`."""
    assert names_in(tmp_path) == ["out", "out.certificate.json"]
    assert certificate_path(tmp_path / "out") == tmp_path / "out.certificate.json"
    written = json.loads((tmp_path / "out.certificate.json").read_text(encoding="utf-8"))
    assert written == certificate.to_dict()
    assert written["model_sha256"] == sha256(folder / "model.keras")
    assert (written["name"], written["format"], written["labels"]) == ("small", format, LABELS)
    assert written["weights"] == WEIGHTS
    for key, value in {
        "name": "images",
        "shape": [None, 32, 32, 3],
        "dtype": "uint8",
        "range": [0, 255],
        "channel_order": "RGB",
        "alignment": "cut so",
    }.items():
        assert written["input"][key] == value
    assert written["output"] == {"name": "probabilities", "shape": [None, 5], "dtype": "float32"}
    assert written["num_images"] == 18  # five crops, three of each; black, white, noise
    assert {"keras", "tensorflow", "numpy", *FORMATS[format].packages} <= set(written["versions"])
    out = tmp_path / "out"
    files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    place = tmp_path if out.is_file() else out
    assert written["files"] == {path.relative_to(place).as_posix(): sha256(path) for path in files}


def test_photos_given_are_spread_over_the_folder(run, tmp_path, monkeypatch):
    """130 photos, photo `i` red of value `i`: every third is taken, the first of which cannot be read."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for value in range(130):
        Image.new("RGB", (40, 60), (value, 0, 0)).save(photos / f"{value:03}.png")
    (photos / "000.png").write_bytes(b"")
    load, shown = FORMATS["saved_model"].load, []

    def load_and_watch(path):
        ask = load(path)
        return lambda pixels: shown.append(pixels) or ask(pixels)

    monkeypatch.setitem(FORMATS, "saved_model", replace(FORMATS["saved_model"], load=load_and_watch))
    certificate = export_run(run, "saved_model", tmp_path / "out", images=photos)
    (pixels,) = shown
    assert pixels[:-3, 0, 0, 0].tolist() == list(range(3, 130, 3))
    black, white, noise = pixels[-3:]
    assert (black.max(), white.min(), len(np.unique(noise))) == (0, 255, 256)
    assert certificate.num_images == len(pixels)
    assert certificate.images == "43 photos given (1 more cannot be read), black, white and noise"
    assert str(photos) not in json.dumps(certificate.to_dict())


def test_photos_that_cannot_be_read(run, tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ExportError, match=r"None of the images .* can be read\. The first: .*a\.png"):
        export_run(run, "saved_model", tmp_path / "out", images=tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        export_run(run, "saved_model", tmp_path / "out", images=tmp_path / "absent")
    assert names_in(tmp_path) == ["a.png"]


def test_an_altered_model_is_refused_and_removed(run, format, tmp_path, monkeypatch):
    """0.01 on a logit of probability p changes it by 0.01 p (1 - p), which somewhere exceeds 1e-4 by far."""
    write = FORMATS[format].write
    use_writer(monkeypatch, format, lambda model, shape, path: write(altered_copy(model), shape, path))
    with pytest.raises(ExportError, match=r"does not agree .* removed: on 18 images .* by up to 0\.00\d+; .* 0\.0001"):
        export_run(run, format, tmp_path / "out")
    assert names_in(tmp_path) == []
    assert export_run(run, format, tmp_path / "out", tolerance=0.01).max_difference > 1e-4


@pytest.mark.parametrize("name", ["litert", "onnx"])
def test_an_altered_file_is_refused_and_removed(run, tmp_path, monkeypatch, name):
    """The bytes of one bias, found in the file as they lie in memory, replaced by those of NaN."""
    needs(name)
    bias = np.linspace(0.1, 0.2, len(LABELS), dtype=np.float32)
    model = keras.models.clone_model(run.model)
    model.set_weights([*run.model.get_weights()[:-1], bias])

    write_unaltered = FORMATS[name].write

    def write(model, shape, path):
        write_unaltered(model, shape, path)
        content = path.read_bytes()
        assert content.count(bias.tobytes()) == 1
        path.write_bytes(content.replace(bias.tobytes(), np.full_like(bias, np.nan).tobytes()))

    use_writer(monkeypatch, name, write)
    with pytest.raises(ExportError, match=r"differs by up to nan"):
        export_run(with_model(run, model), name, tmp_path / "out")
    assert names_in(tmp_path) == []


def test_a_file_that_does_not_run_is_removed(run, format, tmp_path, monkeypatch):
    def write(model, shape, path):
        path.write_bytes(b"no model")

    use_writer(monkeypatch, format, write)
    with pytest.raises(ExportError, match=f"The {format} export of 'colour' was written, but does not run"):
        export_run(run, format, tmp_path / "out")
    assert names_in(tmp_path) == []


def test_an_onnx_file_that_its_converter_thinks_right(run, tmp_path):
    """The converter passes exact GELU's complementary error function through, which ONNX does not have."""
    needs("onnx")
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    x = keras.layers.Dense(4, activation="gelu")(x)
    model = keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x))
    with pytest.raises(ExportError, match=r"does not run, and was removed: .*Erfc"):
        export_run(with_model(run, model), "onnx", tmp_path / "out")
    assert names_in(tmp_path) == []


def test_a_converter_that_fails(run, tmp_path, monkeypatch):
    def write(model, shape, path):
        path.mkdir()
        raise KeyError("no such\nop")

    use_writer(monkeypatch, "saved_model", write)
    with pytest.raises(ExportError, match=r"cannot be written as saved_model: 'no such\\nop'"):
        export_run(run, "saved_model", tmp_path / "out")
    assert names_in(tmp_path) == []


def test_a_file_with_other_outputs(run, tmp_path, monkeypatch):
    load = FORMATS["saved_model"].load

    def load_less(path):
        ask = load(path)
        return lambda pixels: ask(pixels)[:1]

    monkeypatch.setitem(FORMATS, "saved_model", replace(FORMATS["saved_model"], load=load_less))
    with pytest.raises(ExportError, match=r"other outputs than Keras .* shape \(1, 5\), Keras \(18, 5\)"):
        export_run(run, "saved_model", tmp_path / "out")


@pytest.mark.parametrize("name", ["saved_model", "litert"], ids=["folder", "file"])
def test_an_existing_target_is_replaced_only_when_asked(run, tmp_path, name):
    out = tmp_path / "deep" / "out"
    export_run(run, name, out)
    before = certificate_path(out).read_bytes()
    with pytest.raises(ExportError, match=r"out exists\. Choose another name"):
        export_run(run, name, out)
    assert certificate_path(out).read_bytes() == before
    changed = with_model(run, altered_copy(run.model))
    certificate = export_run(changed, name, out, overwrite=True)
    assert certificate.files != json.loads(before)["files"]
    assert json.loads(certificate_path(out).read_text(encoding="utf-8")) == certificate.to_dict()
    assert names_in(out.parent) == ["out", "out.certificate.json"]


def test_what_is_no_export_is_never_replaced(run, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("dear")
    for name, format in [("folder", "saved_model"), ("folder", "litert"), ("file", "saved_model")]:
        with pytest.raises(ExportError, match=f"{name} is not a {format} export"):
            export_run(run, format, tmp_path / name, overwrite=True)
    (tmp_path / "new.certificate.json").write_text("{}")
    with pytest.raises(ExportError, match=r"new\.certificate\.json exists"):
        export_run(run, "saved_model", tmp_path / "new")
    assert names_in(tmp_path) == ["file", "folder", "new.certificate.json"]
    assert (tmp_path / "folder" / "letter.txt").read_text() == "dear"


def test_a_failed_rename_brings_the_old_export_back(run, tmp_path, monkeypatch):
    out = tmp_path / "out"
    export_run(run, "saved_model", out)
    before = {path: sha256(path) for path in tmp_path.rglob("*") if path.is_file()}
    rename = type(out).rename

    def last_fails(self, target):
        if self.name == "export":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(type(out), "rename", last_fails)
    with pytest.raises(OSError, match="Input/output error"):
        export_run(with_model(run, altered_copy(run.model)), "saved_model", out, overwrite=True)
    assert {path: sha256(path) for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_unknown_format(run, tmp_path):
    with pytest.raises(ValueError, match=r"must be one of .*'litert'.* Received: format='pickle'"):
        export_run(run, "pickle", tmp_path / "out")


def test_missing_packages_are_named_with_the_command(run, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else find(name))
    with pytest.raises(ExportError, match=r"not installed: tf2onnx.*Run: pip install tf2onnx onnx onnxruntime$"):
        export_run(run, "onnx", tmp_path / "out")


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"task": "segment"}, "does not classify"),
        ({"input": {}}, "does not tell its image size. Received: image_size=None"),
        ({"input": {"image_size": [64, 64]}}, "must take one RGB image of 64 x 64"),
    ],
)
def test_runs_that_take_no_image_are_refused(run, tmp_path, card, message):
    with pytest.raises(ExportError, match=message):
        export_run(
            Run(run.name, ModelCard.from_dict(run.card.to_dict() | card), run.model), "saved_model", tmp_path / "out"
        )
    assert names_in(tmp_path) == []


def test_the_command_line_offers_the_formats():
    assert set(EXPORT_FORMATS) == set(FORMATS)


@pytest.mark.slow
def test_the_command(root, tmp_path, capfd):
    """Converters write to the file descriptors themselves; nothing of that is seen."""
    out = tmp_path / "out.tflite"
    words = ["export", "small", "--format", "litert", "--out", str(out), "--runs", str(root)]
    done = CliRunner().invoke(main, [*words, "--json"])
    assert (done.exit_code, done.stderr, capfd.readouterr()) == (0, "", ("", ""))
    printed = json.loads(done.stdout)
    assert printed.pop("out") == str(out)
    written = json.loads(certificate_path(out).read_text(encoding="utf-8"))
    assert printed == {"certificate": str(certificate_path(out)), **written}
    again = CliRunner().invoke(main, words)
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr == f"Error: {out} exists. Choose another name, or overwrite it (`--overwrite`).\n"
    assert CliRunner().invoke(main, [*words[:3], "pickle", *words[4:]]).exit_code == 2


def test_the_command_in_words(root, tmp_path):
    out = tmp_path / "out"
    words = ["export", "small", "--format", "saved_model", "--out", str(out), "--runs", str(root)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0
    first, second = done.stdout.splitlines()
    assert re.fullmatch(
        re.escape(f"{out}: agrees with Keras on 18 images: largest difference of a probability ")
        + r"\d\.\de[-+]\d\d \(1e-04 is allowed\), same most probable class on 100\.0%",
        first,
    )
    assert second == f"{certificate_path(out)}: input, labels, hashes, versions"


@pytest.mark.slow
def test_the_face_embedder_with_a_head(portrait_files, format, tmp_path):
    from kerasface.models.face_resnet import build_face_resnet
    from kerasface.models.heads import join

    backbone = build_face_resnet()
    features = keras.Input(backbone.output_shape[1:])
    # As in a trained head, the standardised features are about 1: the network's 128 numbers are about 0.1.
    x = keras.layers.Normalization(mean=np.zeros(features.shape[-1]), variance=np.full(features.shape[-1], 0.01))(
        features
    )
    head = keras.Model(features, keras.layers.Dense(5, activation="softmax")(x))
    card = {"task": "classify", "input": {"image_size": [150, 150]}, "labels": LABELS}
    write_run(tmp_path, "faces", model=join(backbone, head), card=ModelCard.from_dict(card), metrics={}, history=())
    run = load_run(tmp_path, "faces")
    certificate = export_run(run, format, tmp_path / "out", images=portrait_files[0].parent)
    assert certificate.equal_top1 == 1
    assert certificate.num_images == 5
