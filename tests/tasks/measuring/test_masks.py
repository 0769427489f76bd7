"""A folder of pictures and one of masks as a trial: pairs by name, what cannot be compared, and nothing guessed."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kerasface.data.masks.labels import read_label_file
from kerasface.reports.segmentation import segmentation_document
from kerasface.tasks.measuring.masks import measure_masks, score_masks

CLASSES = ("background", "skin", "hair")
COLORS = ((0, 0, 0), (200, 0, 0), (0, 200, 0))


def by_colour(image):
    """Class 1 where red is bright, class 2 where green is."""
    return np.where(image[..., 0] > 100, 1, np.where(image[..., 1] > 100, 2, 0)).astype(np.uint8)


@pytest.fixture
def folders(tmp_path):
    """`pictures` and `drawn` with the pairs a, b and c: b's picture has 5 wrong pixels of 60."""
    for name in ("pictures", "drawn"):
        (tmp_path / name).mkdir()
    mask = np.zeros((6, 10), dtype=np.uint8)
    mask[:, 5:8], mask[:, 8:] = 1, 2
    for name in ("a", "b", "c"):
        ids = mask.copy()
        if name == "b":
            ids[1:, 5] = 0
        Image.fromarray(np.array(COLORS, dtype=np.uint8)[ids]).save(tmp_path / "pictures" / f"{name}.png")
        Image.fromarray(mask).save(tmp_path / "drawn" / f"{name}.png")
    return tmp_path


def score(folder, **options):
    return score_masks(folder / "pictures", folder / "drawn", by_colour, CLASSES, COLORS, **options)


def test_rates_are_those_of_all_pixels(folders):
    """Skin: 54 true pixels, of which 5 are called background."""
    seen = []
    rates = score(folders, on_progress=lambda done, total: seen.append((done, total)))
    result = rates.result
    assert rates.failed == ()
    assert (result.num_images, result.classes) == (3, CLASSES)
    assert result.pixel_accuracy == pytest.approx(175 / 180)
    assert result.iou == pytest.approx({"background": 90 / 95, "skin": 49 / 54, "hair": 1.0})
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_what_cannot_be_compared_is_told_and_the_rest_goes_on(folders):
    Image.new("RGB", (4, 4)).save(folders / "pictures" / "alone.png")
    Image.new("L", (4, 4)).save(folders / "drawn" / "nobody.png")
    Image.new("L", (9, 6)).save(folders / "drawn" / "b.png")
    (folders / "drawn" / "c.png").write_text("no mask")
    (folders / "pictures" / "notes.txt").touch()
    (folders / "drawn" / "readme.md").touch()
    rates = score(folders)
    result, failed = rates.result, rates.failed
    assert (result.num_images, result.pixel_accuracy) == (1, 1.0)
    reasons = {path.name: reason for path, reason in failed}
    assert set(reasons) == {"alone.png", "nobody.png", "b.png", "c.png", "notes.txt", "readme.md"}
    assert reasons["alone.png"].endswith("alone.png: No mask of this name.")
    assert reasons["nobody.png"].endswith("nobody.png: No picture of this name.")
    assert "9 x 6 pixels, the picture b.png has 10 x 6" in reasons["b.png"]
    assert "Not an image" in reasons["c.png"]


def test_an_id_that_the_model_does_not_know_ends_the_trial(folders):
    Image.fromarray(np.full((6, 10), 3, dtype=np.uint8)).save(folders / "drawn" / "b.png")
    with pytest.raises(ValueError, match=r"b\.png: .*0 to 2.*id 3.*The model knows background, skin, hair"):
        score(folders)


def test_masks_of_other_classes_are_not_compared(folders):
    (folders / "classes.txt").write_text("background\nhair\nskin\n")
    with pytest.raises(ValueError, match=r"classes\.txt names other classes.*background, hair, skin; the model's:"):
        score(folders)


def test_masks_in_colours_have_those_of_the_model_or_of_their_file(folders):
    ids = np.array(Image.open(folders / "drawn" / "a.png"))
    colored = np.array(((0, 0, 0), (1, 2, 3), (0, 200, 0)), dtype=np.uint8)[ids]
    Image.fromarray(colored).save(folders / "drawn" / "a.png")
    failed = score(folders).failed
    assert [path.name for path, _ in failed] == ["a.png"]
    (folders / "classes.txt").write_text("background\nskin #010203\nhair\n")
    assert score(folders).failed == ()


@pytest.fixture
def by_map(folders):
    """The masks of `folders` in other words: 0 is ignored, 1 stands for background, 2 for skin and hair."""
    path = folders / "map.toml"
    path.write_text('[labels]\nvoid = "ignore"\nwall = "background"\nhead = ["skin", "hair"]\n')
    ids = np.zeros((6, 10), dtype=np.uint8)
    ids[:, 2:5], ids[:, 5:] = 1, 2
    for name in ("a", "b", "c"):
        Image.fromarray(ids).save(folders / "drawn" / f"{name}.png")
    return path


def test_masks_of_other_classes_are_compared_by_a_map(folders, by_map):
    """48 of 60 pixels count in each of three pictures; of b's head 5 are called background."""
    rates = score(folders, said=read_label_file(by_map))
    assert rates.result.classes == ("wall", "head")
    assert rates.result.confusion.tolist() == [[54, 0], [5, 85]]
    assert rates.result.iou == pytest.approx({"wall": 54 / 59, "head": 85 / 90})
    assert rates.result.boundary_f1["head"] is not None
    assert rates.colors == (COLORS[0], COLORS[1])
    assert rates.worst[0].file == "b.png"
    assert rates.worst[0].mean_iou == pytest.approx((18 / 23 + 25 / 30) / 2)
    by_map.write_text("coarse = 0.01\n" + by_map.read_text())
    assert score(folders, said=read_label_file(by_map)).result.boundary_f1 == {"wall": None, "head": None}


def test_a_map_goes_by_the_ids_of_classes_txt(folders, by_map):
    (folders / "classes.txt").write_text("void\nhead #010203\nwall\n")
    rates = score(folders, said=read_label_file(by_map))
    assert rates.result.classes == ("head", "wall")  # which the masks have the other way round
    assert rates.colors == ((1, 2, 3), COLORS[0])
    assert rates.result.pixel_accuracy == pytest.approx(5 / 144)


def test_nothing_to_compare(folders, tmp_path):
    with pytest.raises(ValueError, match="none is not a folder"):
        score_masks(tmp_path / "none", folders / "drawn", by_colour, CLASSES, COLORS)
    for name in ("a", "b", "c"):
        (folders / "drawn" / f"{name}.png").rename(folders / "drawn" / f"{name}{name}.png")
    with pytest.raises(ValueError, match=r"No picture of .*pictures could be compared.*No mask of this name"):
        score(folders)


def test_a_model_is_measured_and_reported(folders):
    segmenter = SimpleNamespace(
        classes=CLASSES, colors=COLORS, segment_whole=lambda image: SimpleNamespace(mask=by_colour(image))
    )
    rates = measure_masks(folders / "pictures", folders / "drawn", segmenter)
    assert rates.result.pixel_accuracy == score(folders).result.pixel_accuracy
    told = json.loads(json.dumps(rates.to_dict()))
    assert (told["num_images"], told["num_failed"]) == (3, 0)
    assert told["worst"][0]["image"] == "b.png"
    text = segmentation_document("<b>Masks</b>", rates)
    assert "&lt;b&gt;Masks" in text
    assert f"{100 * rates.result.iou['skin']:.2f}" in text
    assert text.count("Plotly.newPlot(") == 2
    assert "3 masks with the lowest mean IoU" in text
