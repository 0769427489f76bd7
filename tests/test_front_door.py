"""`import kerasface` is light and offers what it says; every example in it runs."""

import doctest
import inspect
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
from kerasface.tasks.calls import _analyzer

TRAININGS = ("train.classify", "train.metric", "train.segment")


def _public():
    """Whatever `import kerasface as kf` offers that can be called, by its name after `kf.`."""
    for name in kf.__all__:
        offered = getattr(kf, name)
        if callable(offered):
            yield name, offered
        elif inspect.ismodule(offered):
            for inner, value in vars(offered).items():
                if callable(value) and not inner.startswith("_") and value.__module__.startswith(offered.__name__):
                    yield f"{name}.{inner}", value


PUBLIC = dict(_public())


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
    [pytest.param(name, marks=pytest.mark.slow) if name in TRAININGS else name for name in PUBLIC],
)
def test_whatever_is_offered_has_an_example_that_runs(folder, name):
    generator = np.random.default_rng(0)
    Image.fromarray(draw_digit(7)).save("seven.png")  # the first ten are 0 to 9, and so on
    for index in range(240) if name in TRAININGS else ():
        if (digit := load_digits().target[index]) < (2 if name == "train.classify" else 6):
            (folder / "digits" / str(digit)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw_digit(index)).save(folder / "digits" / str(digit) / f"{index}.png")
    if name == "train.segment":
        _draw_squares(folder / "drawings")
    names = {"kf": kf, "keras": keras, "np": np, "x": generator.normal(size=(8, 4)), "y": np.ones((8, 1))}
    (example,) = [test for test in doctest.DocTestFinder(recurse=False).find(PUBLIC[name], name, globs=names)]
    assert example.examples
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
    assert result.failed == 0


def _draw_squares(folder):
    """Grey pictures with a light square, and masks of it."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    (folder / "classes.txt").write_text("ground\nsquare\n")
    for index in range(6):
        mask = np.zeros((64, 64), np.uint8)
        mask[8 + 4 * index : 28 + 4 * index, 10:40] = 1
        Image.fromarray(mask).save(folder / "masks" / f"{index}.png")
        Image.fromarray(60 + 120 * mask).save(folder / "images" / f"{index}.png")


@pytest.mark.slow
def test_the_card_says_that_faces_are_segmented_one_by_one(folder):
    face = kf.load("face-parts").predict("ada.jpg").faces[0]
    assert face.areas()["skin"] > 0.1


def test_a_photo_comes_in_any_form(folder):
    photo = data.astronaut()
    Image.fromarray(photo).save("ada.png")
    for form in ("ada.png", Path("ada.png"), Path("ada.png").read_bytes(), photo, Image.open("ada.png")):
        np.testing.assert_array_equal(as_image(form), photo)


def test_an_opened_photo_that_lies_on_its_side_is_turned():
    photo = Image.fromarray(data.astronaut()[:400])
    photo.getexif()[0x0112] = 6  # to be turned a quarter clockwise
    np.testing.assert_array_equal(as_image(photo), np.rot90(data.astronaut()[:400], -1))


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
        "input": {
            "kind": "face",
            "image_size": [30, 30],
            "alignment": _analyzer().embedder.template.fingerprint,
        },
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


@pytest.mark.slow
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
