"""Training a segmentation: from a folder of pictures and masks to a run that finds what was drawn."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.evaluation.segmentation import SegmentationCounts
from kerasface.losses.pixels import DiceLoss, FocalLoss, PixelCrossEntropy, SumOfLosses
from kerasface.runs.store import RunError, load_run
from kerasface.tasks.segmentation import Segmenter
from kerasface.train.__main__ import train
from kerasface.train.engine.driver import resume_training, run_training
from kerasface.train.segmentation.data import prepare_masks
from kerasface.train.segmentation.recipe import SegmentRecipe, resolve_segment
from kerasface.train.segmentation.stages import build_loss, class_weights

CLASSES = ("background", "disc", "square")
SMALL = {"encoder": "plain", "image_size": 64, "training_size": 64, "augment": "light", "copies": 4, "epochs": 12}
SMALL |= {"batch_size": 8, "holdout": 0.25, "learning_rate": 0.01, "ema": 0.0}
PICTURES = 16


def draw(generator):
    """A bright disc and a dark square on grey noise, 64 x 48 pixels, and which pixels they are."""
    image = generator.normal(110, 12, (64, 48, 3))
    mask = np.zeros((64, 48), dtype=np.uint8)
    y, x = np.mgrid[:64, :48]
    disc = (y - generator.integers(12, 22)) ** 2 + (x - generator.integers(14, 34)) ** 2 < 64
    top, left = generator.integers(36, 46), generator.integers(6, 28)
    for class_id, color, part in ((1, (230, 200, 60), disc), (2, (20, 30, 90), None)):
        part = part if part is not None else (y >= top) & (y < top + 14) & (x >= left) & (x < left + 14)
        image[part], mask[part] = color, class_id
    return np.clip(image, 0, 255).astype(np.uint8), mask


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    (folder / "classes.txt").write_text("background\ndisc #ffcc00\nsquare #0000ff\n")
    generator = np.random.default_rng(0)
    for index in range(PICTURES):
        image, mask = draw(generator)
        name = f"person{index // 2:02}_{index % 2}.png"
        Image.fromarray(image).save(folder / "images" / name)
        Image.fromarray(mask).save(folder / "masks" / name)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("segment_cache")


@pytest.fixture(scope="module")
def trained(shapes, cache, tmp_path_factory):
    events, runs = [], tmp_path_factory.mktemp("saved_models")
    recipe = SegmentRecipe(**SMALL)
    return run_training(
        "segment", shapes, "shapes", recipe=recipe, runs=runs, cache=cache, on_event=events.append
    ), events


@pytest.mark.slow
def test_it_finds_what_was_drawn(trained):
    result, _ = trained
    assert result.metrics["mean_iou"] > 0.8
    assert min(result.metrics["iou"].values()) > 0.7
    assert not result.stopped
    run = load_run(result.folder.parent, "shapes")
    image, mask = draw(np.random.default_rng(99))
    found = Segmenter(run).segment_whole(image).mask
    assert (found == mask).mean() > 0.93


@pytest.mark.slow
def test_the_run_says_what_it_is(trained):
    result, events = trained
    card = json.loads((result.folder / "card.json").read_text(encoding="utf-8"))
    assert card["task"] == "segment"
    assert card["labels"] == list(CLASSES)
    assert card["colours"][1:] == [[255, 204, 0], [0, 0, 255]]
    assert card["input"]["image_size"] == [64, 64]
    assert card["input"]["context"] == 2.2
    assert card["weights"] == []
    assert card["metrics"] == result.metrics
    assert card["recipe"]["encoder"] == "plain"
    assert {path.name for path in result.folder.iterdir()} >= {"model.keras", "report.html", "recipe.toml"}
    passing = ("progress", "steps", "epoch")
    assert [event["event"] for event in events if event["event"] not in passing] == ["start", "end"]
    history = (result.folder / "history.csv").read_text(encoding="utf-8").splitlines()
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "val_mean_iou"} <= set(history[0].split(","))
    assert len(history) == 1 + SMALL["epochs"]
    assert any("one by one" in note for note in result.notes)
    assert "disc" in (result.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_its_metrics_are_those_of_the_saved_model(trained, shapes, cache):
    result, _ = trained
    segmenter = Segmenter(load_run(result.folder.parent, "shapes"))
    prepared = prepare_masks(shapes, resolve_segment(SegmentRecipe(**SMALL)), cache)
    counts = SegmentationCounts(CLASSES)
    for pair in prepared.validation[np.arange(len(prepared.validation))]:
        inside = pair[..., 3] != 255
        cols = np.flatnonzero(inside.any(axis=0))
        part = np.ascontiguousarray(pair[:, cols[0] : cols[-1] + 1])
        counts.add(part[..., 3], segmenter.segment_whole(np.ascontiguousarray(part[..., :3])).mask)
    assert counts.result().mean_iou == pytest.approx(result.metrics["mean_iou"], abs=1e-9)


@pytest.mark.slow
def test_a_stopped_training_goes_on_to_the_same_weights(shapes, cache, tmp_path):
    settings = SMALL | {"encoder": "face_resnet", "epochs": 2, "copies": 1, "augment": "strong", "ema": 0.9}
    recipe = SegmentRecipe(**settings, checkpoint_seconds=0.0)
    whole = run_training("segment", shapes, "whole", recipe=recipe, runs=tmp_path, cache=cache)

    def stop_in_the_second_epoch(event):
        if event["event"] == "epoch" and event["stage"] == "fine_tune":
            (tmp_path / ".parts.running" / "stop").touch()

    first = run_training(
        "segment", shapes, "parts", recipe=recipe, runs=tmp_path, cache=cache, on_event=stop_in_the_second_epoch
    )
    assert first.stopped
    assert "--resume" in first.notes[0]
    events = []
    resumed = resume_training("parts", runs=tmp_path, cache=cache, on_event=events.append)
    assert not resumed.stopped
    assert whole.metrics["before_fine_tuning"].keys() == {"pixel_accuracy", "mean_iou"}
    ours, theirs = (load_run(tmp_path, name).model.get_weights() for name in ("parts", "whole"))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.metrics["iou"] == whole.metrics["iou"]
    (freeze_map,) = [event["blocks"] for event in events if event["event"] == "freeze_map"]
    trained_blocks = [row["block"] for row in freeze_map if row["trainable"]]
    assert trained_blocks == [*(f"stage2_block{n}" for n in (1, 2, 3, 4)), *(f"stage3_block{n}" for n in (1, 2, 3))]
    published = load_run(tmp_path, "whole").model.get_layer("stage1_block1_conv1").get_weights()
    np.testing.assert_array_equal(published[0], _pretrained("stage1_block1_conv1"))
    assert not np.array_equal(
        load_run(tmp_path, "whole").model.get_layer("stage3_block3_conv2").get_weights()[0],
        _pretrained("stage3_block3_conv2"),
    )


@pytest.mark.slow
def test_a_segmentation_of_the_same_classes_is_gone_on_from_as_a_whole(shapes, cache, tmp_path, monkeypatch):
    """What it was before any step is what the first training was judged to be, on the same pictures."""
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "saved_models"
    first = run_training(
        "segment", shapes, "first", recipe=SegmentRecipe(**SMALL | {"epochs": 4}), runs=runs, cache=cache
    )
    settings = SMALL | {"encoder": "first", "epochs": 1, "learning_rate": 1e-4}
    second = run_training("segment", shapes, "second", recipe=SegmentRecipe(**settings), runs=runs, cache=cache)
    before = second.metrics["before_fine_tuning"]
    assert before == {name: first.metrics[name] for name in ("pixel_accuracy", "mean_iou")}
    assert any(note.startswith("It went on from first with its decoder") for note in second.notes)
    rows = (second.folder / "history.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 2  # the columns and one epoch: no stage of the decoder alone


def _pretrained(layer):
    from kerasface.models.face_resnet import build_face_resnet

    return build_face_resnet().get_layer(layer).get_weights()[0]


def test_whole_persons_are_held_out_and_copies_left_out(shapes, cache, tmp_path):
    data = tmp_path / "data"
    for part in ("images", "masks"):
        (data / part).mkdir(parents=True)
        for path in (shapes / part).iterdir():
            (data / part / path.name).write_bytes(path.read_bytes())
    recipe = resolve_segment(SegmentRecipe(**SMALL, groups=r"person(\d+)", classes=",".join(CLASSES)))
    prepared = prepare_masks(data, recipe, cache)
    sides = [{file[:8] for file in files} for files in (prepared.train_files, prepared.validation_files)]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == PICTURES // 2
    assert sorted(np.bincount(prepared.train_persons)[np.unique(prepared.train_persons)]) == [2] * len(sides[0])
    copied, original = prepared.validation_files[0], prepared.train_files[0]
    for part in ("images", "masks"):
        (data / part / f"{copied}.png").write_bytes((data / part / f"{original}.png").read_bytes())
    again = prepare_masks(data, recipe, cache)
    assert again.moved == [copied]
    assert copied not in again.validation_files
    assert again.fingerprint != prepared.fingerprint


def test_it_can_be_judged_on_a_folder_of_its_own(shapes, cache, tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    image, mask = draw(np.random.default_rng(5))
    Image.fromarray(image).save(tmp_path / "images" / "new.png")
    Image.fromarray(mask).save(tmp_path / "masks" / "new.png")
    recipe = resolve_segment(SegmentRecipe(**SMALL, validation=str(tmp_path)))
    prepared = prepare_masks(shapes, recipe, cache)
    assert prepared.validation_files == ["new"]
    assert len(prepared.train) == PICTURES
    monkeypatch.setattr("kerasface.train.segmentation.sets.load_pairs", None)  # it is refused before
    for folder, words in ((shapes, "cannot be judged on"), (tmp_path / "masks", "does not exist")):
        with pytest.raises(ValueError, match=words):
            prepare_masks(shapes, resolve_segment(SegmentRecipe(**SMALL, validation=str(folder))), cache)


def test_bad_data_is_named_before_anything_is_trained(shapes, cache, tmp_path):
    data = tmp_path / "data"
    for part in ("images", "masks"):
        (data / part).mkdir(parents=True)
        for path in sorted((shapes / part).iterdir())[:4]:
            (data / part / path.name).write_bytes(path.read_bytes())

    def message(**settings):
        with pytest.raises(ValueError, match=r".") as caught:
            run_training("segment", data, "bad", recipe=SegmentRecipe(**SMALL, **settings), runs=tmp_path, cache=cache)
        assert not (tmp_path / "bad").exists()
        assert not (tmp_path / ".bad.running").exists()
        return str(caught.value)

    assert "'hat' (id 3)" in message(classes="background,disc,square,hat")
    assert "does not fit every file" in message(groups=r"nobody(\d)", classes=",".join(CLASSES))
    assert "id 2" in message(classes="background,disc")
    assert "one person" in message(groups="(person)", classes=",".join(CLASSES))


def test_one_bad_pair_does_not_stop_the_others(shapes, cache, tmp_path):
    data = tmp_path / "data"
    for part in ("images", "masks"):
        (data / part).mkdir(parents=True)
        for path in (shapes / part).iterdir():
            (data / part / path.name).write_bytes(path.read_bytes())
    names = sorted(path.name for path in (data / "masks").iterdir())
    Image.fromarray(np.zeros((10, 10), dtype=np.uint8)).save(data / "masks" / names[0])
    (data / "images" / names[1]).write_bytes(b"no picture")
    prepared = prepare_masks(data, resolve_segment(SegmentRecipe(**SMALL, classes=",".join(CLASSES))), cache)
    assert len(prepared.train) + len(prepared.validation) == PICTURES - 2
    reasons = " ".join(reason for _, reason in prepared.rejected)
    assert "10 x 10" in reasons
    assert names[1] in reasons


def test_the_loss_is_what_the_recipe_says():
    counts = np.array([900, 90, 10])
    for name, kinds in {
        "cross-entropy": [PixelCrossEntropy],
        "dice": [DiceLoss],
        "focal": [FocalLoss],
        "cross-entropy+dice": [PixelCrossEntropy, DiceLoss],
        "focal+dice": [FocalLoss, DiceLoss],
    }.items():
        loss = build_loss(SegmentRecipe(loss=name), counts)
        found = loss.losses if isinstance(loss, SumOfLosses) else [loss]
        assert [type(part) for part in found] == kinds


def test_class_weights_rise_with_rarity_and_leave_the_mean_as_it_is():
    counts = np.array([900, 90, 10])
    assert class_weights(counts, 0) == [1, 1, 1]
    balanced = class_weights(counts, 1)
    np.testing.assert_allclose(np.array(balanced) * counts, 1000 / 3)
    softer = np.array(class_weights(counts, 0.5))
    np.testing.assert_allclose(softer[1] / softer[0], np.sqrt(10))
    assert (softer * counts).sum() == pytest.approx(1000)


@pytest.mark.slow
def test_the_command_trains_and_prints_what_came_of_it(shapes, cache, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('encoder = "plain"\nimage_size = 64\ntraining_size = 32\ncopies = 1\nepochs = 1\n')
    arguments = ["segment", str(shapes), "--name", "shapes", "--recipe", str(recipe), "--loss", "dice"]
    arguments += ["--runs", str(tmp_path), "--cache", str(cache)]
    result = CliRunner().invoke(train, arguments)
    assert result.exit_code == 0, result.output
    assert "judged on" in result.output
    assert "mean IoU" in result.output
    assert 'loss = "dice"' in (tmp_path / "shapes" / "recipe.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["segment"], "Give DATA and --name"),
        (["segment", "data", "--name", "a", "--resume", "a"], "give it no data"),
        (["segment", "data", "--name", "a", "--loss", "hinge"], "is not one of 'cross-entropy'"),
    ],
)
def test_wrong_usage_exits_with_2(arguments, says):
    result = CliRunner().invoke(train, arguments)
    assert result.exit_code == 2
    assert says in result.output


def test_nothing_to_resume_is_an_error(tmp_path):
    with pytest.raises(RunError, match="no training 'absent' to go on with"):
        resume_training("absent", runs=tmp_path)
    with pytest.raises(ValueError, match="Unknown encoder"):
        run_training("segment", tmp_path, "a", recipe=SegmentRecipe(encoder="unet"), runs=tmp_path)
    with pytest.raises(ValueError, match="has 11 blocks"):
        run_training("segment", tmp_path, "a", recipe=SegmentRecipe(unfreeze=12), runs=tmp_path)
