"""`import kerasface` is light and offers what it says; every example in it runs."""

import doctest
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data
from sklearn.datasets import load_digits

import kerasface as kf
from kerasface.data.samples import draw_digit
from kerasface.images.decoding import ImageError, as_image
from kerasface.runs.card import ModelCard
from kerasface.runs.store import RunError, write_run
from kerasface.tasks import calls
from kerasface.train import callbacks

EXAMPLES = {
    **{name: getattr(calls, name) for name in ("detect", "embed", "verify", "segment", "load", "Gallery")},
    **{"train.classify": kf.train.classify, "callbacks.Resumable": callbacks.Resumable},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with the photos of the examples, in which they run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photo = Image.fromarray(data.astronaut())
    photo.save("ada.jpg", quality=95)
    photo.resize((400, 400)).save("ada_smaller.jpg")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name == "train.classify" else name for name in EXAMPLES],
)
def test_examples_run(folder, name):
    generator = np.random.default_rng(0)
    Image.fromarray(draw_digit(7)).save("seven.png")  # the first ten are 0 to 9, and so on
    for index in range(240) if name == "train.classify" else ():
        if (digit := load_digits().target[index]) < 2:
            (folder / "digits" / str(digit)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw_digit(index)).save(folder / "digits" / str(digit) / f"{index}.png")
    names = {"kf": kf, "keras": keras, "x": generator.normal(size=(8, 4)), "y": np.ones((8, 1))}
    (example,) = [test for test in doctest.DocTestFinder(recurse=False).find(EXAMPLES[name], name, globs=names)]
    assert example.examples
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
    assert result.failed == 0


@pytest.mark.slow
def test_the_card_says_that_faces_are_segmented_one_by_one(folder):
    face = kf.load("face-parts").predict("ada.jpg").faces[0]
    assert face.areas()["skin"] > 0.1


def test_a_photo_comes_in_any_form(folder):
    photo = data.astronaut()
    Image.fromarray(photo).save("ada.png")
    for form in ("ada.png", Path("ada.png"), Path("ada.png").read_bytes(), photo, Image.open("ada.png")):
        np.testing.assert_array_equal(as_image(form), photo)


def test_a_path_may_begin_at_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert kf.verify("~/ada.jpg", "~/ada_smaller.jpg").decision == "match"
    with kf.Gallery("~/friends.gallery") as gallery:
        assert gallery.enroll("Ada", ["~/ada.jpg"])[0].refused is None
    assert (folder / "friends.gallery").is_file()


def test_a_trained_embedder_gives_embeddings_of_its_own(folder):
    """Its model gives the mean red, green and blue of a crop as a unit vector."""
    crops = keras.Input((30, 30, 3))
    means = keras.layers.UnitNormalization()(keras.layers.GlobalAveragePooling2D()(crops))
    card = {
        "task": "embed",
        "input": {"kind": "face", "image_size": [30, 30], "alignment": calls._analyzer().embedder.template.fingerprint},
        "embedding": {"dim": 3, "fingerprint": "colors"},
    }
    write_run("runs", "colors", model=keras.Model(crops, means), card=ModelCard.from_dict(card), metrics={}, history=[])
    face = kf.load("colors", runs="runs").predict("ada.jpg")[0]
    small = cv2.resize(face.crop, (30, 30), interpolation=cv2.INTER_AREA).reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(face.embedding, small / np.linalg.norm(small), atol=0.01)
    assert kf.load("colors", runs="runs").predict(np.zeros((64, 64, 3), np.uint8)) == []


def test_what_is_no_photo_is_refused(folder):
    Path("ada.png").write_bytes(b"no photo")
    with pytest.raises(ImageError, match=r"ada\.png"):
        as_image("ada.png")
    with pytest.raises(ValueError, match="photo=None"):
        as_image(None)
    Image.fromarray(data.astronaut()).save("cut.png")
    Path("cut.png").write_bytes(Path("cut.png").read_bytes()[:1000])
    with Image.open("cut.png") as cut, pytest.raises(ImageError):
        as_image(cut)
    with pytest.raises(ImageError, match="transparent"):
        as_image(Image.new("RGBA", (4, 4)))


def test_a_path_alone_is_no_list_of_photos(folder):
    with kf.Gallery("friends.gallery") as gallery, pytest.raises(ValueError, match=r"Put it in \[ \]"):
        gallery.enroll("Ada", "ada.jpg")


def test_a_setting_that_there_is_not_names_those_like_it():
    with pytest.raises(ValueError, match=r"unknown field. Received: epoch = 5. Did you mean 'epochs'"):
        kf.train.classify("people", "family", epoch=5)


def test_a_name_that_there_is_not_is_told_with_what_there_is():
    with pytest.raises(AttributeError, match=r"no attribute 'verfy'.*verify"):
        kf.verfy  # noqa: B018
    assert {"verify", "Gallery", "train", "losses"} <= set(dir(kf))


@pytest.mark.parametrize(
    ("statement", "unwanted"), [("import kerasface", ("numpy", "keras")), ("import kerasface.cli", ("tensorflow",))]
)
def test_the_door_is_light(statement, unwanted):
    code = f"import sys; {statement}; print([name for name in {unwanted!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def linear():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    return model


class Killed(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_a_fit_that_was_killed_goes_on_to_the_same_weights(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(16, 2)), np.ones((16, 1))
    keras.utils.set_random_seed(0)
    whole = linear()
    start = whole.get_weights()
    whole.fit(x, y, epochs=4, shuffle=False, verbose=0)
    first = linear()
    first.set_weights(start)
    resumable = kf.callbacks.Resumable("line", runs=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        first.fit(x, y, epochs=4, shuffle=False, verbose=0, callbacks=[resumable, Killed()])
    second = linear()
    with pytest.raises(RunError, match="runs already"):
        second.fit(x, y, epochs=4, verbose=0, callbacks=[kf.callbacks.Resumable("line", runs=tmp_path)])
    resumable.release()
    history = second.fit(
        x, y, epochs=4, shuffle=False, verbose=0, callbacks=[kf.callbacks.Resumable("line", runs=tmp_path)]
    )
    assert history.epoch == [2, 3]
    for expected, found in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert list(tmp_path.iterdir()) == []
