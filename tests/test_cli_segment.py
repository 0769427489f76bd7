"""`kerasface segment` and `kerasface evaluate segmentation` with a made-up model of colours."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from kerasface.faces import detection
from kerasface.faces.detection import Face
from kerasface.runs.card import ModelCard
from kerasface.runs.store import write_run

CLASSES = ["background", "skin", "hair"]
COLORS = [[0, 0, 0], [200, 0, 0], [0, 200, 0]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with the model `face-parts`: skin where red is above 100, hair where green is."""
    inputs = keras.Input((None, None, 3))
    head = keras.layers.Conv2D(3, 1, activation="softmax")
    model = keras.Model(inputs, head(inputs))
    kernel = np.zeros((1, 1, 3, 3))
    kernel[0, 0, 0, 1] = kernel[0, 0, 1, 2] = 0.1
    head.set_weights([kernel, np.array([10.0, 0.0, 0.0])])
    place = {"kind": "segment", "image_size": [64, 64], "values": "RGB, 0 to 255", "context": 2.0}
    card = {"task": "segment", "labels": CLASSES, "colours": COLORS, "input": place}
    root = tmp_path_factory.mktemp("saved_models")
    write_run(root, "face-parts", model=model, card=ModelCard.from_dict(card), metrics={}, history=[])
    write_run(root, "names", model=model, card=ModelCard.from_dict(card | {"task": "classify"}), metrics={}, history=[])
    return root


@pytest.fixture
def run(tmp_path, monkeypatch, runs):
    """Function that runs the command line in this process, in an empty folder, on the models of `runs`."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, [*map(str, words), "--runs", str(runs)])


@pytest.fixture
def found_faces(monkeypatch):
    """Replaces the detector by one that finds one face, its box in the middle half of every photo but dark ones."""
    sizes = []

    class Detector:
        def __init__(self, min_face_size=None):
            sizes.append(min_face_size)

        def detect(self, images):
            return [[_middle(image)] if image.max() > 100 else [] for image in images]

    monkeypatch.setattr(detection, "FaceDetector", Detector)
    return sizes


def _middle(image):
    height, width = image.shape[:2]
    points = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]) * (width, height)
    return Face((width / 4, height / 4, width / 2, height / 2), points.astype(np.float32), 0.9)


def painted(path, ids):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.array(COLORS, dtype=np.uint8)[ids]).save(path)
    return path


@pytest.fixture
def ids():
    """64 x 64: skin in the middle, hair above it."""
    ids = np.zeros((64, 64), dtype=np.uint8)
    ids[16:48, 16:48], ids[8:16, 16:48] = 1, 2
    return ids


def test_mask_overlay_and_json_of_a_face(run, tmp_path, ids, found_faces):
    photo = painted(tmp_path / "ada.png", ids)
    result = run("segment", photo, "--out", "new/out", "--min-face-size", 30, "--opacity", 1, "--json")
    assert (result.exit_code, result.stderr, found_faces) == (0, "", [30.0])
    (entry,) = json.loads(result.stdout)
    assert entry["image"] == str(photo)
    assert entry["classes"] == [
        {"id": index, "name": name, "colour": color}
        for index, (name, color) in enumerate(zip(CLASSES, COLORS, strict=True))
    ]
    assert entry["areas"] == pytest.approx({"background": 1 - 1280 / 4096, "skin": 1024 / 4096, "hair": 256 / 4096})
    (face,) = entry["faces"]
    assert (face["box"], face["region"]) == ([16.0, 16.0, 32.0, 32.0], [0, 0, 64, 64])
    assert face["areas"] == pytest.approx({"skin": 0.8, "hair": 0.2})
    with Image.open(entry["mask"]) as mask:
        assert (mask.mode, mask.getpalette()[:9]) == ("P", [0, 0, 0, 200, 0, 0, 0, 200, 0])
        np.testing.assert_array_equal(np.asarray(mask), ids)
    with Image.open(entry["overlay"]) as overlay:
        assert (overlay.format, overlay.size) == ("JPEG", (64, 64))
        assert np.abs(np.asarray(overlay)[30, 30].astype(int) - (200, 0, 0)).max() < 10
    written = json.loads((tmp_path / "new" / "out" / "segmentation.json").read_text(encoding="utf-8"))
    assert (written["model"], written["whole"], written["photos"]) == ("face-parts", False, [entry])
    assert len(written["model_sha256"]) == 64
    names = {path.name for path in (tmp_path / "new" / "out").iterdir()}
    assert names == {"ada.mask.png", "ada.overlay.jpg", "segmentation.json"}


def test_the_mask_can_be_read_as_a_mask_again(run, tmp_path, ids):
    from kerasface.data.masks.reading import read_mask

    run("segment", painted(tmp_path / "ada.png", ids), "--out", "out", "--whole")
    np.testing.assert_array_equal(read_mask(tmp_path / "out" / "ada.mask.png", CLASSES), ids)


def test_a_photo_without_a_face_fails_and_the_others_go_on(run, tmp_path, ids, found_faces):
    dark, text = painted(tmp_path / "dark.png", ids * 0), tmp_path / "text.jpg"
    text.write_text("no photo")
    photo = painted(tmp_path / "ada.png", ids)
    result = run("segment", dark, text, photo, "--out", "out")
    assert result.exit_code == 1
    problems = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert problems[0] == f"Error: {dark}: No face was found. Segment the picture as a whole: --whole."
    assert "Not an image" in problems[1]
    assert result.stdout.splitlines() == [
        f"{photo}: 1 face",
        "  face 1 at 16,16 32x32: skin 80.0%, hair 20.0%",
        "  out/ada.mask.png",
        "  out/ada.overlay.jpg",
    ]
    photos = json.loads((tmp_path / "out" / "segmentation.json").read_text(encoding="utf-8"))["photos"]
    assert [sorted(entry)[:2] for entry in photos] == [["error", "image"], ["error", "image"], ["areas", "classes"]]


def test_whole_pictures_need_no_detector(run, tmp_path, ids, monkeypatch):
    monkeypatch.setattr(detection, "FaceDetector", None)
    result = run("segment", painted(tmp_path / "ada.png", ids), "--out", "out", "--whole")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].endswith("ada.png: background 68.8%, skin 25.0%, hair 6.2%")


def test_photos_of_one_name_do_not_overwrite_one_another(run, tmp_path, ids):
    """Four photos that want `ada.mask.png`, one of them only where case counts, and one that is called so itself."""
    photos = [painted(tmp_path / folder / name, ids) for folder, name in (("a", "ada.png"), ("b", "ada.bmp"))]
    photos += [painted(tmp_path / "a" / "ADA.png", ids), painted(tmp_path / "out" / "ada.mask.png", ids * 0)]
    before = photos[3].read_bytes()
    result = run("segment", *photos, "--out", tmp_path / "out", "--whole", "--json")
    assert result.exit_code == 0, result.output
    masks = [entry["mask"].rpartition("/")[2] for entry in json.loads(result.stdout)]
    assert masks == ["ada-2.mask.png", "ada-3.mask.png", "ADA-4.mask.png", "ada.mask.mask.png"]
    assert photos[3].read_bytes() == before
    assert sum(path.name.endswith(".overlay.jpg") for path in (tmp_path / "out").iterdir()) == 4


def test_several_photos_have_a_progress_bar_and_pure_json(run, tmp_path, ids):
    photos = [painted(tmp_path / f"{number}.png", ids) for number in range(3)]
    result = run("segment", *photos, "--out", "out", "--whole", "--json")
    assert len(json.loads(result.stdout)) == 3
    assert "photos" in result.stderr
    assert "3/3" in result.stderr


def test_a_model_that_cannot_be_used(run, tmp_path, ids):
    photo = painted(tmp_path / "ada.png", ids)
    missing = CliRunner().invoke(main, ["segment", str(photo), "--out", "out", "--runs", "elsewhere"])
    assert (missing.exit_code, len(missing.output.splitlines())) == (1, 1)
    assert f"There is no model 'face-parts' in {Path('elsewhere').absolute()}. Present: none." in missing.output
    assert "It comes with KerasFace: leave --runs out." in missing.output
    result = run("segment", photo, "--out", "out", "--model", "names")
    assert result.output == "Error: The model 'names' does not segment. Received: task='classify'.\n"
    assert not (tmp_path / "out").exists()
    assert run("segment", photo).exit_code == 2
    assert run("segment", photo, "--out", "out", "--opacity", 2).exit_code == 2


def test_the_real_detector(run, tmp_path, portrait, portrait_face):
    Image.fromarray(portrait).save(tmp_path / "eileen.png")
    (entry,) = json.loads(run("segment", tmp_path / "eileen.png", "--out", "out", "--json").stdout)
    assert entry["faces"][0]["box"] == pytest.approx([round(value, 2) for value in portrait_face.box])


@pytest.fixture
def labeled(tmp_path, ids):
    """`images` and `masks` of two pairs, the first wrong in 64 of 4096 pixels, and a picture without a mask."""
    (tmp_path / "masks").mkdir()
    for name in ("one", "two"):
        shown = ids.copy()
        if name == "one":
            shown[:2, :32] = 1
        painted(tmp_path / "images" / f"{name}.png", shown)
        Image.fromarray(ids).save(tmp_path / "masks" / f"{name}.png")
    painted(tmp_path / "images" / "three.png", ids)
    return tmp_path


def test_evaluate_measures_every_class(run, labeled):
    """Skin: 2048 true pixels, all found, and 64 of the background taken for it."""
    words = ("evaluate", "segmentation", "--images", "images", "--masks", "masks", "--model", "face-parts")
    result = run(*words, "--json", "--report", "report.html")
    assert result.exit_code == 0, result.output
    rates = json.loads(result.stdout)
    assert rates["pixel_accuracy"] == pytest.approx(1 - 64 / 8192)
    assert rates["iou"] == pytest.approx({"background": 5568 / 5632, "skin": 2048 / 2112, "hair": 1.0})
    assert rates["mean_iou"] == pytest.approx(np.mean([5568 / 5632, 2048 / 2112, 1]))
    assert rates["f1"]["skin"] == pytest.approx(2 * 2048 / (2048 + 2112))
    assert set(rates["boundary_f1"]) == set(CLASSES)
    assert (rates["num_images"], rates["num_failed"]) == (2, 1)
    assert rates["failed"] == [{"image": "images/three.png", "reason": "images/three.png: No mask of this name."}]
    assert rates["mean_iou_low"] <= rates["mean_iou"] <= rates["mean_iou_high"]
    assert rates["seconds"] >= 0
    report = (labeled / "report.html").read_text(encoding="utf-8")
    assert "mean IoU" in report
    assert "hair" in report
    lines = run(*words).stdout.splitlines()
    assert lines[0].startswith(f"mean IoU {rates['mean_iou']:.2%} (95 % ")
    assert lines[0].endswith("2 pictures")
    assert lines[2].startswith(f"skin: IoU {2048 / 2112:.2%}, F1 ")
    assert lines[-1] == "  images/three.png: No mask of this name."


def test_evaluate_by_a_map_measures_in_the_classes_of_the_masks(run, labeled, ids):
    """Skin and hair are one label: what is wrong is the 64 pixels of background taken for skin."""
    for path in (labeled / "masks").iterdir():
        Image.fromarray((ids > 0).astype(np.uint8)).save(path)
    (labeled / "map.toml").write_text('[labels]\nwall = "background"\nhead = ["skin", "hair"]\n')
    words = ("evaluate", "segmentation", "--images", "images", "--masks", "masks", "--map")
    rates = json.loads(run(*words, "map.toml", "--json").stdout)
    heads = 2 * int((ids > 0).sum())
    assert rates["iou"] == pytest.approx({"wall": (8192 - heads - 64) / (8192 - heads), "head": heads / (heads + 64)})
    assert [entry["image"] for entry in rates["worst"]] == ["one.png", "two.png"]
    assert "lowest mean IoU: one.png 0.9" in run(*words, "map.toml").stdout
    result = run(*words, "none.toml")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: none.toml cannot be read")


def test_evaluate_refuses_masks_of_other_classes(run, labeled, ids):
    Image.fromarray(ids + 3).save(labeled / "masks" / "two.png")
    result = run("evaluate", "segmentation", "--images", "images", "--masks", "masks")
    assert result.exit_code == 1
    error = result.stderr.splitlines()[-1]
    assert error.startswith("Error: masks/two.png: ")
    assert "The model knows background, skin, hair" in error
