"""What the page Evaluate measures, without its widgets."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.runs import store as runs
from kerasface.runs.card import ModelCard
from kerasface.tasks.measuring.pairs import pairs_of_people, score_pairs
from kerasface.tasks.measuring.people import People, people_of_folder
from pages.parts.evaluate import models as evaluate_models
from pages.parts.evaluate.models import Model, embed_people, list_models
from pages.parts.evaluate.sample import MODELS, simulated_embeddings, simulated_people
from tests.tasks.measuring.made_up import write_images


def nothing(stage, done, total):
    pass


def test_the_sample_is_the_same_each_time_and_model_b_sees_more_clearly():
    people = simulated_people(100)
    listed = pairs_of_people(people, 10_000)
    scores = {model: score_pairs(listed, simulated_embeddings(people, model)).scores for model in MODELS}
    np.testing.assert_array_equal(
        score_pairs(listed, simulated_embeddings(people, "Model A")).scores, scores["Model A"]
    )
    lost = {
        model: np.mean(values[listed.same] < np.quantile(values[~listed.same], 0.99))
        for model, values in scores.items()
    }
    assert lost["Model B"] < lost["Model A"] < 0.2
    pictures = simulated_embeddings(people, "Model A").pictures([0, 5])
    assert {photo: picture.shape for photo, picture in pictures.items()} == {0: (150, 150, 3), 5: (150, 150, 3)}


@pytest.mark.slow
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
        embedder=SimpleNamespace(
            **vars(analyzer.embedder) | {"embed": forbidden, "crop": forbidden}, normalizer=found.normalizer
        ),
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
        card |= {"backbone": "vgg"} if task == "classify" else {"embedding": {"dim": 3, "fingerprint": "heads-1"}}
        (tmp_path / name / "model.keras").touch()
        (tmp_path / name / "card.json").write_text(json.dumps(card), encoding="utf-8")
    found = list_models(str(tmp_path))[len(names) :]
    assert [model.run for model in found] == [
        (str(tmp_path), "heads", "heads-1"),
        (str(tmp_path), "who", f"vgg-features-{'0' * 16}"),
    ]


def test_a_metric_training_sees_the_crops_at_its_own_size(tmp_path, analyzer, portrait, portrait_crop, monkeypatch):
    """Its model gives the mean red, green and blue of the crop as a unit vector."""
    monkeypatch.setenv("KERASFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(evaluate_models, "analyzer_or_stop", lambda: analyzer)
    crops = keras.Input((30, 30, 3))
    means = keras.layers.GlobalAveragePooling2D()(crops)
    model = keras.Model(crops, keras.layers.UnitNormalization()(means))
    card = {
        "task": "embed",
        "input": {"kind": "face", "image_size": [30, 30], "alignment": analyzer.embedder.template.fingerprint},
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
    colors, other = list_models(str(tmp_path / "runs"))[-2:]
    people = People("one photo", [tmp_path / "1.png"], np.zeros(1, dtype=np.int64), ["Eileen"])
    Image.fromarray(portrait).save(people.paths[0])
    (found,) = embed_people(people, [colors], nothing)
    expected = portrait_crop.mean(axis=(0, 1))  # five pixels become one by their mean, so the mean stays
    np.testing.assert_allclose(found.embeddings[0], expected / np.linalg.norm(expected), atol=1e-3)
    assert (found.fingerprint, found.model) == ("colours", "colours")
    with pytest.raises(runs.RunError, match="cut for 'another'"):
        embed_people(people, [other], nothing)
