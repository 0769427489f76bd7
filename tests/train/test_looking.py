"""What one looks at before a training: the sheet of augmented images, and the search for a learning rate."""

import numpy as np
import pytest
from PIL import Image

from kerasface.data.augmentation import preview_sheet
from kerasface.models import backbones
from kerasface.train.classification.data import prepare
from kerasface.train.classification.defaults import resolve
from kerasface.train.engine import network
from kerasface.train.looking import search_learning_rate, write_preview
from kerasface.train.recipe import ClassifyRecipe

RATES = np.geomspace(1e-6, 1.0, 100)  # the defaults of `find_learning_rate`
RECIPE = ClassifyRecipe(faces=False, image_size=16, backbone="linear", epochs=1, batch_size=8, label_smoothing=0.0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Three classes of 4 noisy pictures with a colour each; of each class one is held out, 9 are for training."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for label, name in enumerate(("blue", "green", "red")):
        (folder / name).mkdir()
        for index in range(4):
            picture = generator.integers(0, 120, (16, 16, 3))
            picture[..., 2 - label] += 100
            Image.fromarray(picture.astype(np.uint8)).save(folder / name / f"{index}.png")
    return folder


@pytest.mark.parametrize("mix", ["none", "mixup"])
def test_the_preview_is_the_sheet_of_the_training_images(pictures, tmp_path, mix):
    """Nine images of 128 pixels, eight in a row: each with 36 pixels of text below it and gaps of 8 pixels."""
    recipe = ClassifyRecipe(faces=False, image_size=16, backbone="linear", epochs=1, mix=mix, augment="standard")
    reports = []
    write_preview(
        pictures,
        recipe,
        tmp_path / "new" / "sheet.png",
        cache=tmp_path,
        on_progress=lambda *report: reports.append(report),
    )
    with Image.open(tmp_path / "new" / "sheet.png") as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (8 * 136 + 8, 2 * 172 + 8))
        sheet = np.array(image)
    assert reports[-1] == ("images", 12, 12)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sheet.png"]
    prepared = prepare(pictures, resolve(recipe), tmp_path)
    rows = np.random.default_rng(0).permutation(prepared.train)
    arguments = (prepared.images[rows], prepared.labels[rows], prepared.names, "standard")
    np.testing.assert_array_equal(sheet, preview_sheet(*arguments, mix=mix))
    if mix != "none":
        assert (sheet != preview_sheet(*arguments)).any()  # other pictures, and the shares of two names below them


def test_at_most_32_images_are_shown(tmp_path):
    """36 of 45 are for training: four full rows."""
    for name in ("a", "b", "c"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(15):
            noise = np.random.default_rng([index, ord(name)]).integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "data" / name / f"{index}.png")
    write_preview(tmp_path / "data", RECIPE, tmp_path / "sheet.png", cache=tmp_path / "cache")
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size == (8 * 136 + 8, 4 * 172 + 8)


def assert_found(found, path):
    assert np.isclose(RATES, found, rtol=1e-12).any()
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "plotly" in page


@pytest.mark.slow
def test_the_search_writes_its_figure_and_returns_a_rate_that_was_tried(pictures, tmp_path):
    reports = []
    found = search_learning_rate(
        pictures, RECIPE, tmp_path / "search.html", cache=tmp_path, on_progress=lambda *report: reports.append(report)
    )
    assert_found(found, tmp_path / "search.html")
    assert list(dict.fromkeys(stage for stage, _, _ in reports)) == ["images", "search"]


@pytest.fixture
def small_pretrained(monkeypatch):
    """Makes `MobileNetV2` a small network with random weights, as nothing can be downloaded here."""

    def build(name, image_size, **options):
        return backbones.build_backbone("simple_cnn", image_size, weights=None)

    monkeypatch.setattr(network, "build_backbone", build)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"epochs": 0}, marks=pytest.mark.slow),
        pytest.param(
            {"epochs": 0, "classifier": "cosine", "class_weights": "balanced", "ema": 0.9}, marks=pytest.mark.slow
        ),
        pytest.param({"epochs": 1, "accumulate": 2, "schedule": "plateau"}, marks=pytest.mark.slow),
    ],
    ids=["head", "cosines", "fine-tuning"],
)
def test_the_search_is_for_the_last_stage(small_pretrained, pictures, tmp_path, changes):
    """Also where that stage would train nothing: cosines begin at the mean directions."""
    recipe = ClassifyRecipe(faces=False, image_size=16, backbone="MobileNetV2", batch_size=8, **changes)
    stages_seen = []
    found = search_learning_rate(
        pictures,
        recipe,
        tmp_path / "search.html",
        cache=tmp_path,
        on_progress=lambda stage, done, total: stages_seen.append(stage),
    )
    assert_found(found, tmp_path / "search.html")
    assert {"images", "features", "search"} == set(stages_seen)


def test_nothing_is_written_where_the_data_are_refused(tmp_path):
    (tmp_path / "data").mkdir()
    for look in (write_preview, search_learning_rate):
        with pytest.raises(ValueError, match="At least two classes or people"):
            look(tmp_path / "data", RECIPE, tmp_path / "out", cache=tmp_path / "cache")
    with pytest.raises(ValueError, match=r"holdout=2\.0"):
        write_preview(tmp_path / "data", ClassifyRecipe(holdout=2.0), tmp_path / "out", cache=tmp_path / "cache")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
