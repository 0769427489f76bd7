"""Embedders by name: runs that embed or name people, how they are cut for, what was measured of them, the default."""

import json

import keras
import numpy as np
import pytest

from kerasface.faces.alignment import ARCFACE_TEMPLATE, FACE_RESNET_CROP
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.embedders import (
    SHIPPED,
    default_embedder,
    find_embedder,
    list_embedders,
    load_embedder,
    load_embedder_of,
    set_default_embedder,
)
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.quality import measure_quality
from kerasface.faces.rates import operating_points
from kerasface.faces.rates.operating_points import NotCalibratedError, operating_point, search_point
from kerasface.runs.card import ModelCard
from kerasface.runs.records import RunError
from kerasface.runs.store import write_run
from kerasface.tasks.identification import Identifier
from kerasface.tasks.verification import verify


def mean_colors(side, *, head=None):
    """The mean of red, green and blue; with a head, a classifier on top, which pools as networks from scratch do."""
    inputs = keras.Input((side, side, 3), name="image")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.GlobalAveragePooling2D(name="head_pool" if head else "mean")(x)
    if head is None:
        return keras.Model(inputs, keras.layers.UnitNormalization(name="unit")(x))
    return keras.Model(inputs, keras.layers.Dense(head, activation="softmax", name="head_dense")(x))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with `colors`, which embeds crops of 112 x 112; `names`, a classifier; `parts`, which does neither."""
    root = tmp_path_factory.mktemp("saved_models")

    def write(name, model, **card):
        write_run(root, name, model=model, card=ModelCard.from_dict(card), metrics={}, history=[])

    arcface = {"kind": "face", "image_size": [112, 112], "alignment": "arcface", "template": ARCFACE_TEMPLATE.tolist()}
    space = {"dim": 3, "fingerprint": "colors-1"}
    write("colors", mean_colors(112), task="embed", input=arcface, embedding=space, licence="MIT", trained_on="colors")
    resnet = {"kind": "face", "image_size": [30, 30], "alignment": FACE_RESNET_CROP.fingerprint}
    write("names", mean_colors(30, head=2), task="classify", labels=["Ada", "Bob"], input=resnet, backbone="mean")
    pictures = {"kind": "image", "image_size": [30, 30]}
    write("pictures", mean_colors(30, head=2), task="classify", labels=["cat", "dog"], input=pictures)
    other = {"kind": "face", "image_size": [30, 30], "alignment": "another"}
    write("other", mean_colors(30), task="embed", input=other, embedding=space)
    return root


@pytest.fixture
def colors(runs, detector):
    return FaceAnalyzer(detector, load_embedder("colors", root=runs))


def test_crops_are_cut_for_the_network_and_embedded_to_unit_length(colors, portrait, portrait_face):
    """The face is centered in a 112 x 112 crop, whose mean color the embedding is."""
    ((entry,),) = colors.analyze([portrait])
    assert entry.crop.shape == (112, 112, 3)
    np.testing.assert_array_equal(entry.crop, colors.embedder.crop(portrait, portrait_face))
    expected = entry.crop.mean(axis=(0, 1))
    np.testing.assert_allclose(entry.embedding, expected / np.linalg.norm(expected), atol=1e-4)
    assert (entry.embedder, entry.embedding.dtype) == ("colors-1", np.float32)
    assert (colors.embedder.licence, colors.embedder.trained_on) == ("MIT", "colors")


def test_quality_is_measured_on_the_same_crop_whatever_the_network_takes(colors, portrait, portrait_face):
    ((entry,),) = colors.analyze([portrait])
    assert entry.quality == measure_quality(portrait_face, FACE_RESNET_CROP.cut(portrait, portrait_face))


def test_a_classifier_embeds_by_what_its_head_sees(runs, portrait, detector):
    embedder = load_embedder("names", root=runs)
    ((entry,),) = FaceAnalyzer(detector, embedder).analyze([portrait])
    assert (embedder.embedding_dim, embedder.image_size, entry.crop.shape) == (3, (150, 150), (150, 150, 3))
    assert embedder.fingerprint.startswith("mean-features-")
    np.testing.assert_allclose(np.linalg.norm(entry.embedding), 1, atol=1e-5)
    assert embedder.embed(np.zeros((0, 150, 150, 3), np.uint8)).shape == (0, 3)


def test_what_is_there_is_listed_and_found_by_its_fingerprint(runs):
    listed = {summary.name: summary for summary in list_embedders(runs)}
    assert list(listed) == [SHIPPED, "colors", "names", "other"]  # and no model of pictures
    assert (listed["colors"].embedding_dim, listed["colors"].is_calibrated) == (3, False)
    assert listed[SHIPPED].is_calibrated
    assert find_embedder("colors-1", runs) == "colors"
    assert find_embedder(listed["names"].fingerprint, runs) == "names"
    assert [find_embedder(embedder_fingerprint(views), runs) for views in (1, 6)] == [SHIPPED] * 2
    assert find_embedder("nothing", runs) is None
    assert load_embedder_of(embedder_fingerprint(1)).views == 1
    with pytest.raises(RunError, match="gives the embeddings of 'nothing'"):
        load_embedder_of("nothing", runs)


@pytest.mark.parametrize(
    ("name", "said"),
    [("pictures", "embeds no faces"), ("other", "cut for 'another'"), ("absent", "absent"), ("../colors", "colors")],
)
def test_what_embeds_no_faces_is_refused(runs, name, said):
    with pytest.raises(RunError, match=said):
        load_embedder(name, root=runs)


def test_views_are_those_of_the_embedder_that_ships(runs):
    with pytest.raises(ValueError, match=r"Only face_resnet averages.*'colors' does not\. Received: views=1"):
        load_embedder("colors", root=runs, views=1)


def test_without_measured_rates_there_are_scores_and_no_decision(colors, portrait, tmp_path):
    from kerasface.gallery.opening import open_gallery
    from kerasface.gallery.store import NewSample

    verdict = verify(portrait, portrait, colors)
    assert (verdict.decision, verdict.threshold, verdict.operating_point) == ("not_calibrated", None, None)
    assert verdict.score == verdict.normalized_score == pytest.approx(1, abs=1e-5)
    assert "kerasface embedders calibrate" in verdict.reason
    json.dumps(verdict.to_dict(), allow_nan=False)
    with pytest.raises(NotCalibratedError):
        operating_point("colors-1", 0.01)
    own = {"embedder": "colors-1", "embedding_dim": 3, "key": bytes(32)}
    with open_gallery(tmp_path / "g", **own) as gallery:
        ((entry,),) = faces = colors.analyze([portrait])
        gallery.enroll("Ada", [NewSample(entry.embedding, "a.jpg", "0" * 64)])
        identifier = Identifier(gallery)
        ((row,),) = identifier.decide(faces)
        assert (row.decision, row.name, row.most_alike) == ("not_calibrated", None, "Ada")
        assert (row.threshold, row.score, identifier.operating_point()) == (None, pytest.approx(1, abs=1e-5), None)
        json.dumps(row.to_dict(), allow_nan=False)


def measured(threshold):
    """What `calibrate` writes, with the same threshold at both ends, of pairs and of searches."""
    people = {"name": "ours", "description": "people of ours", "num_people": 9, "num_impostor": 10, "num_genuine": 5}
    ends = [{"fmr": fmr, "threshold": threshold, "measured": [[fmr, 0, 1, 0.1, 0, 1]]} for fmr in (1e-4, 0.1)]
    row = {"threshold": [threshold] * 2, "fnir": [0.1] * 2, "fpir_measured": [0.01] * 2}
    row |= {"gallery_size": 5, "fpir_low": [0] * 2, "fpir_high": [1] * 2}
    search = {"data": "ours", "num_people": 9, "fpirs": [0.001, 0.1], "galleries": [row]}
    return {"populations": [people], "points": ends, "cohort": "", "date": "2026-01-01", "search": search}


def test_measured_rates_lie_next_to_the_model_and_decide_by_cosines(runs, detector, portrait, monkeypatch):
    monkeypatch.setattr(operating_points, "_ADDED", {})
    file = runs / "colors" / "rates.json"
    try:
        file.write_text(json.dumps(measured(0.9) | {"embedder": "another"}))
        load_embedder("colors", root=runs)
        with pytest.raises(NotCalibratedError):  # they are of a model that was there before
            operating_point("colors-1", 0.01)
        file.write_text(json.dumps(measured(0.9) | {"embedder": "colors-1"}))
        analyzer = FaceAnalyzer(detector, load_embedder("colors", root=runs))
        verdict = verify(portrait, portrait, analyzer, fmr=0.01)
        assert (verdict.decision, verdict.threshold) == ("match", pytest.approx(0.9))
        assert verdict.reason.startswith("The faces match: cosine 1.000, 0.900 needed. What found the faces")
        assert search_point("colors-1", 0.01, 1000).threshold == pytest.approx(0.9)
        assert {summary.name: summary.is_calibrated for summary in list_embedders(runs)}["colors"]
        file.write_text("[]")
        with pytest.raises(RunError, match="holds no error rates"):
            load_embedder("colors", root=runs)
    finally:
        file.unlink()


def test_the_default_is_kept_and_the_environment_goes_before_it(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("KERASFACE_EMBEDDER", raising=False)
    assert default_embedder() == SHIPPED
    set_default_embedder("colors", runs)
    assert default_embedder() == "colors"
    with pytest.raises(RunError, match=r"no embedder 'absent'\. There are face_resnet, colors"):
        set_default_embedder("absent", runs)
    monkeypatch.setenv("KERASFACE_EMBEDDER", "names")
    assert default_embedder() == "names"


def test_faces_of_another_embedder_are_no_probes(colors, gallery, portrait):
    with pytest.raises(ValueError, match="faces of 'colors-1'"):
        Identifier(gallery).decide(colors.analyze([portrait]))
