"""A split that was given: matched by name, kept as it is, and nothing of it trained on."""

import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from kerasface.train.classification import data as data_module
from kerasface.train.classification.data import prepare
from kerasface.train.classification.defaults import resolve
from kerasface.train.recipe import ClassifyRecipe

SIDE = 16


def fill(root, **counts):
    """Writes folders of pictures, `name=number of them`, none like another."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            seed = [*f"{root.name}/{name}/{index}".encode()]
            coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((24, 24), Image.Resampling.NEAREST).save(root / name / f"{index}.png")
    return root


@pytest.fixture
def train(tmp_path):
    return fill(tmp_path / "train", Ada=4, Bea=3, Cleo=1)


@pytest.fixture
def dev(tmp_path):
    return fill(tmp_path / "dev", Ada=2, Bea=1)


@pytest.fixture
def ready(train, dev, tmp_path):
    """Function from changes of the recipe to the prepared data."""

    def make(data=train, **changes):
        settings = {"faces": False, "backbone": "linear", "epochs": 1, "image_size": SIDE, "validation": str(dev)}
        return prepare(data, resolve(ClassifyRecipe(**settings | changes)), tmp_path / "cache")

    return make


def files(prepared, part):
    return [prepared.files[index] for index in getattr(prepared, part)]


def test_what_was_given_is_judged_on_and_everything_else_trained_on(ready, dev):
    """A class of one picture is trained on, too: nothing of it has to be held out."""
    prepared = ready()
    assert prepared.names == ["Ada", "Bea", "Cleo"]
    assert Counter(prepared.people[index] for index in prepared.train) == {"Ada": 4, "Bea": 3, "Cleo": 1}
    assert files(prepared, "validation") == ["Ada/0.png", "Ada/1.png", "Bea/0.png"]
    assert [prepared.names[label] for label in prepared.labels[prepared.validation]] == ["Ada", "Ada", "Bea"]
    assert prepared.given == dev
    assert prepared.notes == [f"Not judged: 1 class without a picture in {dev}: Cleo."]
    assert len(prepared.unknown) == 0
    assert ready(validation=None, min_images=1).given is None


def test_training_pictures_that_are_judged_on_as_well_are_left_out_and_named(ready, train, dev, portrait):
    """Ada's is an equal file under another name, Bea's the same photo smaller; what was given stays whole."""
    shutil.copy(dev / "Ada" / "0.png", train / "Ada" / "9.png")
    Image.fromarray(portrait).save(dev / "Bea" / "photo.png")
    Image.fromarray(portrait).resize((200, 200)).save(train / "Bea" / "small.jpg", quality=80)
    prepared = ready(image_size=64)
    assert files(prepared, "moved") == ["Ada/9.png", "Bea/small.jpg"]
    assert len(prepared.validation) == 4
    assert not np.intersect1d(prepared.train, prepared.moved).size
    assert (len(prepared.leaks.exact), len(prepared.leaks.near)) == (1, 1)
    counts = "1 equal file and 1 nearly equal picture"
    assert prepared.notes[0] == f"Left out of the training: 2 pictures, as {dev} shows the same ({counts} there)."


def test_listings_take_the_place_of_both_folders(ready, train, dev, tmp_path):
    for folder in (train, dev):
        lines = [f"{folder.name}/{path.parent.name}/{path.name},{path.parent.name}" for path in folder.glob("*/*.png")]
        (tmp_path / f"{folder.name}.csv").write_text("\n".join(["path,label", *lines]))
    listed = ready(tmp_path / "train.csv", validation=str(tmp_path / "dev.csv"))
    assert listed.fingerprint == ready().fingerprint
    assert listed.root == tmp_path / "train.csv"
    assert files(listed, "validation")[0] == "dev/Ada/0.png"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda dev: fill(dev, Dora=1), r"holds 1 class that .*train does not.*Received: Dora; trained on are Ada"),
        (lambda dev: (dev / "Ada").rename(dev / "ada"), r"Received: ada;.*'ada' may be 'Ada'"),
        (
            lambda dev: fill(dev, **{f"n{number:03}": 1 for number in range(9)}),
            r"9 classes.*n000, n001, n002 and 6 more;",
        ),
        (lambda dev: shutil.rmtree(dev), "dev does not exist"),
        (lambda dev: [shutil.rmtree(dev / name) for name in ("Ada", "Bea")], "has none"),
    ],
    ids=["unknown class", "another case", "many", "absent", "empty"],
)
def test_a_split_that_does_not_fit_is_refused_before_any_picture_is_read(ready, dev, monkeypatch, change, message):
    monkeypatch.setattr(data_module, "cache_images", lambda *arguments: pytest.fail("read the images"))
    change(dev)
    with pytest.raises(ValueError, match=message) as caught:
        ready()
    assert "\n" not in str(caught.value)


def test_what_is_trained_on_is_not_judged_on(ready, train, tmp_path):
    with pytest.raises(ValueError, match="cannot be those trained on"):
        ready(validation=f"{train}/../train")
    shutil.copytree(train, tmp_path / "copy")
    with pytest.raises(ValueError, match=r"All training pictures of a class.*3 such classes, Ada, Bea, Cleo, in"):
        ready(validation=str(tmp_path / "copy"))


def test_pictures_that_cannot_be_read_leave_nothing_to_judge_on(ready, dev):
    for path in dev.glob("*/*.png"):
        path.write_text("no picture")
    with pytest.raises(ValueError, match=r"No picture in .*dev can be used"):
        ready()


def test_a_class_left_out_of_the_training_is_not_judged_on(ready, dev):
    fill(dev, Cleo=2)
    prepared = ready(min_images=2)
    assert prepared.names == ["Ada", "Bea"]
    assert {prepared.people[index] for index in prepared.validation} == {"Ada", "Bea"}
    assert sum("Cleo is left out of the training" in reason for _, reason in prepared.rejected) == 2
    assert files(prepared, "unknown") == ["Cleo/0.png"]


def test_names_are_matched_in_any_form_of_unicode(ready, train, dev):
    (train / "Ada").rename(train / "Zoe\u0308")
    (dev / "Ada").rename(dev / "Zo\u00eb")
    assert ready().names == ["Bea", "Cleo", "Zoe\u0308"]


@pytest.mark.parametrize("changes", [{"holdout": 0.3}, {"groups": r"(\d)"}])
def test_a_split_is_given_or_drawn(ready, changes):
    with pytest.raises(ValueError, match="a split that was given"):
        ready(**changes)
