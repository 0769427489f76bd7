"""Training a classifier: from a folder of people to a run, with nothing lost on the way."""

import csv
import json
import shutil
from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image

from kerasface.data.cache.crops import crop_faces
from kerasface.data.folders import read_identity_folders
from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.faces.detection import FaceDetector
from kerasface.images.decoding import decode
from kerasface.models.face_resnet import build_face_resnet
from kerasface.runs.store import RunError, load_run
from kerasface.tasks.recognition import FaceClassifier
from kerasface.train.engine.driver import run_training
from kerasface.train.engine.loop import TrainingDivergedError
from kerasface.train.engine.tensorboard import EVENT_FILE
from kerasface.train.recipe import ClassifyRecipe

EPOCHS = 8
RECIPE = ClassifyRecipe(classifier="softmax", head_epochs=EPOCHS, seed=3, tensorboard=True)


def save(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def people(portrait, tmp_path_factory):
    """Two "people" made from one: as she is, and squeezed and grey; beside them what cannot be used.

    Ada has 6 photos with a face, Bea 5, Cleo 1. Four files give none: a truncated one, one without a face, a text, and
    one outside the folders.
    """
    folder = tmp_path_factory.mktemp("people")
    head = portrait[:260, 100:340].astype(np.float32)
    squeezed = cv2.resize(head, (170, 300)).mean(axis=2, keepdims=True).repeat(3, axis=2)
    for index in range(6):
        save(head[2 * index :] * (0.7 + 0.1 * index), folder / "Ada" / f"{index}.png")
    for index in range(5):
        save(squeezed[index:] * (0.8 + 0.1 * index), folder / "Bea" / f"{index}.png")
    save(head[:, ::-1], folder / "Cleo" / "0.png")
    whole = (folder / "Ada" / "0.png").read_bytes()
    (folder / "Ada" / "cut.png").write_bytes(whole[: len(whole) // 2])
    save(np.full((60, 60, 3), 127), folder / "Ada" / "wall.png")
    (folder / "Bea" / "notes.txt").write_text("not a photo")
    shutil.copy(folder / "Ada" / "1.png", folder / "loose.png")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("training_cache")


@pytest.fixture(scope="module")
def trained(people, cache, tmp_path_factory):
    """The first training, with what it reported."""
    reports = []
    result = run_training(
        "classify",
        people,
        "friends",
        recipe=RECIPE,
        runs=tmp_path_factory.mktemp("saved_models"),
        cache=cache,
        on_progress=lambda *report: reports.append(report),
    )
    return result, reports


@pytest.fixture(scope="module")
def again(people, cache, tmp_path_factory):
    """Function that trains once more on the same data and cache, with another seed if asked."""

    def train(trained_first, **changes):
        recipe = ClassifyRecipe(**{"classifier": "softmax", "head_epochs": EPOCHS, "seed": 3, **changes})
        return run_training(
            "classify", people, "friends", recipe=recipe, runs=tmp_path_factory.mktemp("runs"), cache=cache
        )

    return train


def test_the_numbers_are_those_of_the_folder(trained):
    """A fifth of 6 and of 5 photos, rounded, is 1 each."""
    metrics = trained[0].metrics
    counts = {key: value for key, value in metrics.items() if key.startswith("num_")}
    assert counts.pop("num_params") == load_run(trained[0].folder.parent, "friends").model.count_params()
    assert counts == {
        "num_classes": 2,
        "num_train": 9,
        "num_validation": 2,
        "num_unknown": 1,  # Cleo, who has one photo
        "num_rejected": 4,
        "num_left_out": 1,
        "num_moved": 0,
        "num_images_computed": 13,  # of three people's 12 photos with a face, and the one without
    }
    assert metrics["top1"] in (0, 0.5, 1)
    assert metrics["top5"] == 1  # of two classes
    assert 0 < metrics["head_seconds"] <= metrics["seconds"]
    assert trained[0].left_out == {"Cleo": 1}


def test_files_that_were_not_used_are_in_the_run_with_reasons(trained):
    result, _ = trained
    with (result.folder / "rejected.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["file"], row["reason"]) for row in csv.DictReader(file)]
    assert rows == result.rejected
    reasons = {path.rpartition("/")[2]: reason for path, reason in rows}
    assert set(reasons) == {"cut.png", "wall.png", "notes.txt", "loose.png"}
    assert "truncated" in reasons["cut.png"]
    assert "no face was found" in reasons["wall.png"]
    assert "notes.txt: Not an image." in reasons["notes.txt"]


def test_the_run_holds_what_was_promised(trained):
    result, _ = trained
    card = json.loads((result.folder / "card.json").read_text(encoding="utf-8"))
    assert card["labels"] == ["Ada", "Bea"]
    assert card["metrics"] == result.metrics
    assert card["recipe"]["seed"] == 3
    assert card["input"]["image_size"] == [150, 150]
    # One stranger is too few to measure on: the threshold is the default, on the mean embeddings of the two.
    assert (card["open_set"]["default"], card["open_set"]["score"]) == (True, "mean_cosine")
    assert np.shape(card["class_means"]) == (2, 128)
    assert any("not measured on these people" in note for note in result.notes)
    assert json.loads((result.folder / "metrics.json").read_text(encoding="utf-8")) == result.metrics
    with (result.folder / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, EPOCHS + 1))
    assert {"loss", "val_loss"} <= set(rows[0])
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert (result.folder / EVENT_FILE).stat().st_size > EPOCHS  # as the recipe asks for it


def test_the_model_takes_crops_and_names_people(trained, people, cache):
    """On the crops it was trained on, it is right nearly always: the two "people" differ a lot."""
    run = load_run(trained[0].folder.parent, "friends")
    folders = read_identity_folders(people, min_images=2)
    crops = crop_faces(folders.paths, FaceDetector(), FACE_RESNET_CROP, cache)
    assert crops.num_computed == 0
    probabilities = np.asarray(run.model(crops.store.read(crops.keys)))
    assert probabilities.shape == (11, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    labels = folders.labels[crops.positions]
    assert np.mean(probabilities.argmax(axis=1) == labels) >= 10 / 11


def test_the_model_works_behind_the_front_end(trained, people, analyzer):
    classifier = FaceClassifier(load_run(trained[0].folder.parent, "friends"), analyzer.detector)
    faces = classifier.recognize([decode(people / "Ada" / "3.png"), decode(people / "Bea" / "2.png")])
    assert [entries[0].top[0][0] for entries in faces] == ["Ada", "Bea"]


def test_the_backbone_was_not_touched(trained):
    model = load_run(trained[0].folder.parent, "friends").model
    backbone = build_face_resnet()
    for layer in backbone.layers:
        for published, kept in zip(layer.get_weights(), model.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(kept, published)


def test_progress_goes_through_every_stage_to_its_end(trained):
    _, reports = trained
    stages = list(dict.fromkeys(stage for stage, _, _ in reports))
    assert stages == ["images", "features", "head"]
    for stage in stages:
        counts = [(done, total) for name, done, total in reports if name == stage]
        assert counts[-1][0] == counts[-1][1]
        assert all(before[0] <= after[0] for before, after in pairwise(counts))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model_from_the_caches(trained, again):
    first = load_run(trained[0].folder.parent, "friends").model
    repeated = again(trained)
    assert repeated.metrics["num_images_computed"] == 0
    second = load_run(repeated.folder.parent, "friends").model
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_another_seed_gives_another_model(trained, again):
    first = load_run(trained[0].folder.parent, "friends").model
    second = load_run(again(trained, seed=4).folder.parent, "friends").model
    kernels = [model.get_layer("head_logits").get_weights()[0] for model in (first, second)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3


@pytest.mark.slow
def test_a_loss_that_becomes_infinite_says_what_to_do(trained, again):
    with pytest.raises(TrainingDivergedError, match=r"learning rate 1e\+38.*Lower the learning rate"):
        again(trained, head_learning_rate=1e38, schedule="constant", warmup=0.0)


def test_settings_out_of_range_are_refused_before_any_work(people, tmp_path):
    with pytest.raises(ValueError, match=r"holdout=1\.0"):
        run_training("classify", people, "friends", recipe=ClassifyRecipe(holdout=1.0), runs=tmp_path, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_leaves_the_folder_is_refused_before_any_work(people, tmp_path):
    with pytest.raises(RunError, match="plain folder name"):
        run_training("classify", people, "../friends", runs=tmp_path, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_data_that_cannot_be_trained_on_says_why(people, tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        run_training("classify", people / "absent", "friends", runs=tmp_path, cache=tmp_path)
    with pytest.raises(ValueError, match="At least two classes or people"):
        run_training("classify", people, "friends", recipe=ClassifyRecipe(min_images=6), runs=tmp_path, cache=tmp_path)


@pytest.mark.slow
def test_people_whose_photos_show_no_face_do_not_count(people, tmp_path):
    """By their files both have two photos; by their faces Wall has none."""
    for name in ("0.png", "1.png"):
        save(np.full((60, 60, 3), 50 + 100 * (name == "1.png")), tmp_path / "data" / "Wall" / name)
        (tmp_path / "data" / "Ada").mkdir(exist_ok=True)
        shutil.copy(people / "Ada" / name, tmp_path / "data" / "Ada" / name)
    with pytest.raises(ValueError, match=r"at least two classes with 2 usable images each\. Received: 1"):
        run_training("classify", tmp_path / "data", "friends", runs=tmp_path / "runs", cache=tmp_path / "cache")
    assert list((tmp_path / "runs").iterdir()) == []


def test_one_photo_each_leaves_nothing_to_hold_out(people, tmp_path):
    for name in ("Ada", "Bea"):
        (tmp_path / "data" / name).mkdir(parents=True)
        shutil.copy(people / name / "0.png", tmp_path / "data" / name)
    with pytest.raises(ValueError, match="No image can be held out"):
        run_training(
            "classify",
            tmp_path / "data",
            "friends",
            recipe=ClassifyRecipe(min_images=1),
            runs=tmp_path / "runs",
            cache=tmp_path / "cache",
        )


@pytest.mark.slow
def test_without_any_training_mean_directions_name_people(people, cache, tmp_path, analyzer):
    """What faces get by default: every photo is nearest the mean of its own person, and nothing was trained."""
    trained = run_training("classify", people, "friends", runs=tmp_path, cache=cache)
    run = load_run(tmp_path, "friends")
    assert run.card.recipe["classifier"] == "cosine"
    assert trained.metrics["head_seconds"] == 0
    assert trained.metrics["top1"] == 1
    directions = np.asarray(run.model.get_layer("head_cosines").directions)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), 1, atol=1e-6)
    classifier = FaceClassifier(run, analyzer.detector)
    (face,) = classifier.recognize([decode(people / "Bea" / "2.png")])[0]
    assert face.top[0][0] == "Bea"


@pytest.mark.data
@pytest.mark.slow
def test_five_real_people_are_told_apart(lfw_dir, tmp_path):
    """The figure for 79 people is 98.5 % top-1; of 10 held-out photos of five people at most one may be wrong."""
    folders = sorted(folder for folder in (lfw_dir / "images").iterdir() if len(list(folder.iterdir())) >= 10)[:5]
    for folder in folders:
        (tmp_path / "data" / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[:10]:
            shutil.copy(path, tmp_path / "data" / folder.name)
    trained = run_training("classify", tmp_path / "data", "five", runs=tmp_path / "runs", cache=tmp_path / "cache")
    assert trained.metrics["num_validation"] == 10
    assert trained.metrics["num_rejected"] == 0
    assert trained.metrics["top1"] >= 0.9
    assert trained.metrics["top5"] == 1
