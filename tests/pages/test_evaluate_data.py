"""What the page Evaluate measures, without its widgets."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.data.trials import identities as trials
from kerasface.evaluation.identification import search_trial
from kerasface.evaluation.normalization import normalized_scores
from kerasface.evaluation.verification import wilson_interval
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.faces.rates.operating_points import operating_point, pair_calibration
from kerasface.population import judging
from kerasface.runs import store as runs
from kerasface.runs.card import ModelCard
from pages.parts.evaluate import models as evaluate_models
from pages.parts.evaluate.confused import judged_of, people_html
from pages.parts.evaluate.data import (
    Embedded,
    People,
    pairs_of_file,
    pairs_of_people,
    people_of_embeddings,
    people_of_folder,
    score,
)
from pages.parts.evaluate.models import Model, embed_people, list_models
from pages.parts.evaluate.open_set import open_set_rates, trial_of
from pages.parts.evaluate.results import measure_pairs, nearest_pairs, rates_at, results_csv, results_html, results_json
from pages.parts.evaluate.sample import MODELS, simulated_embeddings, simulated_people


def unit(angles):
    """Unit vectors in the plane at angles in degrees, `(n, 2)` float32."""
    angles = np.deg2rad(np.asarray(angles, dtype=np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def people_of(labels):
    paths = [Path(f"p{label}") / f"{number}.jpg" for number, label in enumerate(labels)]
    return People("made up", paths, np.array(labels), [f"p{label}" for label in np.unique(labels)])


def embedded_as(embeddings, rows=None, *, fingerprint="", reasons=None, **attributes):
    rows = np.arange(len(embeddings)) if rows is None else np.array(rows)
    return Embedded("a model", fingerprint, rows, embeddings, attributes, lambda photos: {}, reasons or {})


def nothing(stage, done, total):
    pass


def write_images(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)


def test_a_list_of_pairs_becomes_photos_and_numbers(tmp_path):
    write_images(tmp_path, "Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg")  # one pair is enough to read the list
    (tmp_path / "pairs.txt").write_text("2 1\nAnn 1 2\nAnn 1 Bob 3\nBob 3 4\nBob 4 Cy 1\n", encoding="utf-8")
    listed = pairs_of_file(str(tmp_path / "pairs.txt"), str(tmp_path))
    named = [[listed.people.photo_name(photo) for photo in pair] for pair in listed.pairs.tolist()]
    assert named[0] == ["Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg"]
    assert named[3] == ["Bob/Bob_0004.jpg", "Cy/Cy_0001.jpg"]
    assert listed.same.tolist() == [True, False, True, False]
    assert (listed.folds.tolist(), listed.told) == ([0, 0, 1, 1], True)
    assert [[listed.people.names[one] for one in pair] for pair in listed.persons][3] == ["Bob", "Cy"]
    with pytest.raises(ValueError, match="elsewhere is not a folder"):
        pairs_of_file(str(tmp_path / "pairs.txt"), str(tmp_path / "elsewhere"))


def test_who_is_confused_takes_folders_of_people_and_thresholds(monkeypatch):
    people, embedded = people_of([0, 0, 1, 1, 2]), embedded_as(unit([0, 1, 18, 19, 90]))
    with pytest.raises(ValueError, match="No error rates were measured"):
        judged_of(people, embedded, nothing)
    monkeypatch.setattr(judging, "shipped_thresholds", lambda fingerprint: [np.cos(np.deg2rad(18.5))] * 3)
    judged = judged_of(people, embedded, nothing)
    worst = judged.to_dict()["worst_pairs"][0]
    assert (worst["people"], worst["num_matched"], worst["num_pairs"]) == (["p0", "p1"], 3, 4)
    assert worst["photos"] == [str(Path("p0/1.jpg")), str(Path("p1/2.jpg"))]
    text = people_html(judged, people, embedded)
    assert "3 of 4 pairs of photos match, highest cosine 0.96" in text
    without = judged_of(
        people, replace(embedded, rows=np.array([-1, 0, 1, 2, -1]), embeddings=unit([1, 18, 19])), nothing
    )
    assert without.people.names == ["p0", "p1"]
    elsewhere = replace(people, names=["p0", "p1", "x"])
    with pytest.raises(ValueError, match="takes a folder per person"):
        judged_of(elsewhere, embedded, nothing)


def test_a_list_without_folds_is_dealt_out_by_people(tmp_path):
    write_images(tmp_path, "Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg")  # one pair is enough to read the list
    (tmp_path / "pairs.txt").write_text("2\nAnn 1 2\nBob 1 2\nAnn 1 Bob 3\nBob 4 Cy 1\n", encoding="utf-8")
    listed = pairs_of_file(str(tmp_path / "pairs.txt"), str(tmp_path))
    assert (listed.folds.tolist(), listed.told) == ([0, 1, 0, 1], False)


def test_pairs_of_different_people_are_limited_and_those_of_one_person_kept():
    listed = pairs_of_people(people_of(np.repeat(np.arange(10), 4)), max_impostor=50)
    assert (listed.same.sum(), (~listed.same).sum()) == (10 * 6, 50)
    assert (listed.same == (listed.persons[:, 0] == listed.persons[:, 1])).all()
    with pytest.raises(ValueError, match="3 people with 3 photos"):
        pairs_of_people(people_of([0, 1, 2]))


def test_pairs_without_an_embedding_are_named_and_the_rest_goes_on():
    people = people_of([0, 0, 1, 1])
    embedded = embedded_as(unit([0, 20, 90]), [0, 1, -1, 2], reasons={2: "2.jpg: no face was found"})
    scored = score(pairs_of_people(people), embedded)
    assert len(scored.scores) == 3
    cosines = {frozenset((0, 1)): 20, frozenset((0, 3)): 90, frozenset((1, 3)): 70}
    for pair, number in zip(scored.listed.pairs.tolist(), scored.scores, strict=True):
        assert number == pytest.approx(np.cos(np.deg2rad(cosines[frozenset(pair)])), abs=1e-6)
    assert len(scored.failed) == 3
    assert all("p1/2.jpg" in name and reason == "2.jpg: no face was found" for name, reason in scored.failed)
    one = {1: "1.jpg: no face was found", 3: "3.jpg: no face was found"}
    with pytest.raises(ValueError, match=r"Received: 0 and .*The first: 1\.jpg: no face"):
        score(pairs_of_people(people), replace(embedded, rows=np.array([0, -1, 1, -1]), reasons=one))


def test_a_pair_is_described_by_its_worse_face():
    people = people_of([0, 0, 1])
    attributes = {"turn of the head in degrees": np.array([5.0, 30, 10]), "side": np.array([80.0, 40, 60])}
    scored = score(pairs_of_people(people), embedded_as(unit([0, 10, 90]), **attributes))
    found = scored.attributes()
    for row, pair in enumerate(scored.listed.pairs.tolist()):
        assert found["side"][row] == attributes["side"][pair].min()
        assert found["turn of the head in degrees"][row] == attributes["turn of the head in degrees"][pair].max()


def test_of_a_photo_with_several_faces_the_first_and_largest_counts(tmp_path):
    write_images(tmp_path, "Ann/1.png", "Ann/2.png", "Bob/1.png")
    paths = [str(tmp_path / name) for name in ("Ann/1.png", "Ann/1.png", "Ann/2.png", "Bob/1.png")]
    boxes = np.array([[0, 0, 6, 8], [0, 0, 2, 2], [0, 0, 5, 5], [0, 0, 4, 7]], dtype=np.float32)
    file = tmp_path / "faces.npz"
    np.savez(file, paths=np.array(paths), boxes=boxes, embeddings=unit([0, 170, 5, 90]), embedder=np.array("some"))
    people, embedded = people_of_embeddings(str(file))
    assert [people.names[label] for label in people.labels] == ["Ann", "Ann", "Bob"]
    np.testing.assert_array_equal(embedded.embeddings, unit([0, 5, 90]))
    assert embedded.attributes["side of the face in pixels"].tolist() == [6, 5, 4]
    assert embedded.fingerprint == "some"
    (tmp_path / "Bob/1.png").unlink()
    assert {photo: picture.shape for photo, picture in embedded.pictures([0, 2]).items()} == {0: (150, 150, 3)}
    (tmp_path / "no.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="kerasface embed"):
        people_of_embeddings(str(tmp_path / "no.npz"))


def test_photos_are_shared_out_as_the_command_does(tmp_path, front_end):
    """With failures of each kind: an enrolled photo, a probe, a stranger, one that cannot be decoded."""
    write_images(tmp_path, *(f"{name}.png" for name in ("A/1", "A/2", "B/1", "B/2", "C/1", "C/2", "C/3", "D/1", "E/1")))
    (tmp_path / "E/1.png").write_bytes(b"no picture")
    vectors = [[v] if (number not in (4, 6)) else [] for number, v in enumerate(np.eye(128, dtype=np.float32)[:8])]
    front_end.lists = list(vectors)
    expected, _ = trials.open_set_trial(tmp_path, front_end)
    people = people_of_folder(str(tmp_path))
    rows, kept = np.full(9, -1), [number for number, faces in enumerate(vectors) if faces]
    rows[kept] = np.arange(len(kept))
    embeddings = np.eye(128, dtype=np.float32)[kept]
    found = trial_of(people, embedded_as(embeddings, rows, fingerprint=front_end.embedder.fingerprint))
    assert found.normalizer is expected.normalizer
    for name, value in vars(replace(expected, normalizer=None)).items():
        if name == "normalizer":
            continue
        np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)
    assert (found.num_mated_failed, found.num_failed) == (2, 3)


def test_rates_of_searches_are_counted_at_every_threshold():
    people = simulated_people(20)
    trial = replace(trial_of(people, simulated_embeddings(people, "Model A")), num_mated_failed=3)
    fpir, fnir = open_set_rates(trial)
    mated, strangers = search_trial(trial)
    assert (np.diff(fpir) >= 0).all()
    assert (np.diff(fnir) <= 0).all()
    for one, other in zip(fpir, fnir, strict=True):
        # Points are reached by some threshold: that of as many strangers, or any that lies higher than all.
        levels = [*np.unique(np.r_[strangers.normalized, mated.normalized]), np.inf]
        points = [
            (np.mean(strangers.normalized >= level), (np.sum(mated.own_scores < level) + 3) / (len(mated.labels) + 3))
            for level in levels
        ]
        assert min(abs(one - a) + abs(other - b) for a, b in points) < 1e-9
    assert fnir[-1] == pytest.approx((np.sum(mated.own_ranks != 1) + 3) / (len(mated.labels) + 3))


@pytest.fixture(scope="module")
def results():
    people = simulated_people(20)
    return measure_pairs(score(pairs_of_people(people, 4_000), simulated_embeddings(people, "Model A")))


def test_the_sample_is_the_same_each_time_and_model_b_sees_more_clearly():
    people = simulated_people(100)
    listed = pairs_of_people(people, 10_000)
    scores = {model: score(listed, simulated_embeddings(people, model)).scores for model in MODELS}
    np.testing.assert_array_equal(score(listed, simulated_embeddings(people, "Model A")).scores, scores["Model A"])
    lost = {
        model: np.mean(values[listed.same] < np.quantile(values[~listed.same], 0.99))
        for model, values in scores.items()
    }
    assert lost["Model B"] < lost["Model A"] < 0.2
    pictures = simulated_embeddings(people, "Model A").pictures([0, 5])
    assert {photo: picture.shape for photo, picture in pictures.items()} == {0: (150, 150, 3), 5: (150, 150, 3)}


def test_rates_that_the_pairs_cannot_support_are_refused_in_words(results):
    assert list(results.targets) == [0.1, 0.01, 0.001]
    assert results.refused == {0.0001: "needs 30,000 pairs of different people; there are 4,000"}


def test_both_errors_are_counted_at_a_threshold(results):
    scored, threshold = results.scored, 0.96
    same, accepted = scored.listed.same, scored.scores >= threshold
    at = rates_at(scored, threshold)
    assert (at.fmr.num_errors, at.fmr.num_pairs) == ((accepted & ~same).sum(), (~same).sum())
    assert (at.fnmr.num_errors, at.fnmr.num_pairs) == ((~accepted & same).sum(), same.sum())
    assert (at.fmr.low, at.fmr.high) == wilson_interval(at.fmr.num_errors, at.fmr.num_pairs)


@pytest.mark.parametrize(("same", "accepted"), [(True, False), (False, True), (True, True), (False, False)])
def test_the_pairs_nearest_to_the_threshold_come_first(results, same, accepted):
    scored = results.scored
    found = nearest_pairs(scored, 0.96, same=same, accepted=accepted, count=3)
    kind = (scored.listed.same == same) & ((scored.scores >= 0.96) == accepted)
    expected = sorted(np.flatnonzero(kind), key=lambda pair: abs(scored.scores[pair] - 0.96))[:3]
    assert found.tolist() == expected


def test_files_hold_every_pair_and_what_was_measured(results):
    failing = replace(results, scored=replace(results.scored, failed=[("a/1 - b/2", "b/2: no face was found")]))
    rows = list(csv.DictReader(io.StringIO(results_csv(failing))))
    assert len(rows) == len(results.scored.scores) + 1
    listed = results.scored.listed
    assert rows[7]["photo_a"] == listed.people.photo_name(listed.pairs[7, 0])
    assert float(rows[7]["cosine"]) == pytest.approx(results.scored.scores[7], abs=1e-6)
    assert rows[-1] | {"fold": "", "same": ""} == {
        "photo_a": "a/1",
        "photo_b": "b/2",
        "same": "",
        "fold": "",
        "cosine": "",
        "reason": "b/2: no face was found",
    }
    content = json.loads(results_json(failing))
    assert content["scores"] == "cosine"
    assert (content["num_genuine"], content["num_people"], content["model"]) == (120, 40, "Model A")
    assert content["eer"] == results.report.eer
    assert content["failed"][0]["reason"] == "b/2: no face was found"
    assert "Verification: simulated, 20 people" in results_html(results)


def test_a_model_without_a_calibration_gets_one_that_is_judged_on_other_people(results):
    assert "No calibration ships" in results.calibration_note
    assert results.calibration.num_folds == 5
    assert results.shipped is None


def test_a_calibration_that_ships_is_measured_on_these_pairs():
    """Whether a pair is of one person is drawn so that the probabilities are true: the error is that of the draw."""
    fingerprint = embedder_fingerprint()
    generator = np.random.default_rng(0)
    shipped, normalizer = pair_calibration(fingerprint), normalizer_of(fingerprint)
    faces = normalizer.cohort[1000:4000]
    noise = generator.normal(size=faces.shape)
    others = faces + noise / np.linalg.norm(noise, axis=1, keepdims=True) * generator.uniform(0.3, 0.8, (3000, 1))
    others = (others / np.linalg.norm(others, axis=1, keepdims=True)).astype(np.float32)
    scores = normalized_scores(
        np.sum(faces * others, axis=1), normalizer.statistics(faces), normalizer.statistics(others)
    )
    same = generator.random(3000) < shipped.with_prior(0.5).probability(scores)
    labels = np.r_[np.arange(3000), np.where(same, np.arange(3000), 3000 + np.arange(3000))]
    people = People("made up", [Path(f"p/{n}") for n in range(6000)], labels, [str(n) for n in range(6000)])
    pairs = np.stack([np.arange(3000), 3000 + np.arange(3000)], axis=1)
    listed = replace(
        pairs_of_people(people_of([0, 0, 1])), people=people, pairs=pairs, same=same, folds=np.arange(3000) % 5
    )
    embedded = embedded_as(np.concatenate([faces, others]), fingerprint=fingerprint)
    found = measure_pairs(score(listed, embedded))
    assert found.shipped == operating_point(fingerprint, 0.001).threshold
    assert shipped.data in found.calibration_note
    assert found.calibration.ece < 0.03
    assert sum(part.count for part in found.calibration.bins) == 3000
    wrong = measure_pairs(score(replace(listed, same=np.roll(same, 1)), embedded))
    assert wrong.calibration.ece > 0.1


def test_photos_are_embedded_once_and_failures_named(tmp_path, analyzer, portrait, portrait_crop, monkeypatch):
    monkeypatch.setenv("KERASFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(evaluate_models, "analyzer_or_stop", lambda: analyzer)
    write_images(tmp_path / "people", "Bob/1.png")
    (tmp_path / "people" / "Eileen").mkdir()
    Image.fromarray(portrait).save(tmp_path / "people" / "Eileen" / "1.png")
    (tmp_path / "people" / "Eileen" / "2.png").write_bytes(b"no picture")
    people = people_of_folder(str(tmp_path / "people"))
    stages = []
    models = [Model("six", 6, "float32")]
    (found,) = embed_people(people, models, lambda stage, done, total: stages.append(stage))
    assert found.rows.tolist() == [-1, 0, -1]
    np.testing.assert_allclose(found.embeddings, analyzer.embedder.embed(portrait_crop[None]), atol=1e-5)
    np.testing.assert_array_equal(found.pictures([0, 1])[1], portrait_crop)
    assert set(found.pictures([0, 1])) == {1}
    assert "no face" in found.reasons[0]
    assert "2.png" in found.reasons[2]
    side = found.attributes["side of the face in pixels"]
    assert np.isnan(side[[0, 2]]).all()
    assert side[1] > 50
    assert list(dict.fromkeys(stages)) == ["Finding faces", "Measuring size, turn and sharpness", "Embedding them: six"]

    def forbidden(images):
        raise AssertionError("What is stored is not computed again.")

    front_end = SimpleNamespace(
        detector=SimpleNamespace(detect=forbidden, fingerprint=analyzer.detector.fingerprint),
        embedder=SimpleNamespace(**vars(analyzer.embedder) | {"embed": forbidden, "crop": forbidden}),
    )
    monkeypatch.setattr(evaluate_models, "analyzer_or_stop", lambda: front_end)
    (tmp_path / "people" / "Eileen" / "2.png").unlink()
    (again,) = embed_people(people_of_folder(str(tmp_path / "people")), models, nothing)
    np.testing.assert_array_equal(again.embeddings, found.embeddings)


def test_where_no_photo_has_a_face_that_is_said(tmp_path, analyzer, monkeypatch):
    monkeypatch.setattr(evaluate_models, "analyzer_or_stop", lambda: analyzer)
    write_images(tmp_path, "A/1.png", "B/1.png")
    with pytest.raises(ValueError, match="any of the 2 photos"):
        embed_people(people_of_folder(str(tmp_path)), [Model("six")], nothing)


def test_models_are_the_settings_of_the_embedder_and_metric_trainings(tmp_path):
    names = [model.name for model in list_models(str(tmp_path))]
    assert [name for name in names if "six views" in name]
    assert len(names) == len(set(names))
    assert len(names) in (3, 6)  # a second precision where the machine has it
    for name, task, kind in (("heads", "embed", "face"), ("digits", "embed", "image"), ("who", "classify", "face")):
        (tmp_path / name).mkdir()
        card = {"format": 1, "name": name, "task": task, "input": {"kind": kind}, "model_sha256": "0" * 64}
        (tmp_path / name / "model.keras").touch()
        (tmp_path / name / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (model,) = list_models(str(tmp_path))[len(names) :]
    assert (model.name, model.run) == ("heads, trained", (str(tmp_path), "heads", "0" * 64))


def test_a_metric_training_sees_the_crops_at_its_own_size(tmp_path, analyzer, portrait, portrait_crop, monkeypatch):
    """Its model gives the mean red, green and blue of the crop as a unit vector."""
    monkeypatch.setenv("KERASFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(evaluate_models, "analyzer_or_stop", lambda: analyzer)
    crops = keras.Input((30, 30, 3))
    means = keras.layers.GlobalAveragePooling2D()(crops)
    model = keras.Model(crops, keras.layers.UnitNormalization()(means))
    card = {
        "task": "embed",
        "input": {"kind": "face", "image_size": [30, 30], "alignment": analyzer.embedder.alignment},
        "embedding": {"dim": 3, "fingerprint": "colours"},
    }
    for name, changes in (("colours", {}), ("other", {"input": card["input"] | {"alignment": "another"}})):
        runs.write_run(
            tmp_path / "runs",
            name,
            model=model,
            card=ModelCard.from_dict(card | changes),
            metrics={},
            history=[{"epoch": 1}],
        )
    colours, other = list_models(str(tmp_path / "runs"))[-2:]
    people = People("one photo", [tmp_path / "1.png"], np.zeros(1, dtype=np.int64), ["Eileen"])
    Image.fromarray(portrait).save(people.paths[0])
    (found,) = embed_people(people, [colours], nothing)
    expected = portrait_crop.mean(axis=(0, 1))  # five pixels become one by their mean, so the mean stays
    np.testing.assert_allclose(found.embeddings[0], expected / np.linalg.norm(expected), atol=1e-3)
    assert (found.fingerprint, found.model) == ("colours", "colours, trained")
    with pytest.raises(runs.RunError, match="cut for 'another'"):
        embed_people(people, [other], nothing)
