"""Cards of every kind and version: they open, come back as they were written, and say what is wrong with them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kerasface.evaluation.open_set import OpenSet
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.classifier_points import classifier_point
from kerasface.runs.card import EmbeddingSpace, ModelCard, ModelInput, OpenSetThreshold, WeightSource
from kerasface.runs.store import SHIPPED_ROOT, Run, RunError

MEASURED = OpenSet(0.5, 0.01, 0.009, 0.02, 0.9, 0.88, 100, 50, 90, True)
# As trainings write them, in this order.
FACES = {
    "format": 1,
    "name": "family",
    "task": "classify",
    "input": {
        "kind": "face",
        "image_size": [150, 150],
        "values": "RGB, 0 to 255",
        "alignment": "five points",
        "detector": "mtcnn",
    },
    "backbone": "face_resnet",
    "labels": ["Ada", "Zoë"],
    "metrics": {"top1": 0.9, "unknown_accepted": None},
    "calibration": {"temperature": 1.0, "applied": False},
    "fine_tuned": False,
    "weights": [{"name": "face_resnet", "licence": "CC0-1.0", "sha256": "00"}],
    "recipe": {"epochs": 0, "groups": None},
    "data": {"folder": "people", "fingerprint": "ab"},
    "code": "cd",
    "versions": {"keras": "3.15.1"},
    "device": "CPU",
    "created": "2026-11-25T03:31:05+00:00",
    "class_means": [[1.0, 0.0], [0.0, 1.0]],
    "open_set": {
        "score": "mean_cosine",
        "default": True,
        **classifier_point(embedder_fingerprint(2), 3, 4).to_dict(),
    },
    "model_sha256": "ef",
}
PICTURES = {
    **{name: FACES[name] for name in ("format", "name", "task")},
    "input": {"kind": "image", "image_size": [32, 32], "values": "RGB, 0 to 255"},
    **{name: FACES[name] for name in ("backbone", "labels", "metrics", "calibration", "fine_tuned")},
    "weights": [],
    **{name: FACES[name] for name in ("recipe", "data", "code", "versions", "device", "created")},
    "open_set": {"score": "cosine", **MEASURED.to_dict()},
    "model_sha256": "ef",
}
EMBEDDER = {
    **{name: FACES[name] for name in ("format", "name")},
    "task": "embed",
    **{name: FACES[name] for name in ("input", "backbone")},
    "embedding": {"dim": 128, "score": "cosine", "fingerprint": "face_resnet-metric-12"},
    "thresholds": {"0.01": {"fmr": 0.01, "tar": 0.9}},
    **{name: FACES[name] for name in ("metrics", "weights", "recipe", "data", "code", "versions", "device", "created")},
    "model_sha256": "ef",
}
SEGMENTER = {
    **{name: FACES[name] for name in ("format", "name")},
    "task": "segment",
    "input": {"kind": "segment", "image_size": [64, 64], "values": "RGB, 0 to 255", "context": None},
    **{name: FACES[name] for name in ("backbone", "labels")},
    "colours": [[0, 0, 0], [255, 204, 0]],
    **{name: FACES[name] for name in ("metrics", "weights", "recipe", "data", "code", "versions", "device", "created")},
    "model_sha256": "ef",
}
POINTS = [[38.3, 51.7], [73.5, 51.5], [56, 71.7], [41.5, 92.4], [70.7, 92.2]]
PARITY = {"num_crops": 64, "crops": "crops", "max_difference": 2e-6, "largest": 0.5, "runtime": "ONNX Runtime 1"}
SOURCE = {"file": "a.onnx", "sha256": "9c", "format": "onnx", "input": "rgb -1..1", "mirrored": True, "parity": PARITY}
IMPORTED = {
    **{name: FACES[name] for name in ("format", "name")},
    "task": "embed",
    "input": {**FACES["input"], "image_size": [112, 112], "template": POINTS},
    "backbone": "a",
    "embedding": {"dim": 512, "score": "cosine", "fingerprint": "a-9c"},
    "weights": [],
    "licence": "Apache-2.0",
    "trained_on": "photos of others",
    "source": SOURCE,
    "model_sha256": "ef",
}
KINDS = {
    "faces": FACES,
    "pictures": PICTURES,
    "pictures without strangers": PICTURES | {"open_set": None},
    "embedder": EMBEDDER,
    "embedder of others": IMPORTED,
    "segmenter": SEGMENTER,
    "segmenter of faces": SEGMENTER | {"input": SEGMENTER["input"] | {"context": 2.2}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_comes_back_as_it_was_written(kind, tmp_path):
    """Letter by letter, that is in the same order."""
    card = ModelCard.from_dict(KINDS[kind])
    assert json.dumps(card.to_dict()) == json.dumps(KINDS[kind])
    (tmp_path / "card.json").write_text(json.dumps(KINDS[kind]), encoding="utf-8")
    assert ModelCard.read(tmp_path / "card.json") == card


def test_what_is_in_a_card_has_types():
    card = ModelCard.from_dict(FACES)
    assert card.input == ModelInput(
        image_size=(150, 150), values="RGB, 0 to 255", alignment="five points", detector="mtcnn"
    )
    assert (card.input.side(), card.input.of_faces, card.input.looks_at_faces) == (150, True, True)
    assert card.labels == ("Ada", "Zoë")
    assert card.weights == (WeightSource(name="face_resnet", licence="CC0-1.0", sha256="00"),)
    assert (card.open_set.default, card.open_set.score) == (True, "mean_cosine")
    assert ModelCard.from_dict(PICTURES).open_set == OpenSetThreshold(score="cosine", **MEASURED.to_dict())
    embedding = ModelCard.from_dict(EMBEDDER).embedding
    assert embedding == EmbeddingSpace(dim=128, score="cosine", fingerprint="face_resnet-metric-12")
    segmenter = ModelCard.from_dict(SEGMENTER)
    assert segmenter.colours == ((0, 0, 0), (255, 204, 0))
    imported = ModelCard.from_dict(IMPORTED)
    assert imported.input.template[2] == (56, 71.7)
    assert imported.source.parity.relative == 4e-6
    assert not segmenter.input.looks_at_faces
    assert replace(segmenter.input, context=2.2).looks_at_faces


@pytest.mark.parametrize("folder", sorted(path.name for path in SHIPPED_ROOT.iterdir() if path.is_dir()))
def test_cards_of_version_0_1_open_and_nothing_of_them_is_unknown(folder):
    path = Path(SHIPPED_ROOT, folder, "card.json")
    card = ModelCard.read(path)
    assert card.to_dict() == json.loads(path.read_text(encoding="utf-8"))
    assert card.versions["kerasface"] == "0.1.0"
    assert card.extra == card.input.extra == {}


def test_the_first_cards_said_neither_kind_nor_threshold_nor_whether_they_were_fine_tuned():
    content = {"format": 1, "name": "old", "task": "classify", "input": {"image_size": [150, 150], "alignment": "five"}}
    card = ModelCard.from_dict({**content, "labels": ["Ada"], "model_sha256": "ef"})
    assert card.input.of_faces
    assert (card.open_set, card.fine_tuned, card.weights) == (None, None, ())


def test_what_a_later_version_wrote_survives():
    later = {
        **FACES,
        "consent": {"asked": True, "note": None},
        "extra": 3,
        "input": {**FACES["input"], "channels": [1, 2]},
        "open_set": {**FACES["open_set"], "population": "everybody"},
        "weights": [{**FACES["weights"][0], "year": 2017}],
    }
    card = ModelCard.from_dict(later)
    assert card.extra == {"consent": {"asked": True, "note": None}, "extra": 3}
    assert card.to_dict() == later
    assert ModelCard.from_dict(card.to_dict()) == card


@pytest.mark.parametrize(
    ("content", "told"),
    [
        *(({**FACES, "input": {**FACES["input"], "image_size": size}}, f"in pixels. Received: image_size={size!r}.")
          for size in ([8], [8, 8, 3], "8", 8, [8.0, 8.0], [0, 8], [True, True])),
        *(({**SEGMENTER, "input": {**SEGMENTER["input"], "context": context}}, f"Received: context={context!r}.")
          for context in (-1.8, "1.8", True, float("inf"))),
        *(({**IMPORTED, "input": {**IMPORTED["input"], "template": points}}, f"Received: template={points!r}.")
          for points in ([], POINTS[:4], POINTS[:4] * 2, [*POINTS[:4], [1, 2, 3]], [*POINTS[:4], [1, float("nan")]],
                         [*POINTS[:4], POINTS[0]], [*POINTS[:4], [1, "2"]], "arcface-112")),
        *(({**IMPORTED, "source": {**SOURCE, "parity": {**PARITY, name: value}}}, f"lacks a valid '{name}'")
          for name, value in (("max_difference", float("nan")), ("largest", 0), ("num_crops", 1.5))),
        *(({**SEGMENTER, "colours": colours}, f"0 to 255 for each of its classes. Received: colours={colours!r}.")
          for colours in ([[0, 0, 0]], [[0, 0]] * 2, [[0, 0, 256]] * 2, [[0, 0, 0.5]] * 2, "red")),
        ({**FACES, "recipe": []}, "The card lacks a valid 'recipe' (dict). Received: []."),
        ({**FACES, "metrics": None}, "The card lacks a valid 'metrics' (dict). Received: None."),
        ({**FACES, "fine_tuned": "no"}, "The card lacks a valid 'fine_tuned' (bool | None). Received: 'no'."),
        ({**FACES, "weights": [{"licence": "MIT"}]}, "The card: weights lacks a valid 'name' (str). Received: None."),
        ({**FACES, "input": "faces"}, "The card lacks a valid 'input' (dict). Received: 'faces'."),
        ({**FACES, "class_means": "means"}, "of each of its classes. Received: class_means='means'."),
        ({**EMBEDDER, "embedding": {"dim": 128, "score": "cosine"}}, "embedding lacks a valid 'fingerprint' (str)."),
        ({**FACES, "format": "1"}, "The card lacks a valid 'format' (int). Received: '1'."),
        ([FACES], "The card must hold a JSON object. Received: list."),
    ],
)  # fmt: skip
def test_what_is_no_card_is_refused_by_what_is_wrong_with_it(content, told):
    with pytest.raises(RunError) as caught:
        ModelCard.from_dict(content)
    assert told in str(caught.value)


def test_an_error_is_short_however_long_the_value():
    with pytest.raises(RunError) as caught:
        ModelCard.from_dict({**FACES, "labels": list(range(100_000))})
    assert len(str(caught.value)) < 1000


def test_a_run_says_what_it_is_not_for(tmp_path):
    run = Run("family", ModelCard.from_dict(FACES), source=None)
    run.check_task("classify")
    with pytest.raises(RunError, match=r"'family' does not segment\. Received: task='classify'"):
        run.check_task("segment")
