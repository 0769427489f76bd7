"""Training on whole images: from scratch, in two stages, killed, stopped, diverging."""

import html
import json
import signal

import numpy as np
import pytest
from PIL import Image

from kerasface.models import backbones
from kerasface.runs.store import RunError, load_run
from kerasface.train.classification import training as classify
from kerasface.train.engine import network, session
from kerasface.train.engine.driver import resume_training, run_training
from kerasface.train.engine.loop import TrainingDivergedError
from kerasface.train.engine.session import read_events
from kerasface.train.engine.snapshots import read_filters
from kerasface.train.engine.stopping import ask_to_stop
from kerasface.train.process.folders import session_folder, sessions_in_progress
from kerasface.train.recipe import ClassifyRecipe

NAMES = ("blue", "green", "red")
# Everything that has a state, so that resuming has something to lose: dropout, averages, accumulated gradients.
STATEFUL = ClassifyRecipe(
    faces=False,
    image_size=16,
    backbone="simple_cnn",
    dropout=0.3,
    epochs=3,
    batch_size=8,
    augment="standard",
    mix="mixup",
    ema=0.8,
    accumulate=2,
    early_stopping=5,
    checkpoint_seconds=0.0,
    precision="float32",
)
STEPS = 12  # of the three epochs: 30 training images in batches of 8


class Killed(BaseException):
    """Ends a training as nothing in it expects."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Three classes of 12 noisy pictures with a colour each, a stranger class of one picture, and a text."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for label, name in enumerate(NAMES):
        (folder / name).mkdir()
        for index in range(12):
            picture = generator.integers(0, 120, (20, 24, 3))
            picture[..., 2 - label] += 100
            Image.fromarray(picture.astype(np.uint8)).save(folder / name / f"p{index % 4}_{index}.png")
    (folder / "grey").mkdir()
    Image.fromarray(np.full((20, 20, 3), 127, np.uint8)).save(folder / "grey" / "p0_0.png")
    (folder / "red" / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("picture_cache")


@pytest.fixture(scope="module")
def whole(pictures, cache, tmp_path_factory):
    """The training that nothing disturbed: its result, its runs folder, its events and its progress."""
    runs, events, progress = tmp_path_factory.mktemp("runs"), [], []
    trained = run_training(
        "classify",
        pictures,
        "colours",
        recipe=STATEFUL,
        runs=runs,
        cache=cache,
        on_event=events.append,
        on_progress=lambda *report: progress.append(report),
    )
    return trained, runs, events, progress


def weights_of(runs):
    return load_run(runs, "colours").model.get_weights()


def assert_equal_weights(runs, others):
    for one, other in zip(weights_of(runs), weights_of(others), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def killer(at):
    """A progress function that kills the training at a step."""

    def report(stage, done, total):
        if stage in ("train", "fine_tune") and done == at:
            raise Killed

    return report


@pytest.mark.slow
def test_a_run_has_everything_that_was_promised(whole):
    trained, runs, events, progress = whole
    files = {path.name for path in trained.folder.iterdir()}
    assert files == {
        *("model.keras", "card.json", "labels.json", "metrics.json", "history.csv", "rejected.csv"),
        *("report.html", "records.json", "recipe.toml", "events.jsonl", "filters.npz"),
    }
    assert not trained.stopped
    assert sessions_in_progress(runs) == []
    counts = {name: trained.metrics[name] for name in trained.metrics if name.startswith("num_")}
    assert counts.pop("num_params") == load_run(runs, "colours").model.count_params()
    # Of 12 images a fifth, rounded, is 2; grey is left out and so the stranger.
    assert counts == {
        "num_classes": 3,
        "num_train": 30,
        "num_validation": 6,
        "num_unknown": 1,
        "num_rejected": 1,
        "num_left_out": 1,
        "num_moved": 0,
        "num_images_computed": 37,
    }
    card = json.loads((trained.folder / "card.json").read_text(encoding="utf-8"))
    assert card["input"] == {"kind": "image", "image_size": [16, 16], "values": "RGB, 0 to 255"}
    assert card["labels"] == list(NAMES)
    assert card["recipe"]["mix"] == "mixup"
    assert card["open_set"] is None  # one stranger is too few
    assert any("for every picture, whatever it shows" in note for note in trained.notes)
    assert not any("stranger" in note for note in trained.notes)
    told, metrics = card["calibration"], trained.metrics  # held out are too few to show that scaling helps
    assert (told["applied"], told["temperature"], metrics["temperature"]) == (False, 1, 1)
    assert metrics["ece"] == metrics["ece_before"] == told["ece"]
    assert told["reason"] in trained.notes
    assert told["reason"] in html.unescape((trained.folder / "report.html").read_text(encoding="utf-8"))
    kinds = [event["event"] for event in events if event["event"] not in ("progress", "steps")]
    assert kinds == ["start", *["epoch"] * 3, "end"]
    assert read_filters(trained.folder).epochs == (0, 1, 2, 3)
    assert read_events(trained.folder / "events.jsonl")[0] == events
    assert [done for stage, done, total in progress if stage == "train" and total == STEPS] == list(range(1, STEPS + 1))


_SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "step", [pytest.param(1, marks=_SLOW), pytest.param(5, marks=_SLOW), 6, pytest.param(11, marks=_SLOW)]
)
@pytest.mark.slow
def test_killed_and_resumed_ends_as_if_nothing_had_happened(whole, pictures, cache, tmp_path, monkeypatch, step):
    """The history too: the loss of the epoch that was interrupted is the mean of all of it, not of what was left."""
    monkeypatch.setattr(session, "_MAX_CHECKPOINT_SHARE", np.inf)  # a checkpoint at each step, however slow the disk
    with pytest.raises(Killed):
        run_training(
            "classify", pictures, "colours", recipe=STATEFUL, runs=tmp_path, cache=cache, on_progress=killer(step)
        )
    assert sessions_in_progress(tmp_path) == ["colours"]
    events = []
    resumed = resume_training("colours", runs=tmp_path, cache=cache, on_event=events.append)
    (went_on,) = [(event["epoch"], event["step"]) for event in events if event["event"] == "resumed"]
    # What the step killed at did is not in a checkpoint; after step 4 an epoch waits to be judged.
    assert went_on == ((1, 4) if step == 5 else ((step - 1) // 4 + 1, (step - 1) % 4))
    assert sessions_in_progress(tmp_path) == []
    assert_equal_weights(tmp_path, whole[1])
    for name in ("top1", "top5", "ece"):
        assert resumed.metrics[name] == pytest.approx(whole[0].metrics[name], abs=1e-6)
    losses = [event["loss"] for event in events if event["event"] == "epoch"]
    expected = [event["loss"] for event in whole[2] if event["event"] == "epoch"]
    np.testing.assert_allclose(losses, expected[-len(losses) :], rtol=1e-5)


@pytest.mark.slow
def test_ctrl_c_stops_with_a_usable_model_that_can_go_on(whole, pictures, cache, tmp_path):
    def interrupt(stage, done, total):
        if stage == "train" and done == 5:
            signal.raise_signal(signal.SIGINT)

    stopped = run_training(
        "classify", pictures, "colours", recipe=STATEFUL, runs=tmp_path, cache=cache, on_progress=interrupt
    )
    assert stopped.stopped
    assert any("--resume" in note for note in stopped.notes)
    model = load_run(tmp_path, "colours").model
    assert np.asarray(model(np.zeros((1, 16, 16, 3), np.uint8))).sum() == pytest.approx(1, abs=1e-5)
    assert not resume_training("colours", runs=tmp_path, cache=cache).stopped
    assert_equal_weights(tmp_path, whole[1])


def test_another_process_can_ask_it_to_stop(pictures, cache, tmp_path):
    def ask(event):
        if event["event"] == "epoch" and event["epoch"] == 1:
            ask_to_stop(tmp_path, "colours")

    recipe = ClassifyRecipe(faces=False, image_size=16, backbone="linear", epochs=3, batch_size=8)
    stopped = run_training("classify", pictures, "colours", recipe=recipe, runs=tmp_path, cache=cache, on_event=ask)
    assert stopped.stopped
    assert len(read_events(stopped.folder / "events.jsonl")[0]) < 9


@pytest.mark.slow
def test_other_images_cannot_be_resumed_with(pictures, cache, tmp_path):
    data = tmp_path / "data"
    for name in NAMES:
        (data / name).mkdir(parents=True)
        for path in (pictures / name).glob("*.png"):
            (data / name / path.name).write_bytes(path.read_bytes())
    with pytest.raises(Killed):
        run_training("classify", data, "colours", recipe=STATEFUL, runs=tmp_path, cache=cache, on_progress=killer(5))
    (data / "red" / "p0_0.png").unlink()
    with pytest.raises(RunError, match="are not those"):
        resume_training("colours", runs=tmp_path, cache=cache)
    assert sessions_in_progress(tmp_path) == ["colours"]


def test_a_loss_that_runs_away_names_step_rate_and_images(pictures, cache, tmp_path):
    recipe = ClassifyRecipe(
        faces=False, image_size=16, backbone="mlp", epochs=2, batch_size=8, optimizer="sgd", learning_rate=1e30
    )
    with pytest.raises(TrainingDivergedError, match=r"stage train, epoch 1, step \d, at learning rate .*\.png"):
        run_training("classify", pictures, "colours", recipe=recipe, runs=tmp_path, cache=cache)
    assert not (tmp_path / "colours").exists()
    assert (session_folder(tmp_path, "colours") / "checkpoint.npz").is_file()


def test_nothing_is_left_behind_when_the_data_are_refused(tmp_path):
    (tmp_path / "data" / "only").mkdir(parents=True)
    with pytest.raises(ValueError, match="At least two classes or people"):
        run_training("classify", tmp_path / "data", "colours", recipe=STATEFUL, runs=tmp_path / "runs", cache=tmp_path)
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.fixture(scope="module")
def small_pretrained():
    """Makes `MobileNetV2` a small network with random weights, as nothing can be downloaded here."""

    def build(name, image_size, **options):
        import keras

        keras.utils.set_random_seed(5)
        return backbones.build_backbone("simple_cnn", image_size, weights=None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "build_backbone", build)
        yield


TWO_STAGES = ClassifyRecipe(
    faces=False,
    image_size=16,
    backbone="MobileNetV2",
    head_epochs=5,
    copies=1,
    epochs=2,
    unfreeze=1,
    batch_size=8,
    learning_rate=1e-3,
    checkpoint_seconds=0.0,
)


@pytest.fixture(scope="module")
def two_stages(small_pretrained, pictures, cache, tmp_path_factory):
    """A training in two stages and its events."""
    events = []
    trained = run_training(
        "classify",
        pictures,
        "colours",
        recipe=TWO_STAGES,
        runs=tmp_path_factory.mktemp("two_stages"),
        cache=cache,
        on_event=events.append,
    )
    return trained, events


@pytest.mark.slow
def test_fine_tuning_moves_the_last_block_and_nothing_else(two_stages, pictures, cache, tmp_path, monkeypatch):
    """The freeze map says which; against the random weights that the backbone began with."""
    _, events = two_stages
    (freeze_map,) = [event["blocks"] for event in events if event["event"] == "freeze_map"]
    assert [row["trainable"] for row in freeze_map] == [False, False, False, True]
    assert [row["learning_rate"] for row in freeze_map] == pytest.approx([0, 0, 0, 0.75e-3])
    assert [row["batch_norm"] for row in freeze_map] == ["frozen"] * 4
    monkeypatch.setattr(classify, "is_better", lambda after, before: True)
    kept = run_training("classify", pictures, "colours", recipe=TWO_STAGES, runs=tmp_path / "kept", cache=cache)
    model = load_run(kept.folder.parent, "colours").model
    start = network.build_backbone("MobileNetV2", (16, 16)).model
    moved = {
        layer.name
        for layer in start.layers
        if any(
            (a != b).any() for a, b in zip(layer.get_weights(), model.get_layer(layer.name).get_weights(), strict=True)
        )
    }
    assert moved == {"block4_conv"}


def test_the_history_tells_the_stages_apart(two_stages):
    _, events = two_stages
    assert [event["stage"] for event in events if event["event"] == "epoch"] == ["head"] * 5 + ["fine_tune"] * 2


@pytest.mark.slow
def test_fine_tuning_that_makes_it_worse_is_not_kept(small_pretrained, pictures, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(classify, "is_better", lambda after, before: False)
    trained = run_training("classify", pictures, "colours", recipe=TWO_STAGES, runs=tmp_path, cache=cache)
    assert any("Fine-tuning made it worse" in note for note in trained.notes)
    model = load_run(tmp_path, "colours").model
    for layer in network.build_backbone("MobileNetV2", (16, 16)).model.layers:
        for before, after in zip(layer.get_weights(), model.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(after, before)


@pytest.mark.slow
def test_killed_in_the_second_stage_the_first_is_not_repeated(two_stages, pictures, cache, tmp_path):
    with pytest.raises(Killed):
        run_training(
            "classify", pictures, "colours", recipe=TWO_STAGES, runs=tmp_path, cache=cache, on_progress=killer(5)
        )
    stages_seen = []
    resume_training(
        "colours", runs=tmp_path, cache=cache, on_progress=lambda stage, done, total: stages_seen.append(stage)
    )
    assert "head" not in stages_seen
    assert_equal_weights(tmp_path, two_stages[0].folder.parent)


@pytest.mark.slow
def test_persons_are_held_out_as_a_whole(pictures, cache, tmp_path):
    """The pictures p0_*, p1_*, p2_*, p3_* are of four persons: one of them is a quarter of all, more than a fifth."""
    recipe = ClassifyRecipe(
        faces=False, image_size=16, backbone="linear", epochs=1, groups=r"^(p\d)_", holdout=0.2, min_images=2
    )
    trained = run_training("classify", pictures, "colours", recipe=recipe, runs=tmp_path, cache=cache)
    assert (trained.metrics["num_train"], trained.metrics["num_validation"]) == (27, 9)


def test_a_pattern_that_fits_no_file_is_refused(pictures, cache, tmp_path):
    recipe = ClassifyRecipe(faces=False, image_size=16, backbone="linear", epochs=1, groups=r"person(\d+)")
    with pytest.raises(ValueError, match="pattern of persons does not fit"):
        run_training("classify", pictures, "colours", recipe=recipe, runs=tmp_path, cache=cache)
