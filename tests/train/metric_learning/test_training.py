"""Training embeddings: from a folder of people to a run that is never worse than what it began with."""

import csv
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.images.decoding import decode
from kerasface.models.face_resnet import build_face_resnet
from kerasface.runs.store import RunError, load_run
from kerasface.terminal.words import share
from kerasface.train.__main__ import train
from kerasface.train.engine.driver import resume_training, run_training
from kerasface.train.metric_learning.data import prepare_people, split_people
from kerasface.train.metric_learning.judging import judge_embeddings
from kerasface.train.metric_learning.recipe import (
    CHOICES,
    MetricRecipe,
    resolve_metric,
)

SMALL = {"faces": False, "people": 4, "images": 2, "singles": 4, "head_epochs": 2}
SEVERAL, SINGLE = 8, 6
# One loss for every day; each of the others is a model or batches of a form of its own, or close to one that is.
FIRST_QUICK = ["supcon", *(pytest.param(loss, marks=pytest.mark.slow) for loss in CHOICES["loss"] if loss != "supcon")]


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Eight "people" with three pictures each and six with one: a coarse pattern of colours each, under some noise."""
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    for person in range(SEVERAL + SINGLE):
        pattern = rng.integers(0, 256, (5, 5, 3))
        (folder / f"person{person:02}").mkdir()
        for picture in range(3 if person < SEVERAL else 1):
            noisy = np.clip(pattern + rng.normal(0, 40, pattern.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).resize((150, 150), Image.BILINEAR).save(folder / f"person{person:02}/{picture}.png")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("metric_cache")


@pytest.fixture(scope="module")
def trained(people, cache, tmp_path_factory):
    """A short training with the defaults otherwise, and the events that it reported."""
    events = []
    runs = tmp_path_factory.mktemp("saved_models")
    result = run_training(
        "metric", people, "look", recipe=MetricRecipe(**SMALL), runs=runs, cache=cache, on_event=events.append
    )
    return result, events


def weights_of(runs, name):
    return load_run(runs, name).model.get_weights()


def test_the_numbers_are_those_of_the_folder(trained):
    counts = {key: value for key, value in trained[0].metrics.items() if key.startswith("num_")}
    assert counts.pop("num_params") == load_run(trained[0].folder.parent, trained[0].folder.name).model.count_params()
    assert counts == {
        "num_alarms": 0,
        "num_people_train": (SEVERAL + SINGLE) // 2,
        "num_people_validation": (SEVERAL + SINGLE) // 2,
        "num_single_train": SINGLE // 2,
        "num_single_validation": SINGLE // 2,
        "num_train": 3 * SEVERAL // 2 + SINGLE // 2,
        "num_validation": 3 * SEVERAL // 2 + SINGLE // 2,
        "num_rejected": 0,
        "num_moved": 0,
    }


def test_nobody_stands_on_both_sides(people, cache):
    prepared = prepare_people(people, resolve_metric(MetricRecipe(**SMALL)), cache)
    train_people, held_out = (set(prepared.labels[part]) for part in (prepared.train, prepared.validation))
    assert not train_people & held_out
    assert len(train_people | held_out) == SEVERAL + SINGLE
    assert len(prepared.leaks.shared_labels) == len(prepared.unknown) == 0


def test_the_run_holds_what_was_promised(trained):
    result, events = trained
    card = json.loads((result.folder / "card.json").read_text(encoding="utf-8"))
    assert card["task"] == "embed"
    assert card["embedding"]["fingerprint"].startswith("face_resnet-metric-")
    assert card["metrics"] == result.metrics
    assert list(result.metrics["held_out"]) == list(result.metrics["trained_on"]) == ["plain", "stretched", "trained"]
    assert card["thresholds"].keys() == {"0.01", "0.001"}
    history = (result.folder / "history.csv").read_text(encoding="utf-8").splitlines()
    assert {"loss", "val_loss", "impostor_distance", "active_triplets"} <= set(history[0].split(","))
    assert len(history) == 1 + SMALL["head_epochs"]
    comparison = next(event for event in events if event["event"] == "comparison")
    assert comparison["kept"] == result.metrics["kept"]


def test_the_report_tells_rates_reasons_and_alarms(trained):
    report = (trained[0].folder / "report.html").read_text(encoding="utf-8")
    for heading in ("People held out", "Before and after", "Why it helped", "Training", "Alarms"):
        assert f"<h2>{heading}" in report
    for judged in trained[0].metrics["held_out"].values():
        assert share(judged["eer"], 2) in report
        assert share(judged["fnir_of_cosines"]) in report
    assert "None: people stayed apart" in report


def test_the_kept_embedder_does_what_its_metrics_say(trained, people, cache):
    result, _ = trained
    run = load_run(result.folder.parent, "look")
    prepared = prepare_people(people, resolve_metric(MetricRecipe(**SMALL)), cache)
    embeddings = np.asarray(run.model(prepared.images[prepared.validation]))
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    judged = judge_embeddings(embeddings, prepared.labels[prepared.validation], seed=0)
    kept = result.metrics["held_out"][result.metrics["kept"]]
    assert judged.verification.eer == pytest.approx(kept["eer"], abs=0.02)
    assert judged.summary()["num_genuine"] == kept["num_genuine"] == SEVERAL // 2 * 3


def test_the_backbone_was_not_touched(trained):
    model = load_run(trained[0].folder.parent, "look").model
    for layer in build_face_resnet(views=2).layers:
        for published, kept in zip(layer.get_weights(), model.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(kept, published)


@pytest.mark.slow
def test_where_training_does_harm_the_embedder_is_kept_as_it_was(people, cache, tmp_path):
    """A rate so high that the head is torn apart in its first steps."""
    recipe = MetricRecipe(**SMALL | {"head_learning_rate": 30.0, "stretch": False, "pull": 0.0, "loss": "triplet"})
    events = []
    result = run_training("metric", people, "torn", recipe=recipe, runs=tmp_path, cache=cache, on_event=events.append)
    held_out = result.metrics["held_out"]
    assert held_out["trained"]["tar_at_fmr"]["0.001"]["value"] < held_out["plain"]["tar_at_fmr"]["0.001"]["value"]
    assert result.metrics["kept"] == "plain"
    assert "did not help" in result.notes[0]
    run = load_run(tmp_path, "torn")
    images = np.random.default_rng(0).integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    expected = np.asarray(build_face_resnet(views=2)(images))
    np.testing.assert_allclose(np.asarray(run.model(images)), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("loss", FIRST_QUICK)
def test_every_loss_trains_the_head(loss, people, cache, tmp_path):
    recipe = MetricRecipe(**SMALL | {"loss": loss, "head_epochs": 6, "head_learning_rate": 3e-3, "pull": 0.0})
    events = []
    result = run_training("metric", people, loss, recipe=recipe, runs=tmp_path, cache=cache, on_event=events.append)
    epochs = [event for event in events if event["event"] == "epoch"]
    assert epochs[-1]["loss"] < epochs[0]["loss"] or epochs[-1]["loss"] == 0
    assert all(np.isfinite(event["val_loss"]) for event in epochs)
    assert result.metrics["trained_on"]["trained"] != result.metrics["trained_on"]["stretched"]


@pytest.mark.slow
@pytest.mark.parametrize("loss", CHOICES["loss"])
def test_a_stopped_training_goes_on_to_the_same_weights(loss, people, cache, tmp_path):
    settings = SMALL | {"loss": loss, "head_epochs": 4, "people": 2, "checkpoint_seconds": 0.0}
    recipe = MetricRecipe(**settings)
    whole = run_training("metric", people, "whole", recipe=recipe, runs=tmp_path, cache=cache)

    def stop_in_the_second_epoch(event):
        if event["event"] == "epoch" and event["epoch"] == 1:
            (tmp_path / ".parts.running" / "stop").touch()

    first = run_training(
        "metric", people, "parts", recipe=recipe, runs=tmp_path, cache=cache, on_event=stop_in_the_second_epoch
    )
    assert first.stopped
    assert "--resume" in first.notes[0]
    resumed = resume_training("parts", runs=tmp_path, cache=cache)
    assert not resumed.stopped
    assert not (tmp_path / ".parts.running").exists()
    drop = ("seconds", "head_seconds")
    assert {k: v for k, v in resumed.metrics.items() if k not in drop} == {
        k: v for k, v in whole.metrics.items() if k not in drop
    }
    for one, other in zip(weights_of(tmp_path, "whole"), weights_of(tmp_path, "parts"), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["triplet", "binary"])
def test_fine_tuning_moves_the_last_block_alone(loss, people, cache, tmp_path):
    recipe = MetricRecipe(
        **SMALL | {"loss": loss, "head_epochs": 0, "epochs": 1, "unfreeze": 1, "batch_people": 2, "singles": 2}
    )
    events = []
    result = run_training("metric", people, "tuned", recipe=recipe, runs=tmp_path, cache=cache, on_event=events.append)
    assert list(result.metrics["held_out"]) == ["plain", "stretched", "fine_tuned"]
    freeze_map = next(event for event in events if event["event"] == "freeze_map")["blocks"]
    assert [row["block"] for row in freeze_map if row["trainable"]] == [freeze_map[-1]["block"]]
    if result.metrics["kept"] != "fine_tuned":
        published, kept = build_face_resnet(views=2), load_run(tmp_path, "tuned").model
        for layer in published.layers:
            for one, other in zip(layer.get_weights(), kept.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(one, other)


def copy_of(people, folder, counts):
    """The first people of the folder, each with as many pictures as said."""
    for person, count in enumerate(counts):
        (folder / f"person{person:02}").mkdir(parents=True)
        for picture in range(count):
            shutil.copy(people / f"person{person:02}/{picture}.png", folder / f"person{person:02}")
    return folder


@pytest.mark.parametrize(
    ("counts", "received"), [((3, 3, 3), "3 such people"), ((1, 1, 1, 1, 1), "0 such people"), ((3,), "two classes")]
)
def test_too_few_people_are_refused_with_what_is_needed(counts, received, people, cache, tmp_path):
    data = copy_of(people, tmp_path / "data", counts)
    with pytest.raises(ValueError, match=received):
        run_training("metric", data, "few", recipe=MetricRecipe(**SMALL), runs=tmp_path / "runs", cache=cache)
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.slow
def test_without_single_images_searches_are_not_judged_and_the_run_says_so(people, cache, tmp_path):
    data = copy_of(people, tmp_path / "data", (3,) * SEVERAL)
    result = run_training("metric", data, "closed", recipe=MetricRecipe(**SMALL), runs=tmp_path / "runs", cache=cache)
    assert result.metrics["held_out"]["plain"]["fnir_at_fpir"] is None
    assert any("Searches were not judged" in note for note in result.notes)


def test_a_picture_of_a_training_person_under_another_name_is_left_out(people, cache, tmp_path):
    data = copy_of(people, tmp_path / "data", (3,) * SEVERAL)
    for person in range(SEVERAL):  # everybody has the first picture of the next person too
        shutil.copy(people / f"person{(person + 1) % SEVERAL:02}/0.png", data / f"person{person:02}" / "other.png")
    prepared = prepare_people(data, resolve_metric(MetricRecipe(**SMALL)), cache)
    keys = np.array(prepared.keys)
    assert len(prepared.moved)
    assert not set(keys[prepared.train]) & set(keys[prepared.validation])


def halves_of(people, folder):
    """The people with even numbers, and those with odd ones."""
    for place in sorted(people.iterdir()):
        shutil.copytree(place, folder / ("even", "odd")[int(place.name[-2:]) % 2] / place.name)
    return folder / "even", folder / "odd"


def test_people_who_were_given_are_judged_on_and_nothing_of_theirs_is_trained_on(people, cache, tmp_path):
    """One of the training side's pictures shows somebody to judge on, under another name."""
    even, odd = halves_of(people, tmp_path)
    shutil.copy(odd / "person01" / "0.png", even / "person00" / "other.png")
    recipe = resolve_metric(MetricRecipe(**SMALL, validation=str(odd)))
    prepared = prepare_people(even, recipe, cache)
    whose = np.array(prepared.people)
    assert set(whose[prepared.train]) == {place.name for place in even.iterdir()}
    assert set(whose[prepared.validation]) == {place.name for place in odd.iterdir()}
    assert [prepared.files[index] for index in prepared.moved] == ["person00/other.png"]
    assert prepared.notes == [f"Left out of the training: 1 picture, as {odd} shows the same."]
    for index in (prepared.train[0], prepared.validation[-1]):
        place = (even if index in prepared.train else odd) / prepared.files[index]
        np.testing.assert_array_equal(prepared.images[np.array([index])][0], decode(place))
    shutil.copytree(odd / "person01", even / "person01")
    with pytest.raises(ValueError, match=rf"Received: person01, 1 person in both {even} and"):
        prepare_people(even, recipe, cache)
    with pytest.raises(ValueError, match="validation is a split that was given"):
        resolve_metric(MetricRecipe(validation=str(odd), holdout=0.3))


def test_the_split_keeps_its_shares_and_at_least_two_people_on_each_side():
    counts = np.array([3] * 10 + [1] * 20)
    held_out = split_people(counts, 0.3, seed=0)
    assert (np.sum(counts[held_out] >= 2), np.sum(counts[held_out] == 1)) == (3, 6)
    assert set(split_people(counts, 0.3, seed=1)) != set(held_out)
    for holdout in (0.01, 0.99):
        assert len(split_people(np.array([2, 2, 2, 2]), holdout, seed=0)) == 2


@pytest.mark.slow
def test_the_command_trains_and_prints_what_came_of_it(people, cache, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('loss = "contrastive"\nfaces = false\nhead_epochs = 1\n')
    arguments = ["metric", str(people), "--name", "look", "--recipe", str(recipe)]
    arguments += ["--people", "4", "--runs", str(tmp_path), "--cache", str(cache)]
    result = CliRunner().invoke(train, arguments)
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'look'}: judged on {(SEVERAL + SINGLE) // 2} people" in result.output
    assert "kept" in result.output
    assert 'loss = "contrastive"' in (tmp_path / "look" / "recipe.toml").read_text()
    found = json.loads(CliRunner().invoke(train, [*arguments, "--json"]).stdout)
    assert found["run"] == str(tmp_path / "look")
    assert found["held_out"].keys() == {"plain", "stretched", "trained"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["metric"], "Give DATA and --name"),
        (["metric", "people", "--name", "a", "--resume", "a"], "give it no data"),
        (["metric", "people", "--name", "a", "--loss", "softmax"], "is not one of 'triplet'"),
    ],
)
def test_wrong_usage_exits_with_2(arguments, says):
    result = CliRunner().invoke(train, arguments)
    assert result.exit_code == 2
    assert says in result.output


def test_nothing_to_resume_is_an_error(tmp_path):
    with pytest.raises(RunError, match="no training 'absent' to go on with"):
        resume_training("absent", runs=tmp_path)


@pytest.mark.slow
def test_a_collapse_is_told_while_it_happens(people, cache, tmp_path):
    """Without impostor pairs to push them apart (a margin of next to nothing), all embeddings fall together."""
    recipe = MetricRecipe(
        **SMALL
        | {"loss": "contrastive", "margin": 1e-6, "stretch": False, "pull": 0.0}
        | {"head_epochs": 60, "head_learning_rate": 0.03}
    )
    events = []
    result = run_training(
        "metric", people, "collapsed", recipe=recipe, runs=tmp_path, cache=cache, on_event=events.append
    )
    assert any(event["event"] == "warning" and "Collapse" in event["text"] for event in events)
    assert result.metrics["num_alarms"] > 0
    assert "Collapse" in (result.folder / "report.html").read_text(encoding="utf-8")
    assert any("Collapse" in note for note in result.notes)


@pytest.mark.slow
def test_a_network_learns_from_random_weights_and_is_an_embedder(people, cache, tmp_path):
    """Patterns under noise are told apart by a small network; it is taken by its name afterwards."""
    recipe = MetricRecipe(faces=False, backbone="simple_cnn", weights="none", image_size=32, dim=8, epochs=12, people=4)
    result = run_training("metric", people, "own", recipe=recipe, runs=tmp_path, cache=cache)
    held_out = result.metrics["held_out"]
    assert (result.metrics["kept"], list(held_out)) == ("trained", ["pixels", "trained"])
    with open(result.folder / "history.csv", encoding="utf-8", newline="") as file:
        history = list(csv.DictReader(file))
    assert [row["epoch"] for row in history] == [str(epoch) for epoch in range(1, 13)]
    assert float(history[-1]["loss"]) < float(history[0]["loss"])
    assert "Trained from random weights" in result.notes[0]
    run = load_run(tmp_path, "own")
    assert (run.model.output_shape, run.card.embedding.dim, run.card.weights) == ((None, 8), 8, ())
    assert all(layer.trainable for layer in run.model.layers)
    with open(tmp_path / "own" / "report.html", encoding="utf-8") as file:
        assert "raw pixels" in file.read()
