"""What is measured is kept with the run and found by its fingerprint; two embedders are compared on the same people."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from kerasface.cli import main
from kerasface.faces.alignment import FACE_RESNET_TEMPLATE
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedders import load_embedder
from kerasface.faces.rates.basis import basis_of
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.faces.rates.operating_points import NotCalibratedError, operating_point, search_point
from kerasface.runs.store import RunError
from kerasface.tasks.embedders import calibrating, comparing
from kerasface.tasks.embedders.adding import add_embedder
from kerasface.tasks.embedders.calibrating import calibrate_embedder
from kerasface.tasks.embedders.public import lfw_folder
from kerasface.tasks.measuring.people import Embedded, People
from tests.evaluation.measured.test_pairs import people
from tests.models.onnx.networks import network
from tests.tasks.embedders.test_adding import POINTS
from tests.tasks.embedders.test_rates import crowded


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrated")
    (folder / "net.onnx").write_bytes(network().SerializeToString())
    (folder / "tiny.json").write_text(json.dumps(POINTS), encoding="utf-8")
    return add_embedder(
        folder / "net.onnx", "tiny", licence="MIT", template=folder / "tiny.json", root=folder / "runs", mirrored=False
    )


@pytest.fixture
def runs(added, tmp_path):
    shutil.copytree(added.path.parent, tmp_path / "runs")
    return tmp_path / "runs"


def seen(monkeypatch, module, embeddings, labels):
    """Lets photos be what an embedder sees on them; one photo has no face."""
    number = len(labels) + 1
    photos = [Path(f"faces/{label}/{place}.jpg") for place, label in enumerate([*labels, labels[-1]])]
    found = People("faces", photos, np.r_[labels, labels[-1]], [str(label) for label in np.unique(labels)])
    monkeypatch.setattr(module, "people_of_folder", lambda folder: found)

    def embed(asked, analyzer, others=(), *, report):
        rows = np.r_[np.arange(number - 1), -1]
        one = Embedded("tiny", analyzer.embedder.fingerprint, None, rows, embeddings, {}, {number - 1: "no face"})
        noisy = embeddings + 0.15 * np.random.default_rng(0).normal(size=embeddings.shape)
        noisy = (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)
        return [one, *(replace(one, model=other.name, embeddings=noisy) for other in others)]

    monkeypatch.setattr(module, "embed_people", embed)


@pytest.fixture(scope="module")
def calibrated(added):
    """The run, measured on 60 people; the folder of runs, and what came of it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        fingerprint = load_embedder("tiny", root=added.path.parent).fingerprint
        with pytest.raises(NotCalibratedError):
            operating_point(fingerprint, 0.01)
        root = added.path.parent.with_name("measured")
        shutil.copytree(added.path.parent, root)
        seen(monkeypatch, calibrating, *people(number=60, photos=3))
        return root, calibrate_embedder("tiny", "somewhere/faces/images", root=root)


@pytest.mark.slow
def test_what_was_measured_is_found_by_the_fingerprint_and_decides(calibrated):
    root, done = calibrated
    fingerprint = load_embedder("tiny", root=root).fingerprint
    assert (done.num_people, done.num_photos, done.measured.cohort) == (60, 180, None)
    assert done.rejected[0][1] == "no face"
    kept = json.loads((root / "tiny" / "rates.json").read_text(encoding="utf-8"))
    assert kept["embedder"] == fingerprint
    assert {key: kept[key] for key in ("detector", "limits")} == basis_of(FaceDetector().fingerprint)
    assert kept["quality"]["within"]["num_genuine"] == 180
    assert kept["populations"][0]["name"] == "faces"
    for point in kept["points"]:
        assert operating_point(fingerprint, point["fmr"]).threshold == point["threshold"]
    assert search_point(fingerprint, 0.1, 5).threshold == kept["search"]["galleries"][2]["threshold"][-1]
    assert load_embedder("tiny", root=root).normalizer is None


@pytest.mark.slow
def test_a_cohort_that_helps_is_kept_next_to_the_rates_and_taken_away_with_them(runs, monkeypatch):
    seen(monkeypatch, calibrating, *crowded(0))
    done = calibrate_embedder("tiny", "crowd", root=runs)
    fingerprint = load_embedder("tiny", root=runs).fingerprint
    assert normalizer_of(fingerprint).digest == done.measured.rates["cohort"]
    rates = runs / "tiny" / "rates.json"
    other = json.loads(rates.read_text(encoding="utf-8")) | {"cohort": "other-300"}
    whole = rates.read_bytes()
    rates.write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(RunError, match="is another cohort than they were measured with"):
        load_embedder("tiny", root=runs)
    rates.write_bytes(whole)
    seen(monkeypatch, calibrating, *people(number=60, photos=3))
    calibrate_embedder("tiny", "crowd", root=runs)
    assert not (runs / "tiny" / "cohort.npz").exists()
    assert normalizer_of(fingerprint) is None


@pytest.mark.parametrize("change", [{"points": [{}]}, {"points": []}, {"search": {"fpirs": [0.1], "galleries": []}},
                                    {"calibration": {"method": "magic"}}, {"populations": 3}])  # fmt: skip
def test_rates_that_were_changed_by_hand_are_refused_when_they_are_read(calibrated, change):
    root, _ = calibrated
    rates = root / "tiny" / "rates.json"
    whole = rates.read_text(encoding="utf-8")
    try:
        rates.write_text(json.dumps(json.loads(whole) | change), encoding="utf-8")
        with pytest.raises(RunError, match=r"holds no error rates: .*embedders calibrate` measures them"):
            load_embedder("tiny", root=root)
    finally:
        rates.write_text(whole, encoding="utf-8")


def test_what_cannot_be_measured_is_refused_and_what_was_kept_stays(runs, monkeypatch):
    with pytest.raises(RunError, match="There is no model 'nobody'"):
        calibrate_embedder("nobody", "faces", root=runs)
    with pytest.raises(RunError, match="'face_resnet' leads to was measured already"):
        calibrate_embedder("face_resnet", "faces", root=runs)
    before = sorted(path.name for path in (runs / "tiny").iterdir())
    seen(monkeypatch, calibrating, *people(number=5, photos=3))
    with pytest.raises(ValueError, match="10 people or more"):
        calibrate_embedder("tiny", "faces", root=runs)
    assert sorted(path.name for path in (runs / "tiny").iterdir()) == before


@pytest.mark.slow
def test_the_commands_say_what_was_measured_and_which_is_better(runs, monkeypatch):
    seen(monkeypatch, calibrating, *people(number=60, photos=3))
    told = CliRunner().invoke(main, ["embedders", "calibrate", "tiny", "--images", "faces", "--runs", str(runs)])
    assert told.exit_code == 0, told.output
    assert "rates.json: measured on 180 photos of 60 people" in told.stdout
    assert "FMR 1 %: cosine 0." in told.stdout
    assert "Too few pairs to tell what is missed beyond a limit of quality: side, sharpness, yaw, " in told.stdout
    assert "False match rates below 0.032 % cannot be asked for" in told.stdout
    shutil.copytree(runs / "tiny", runs / "noisy")
    labels = np.concatenate([np.repeat(np.arange(200), 3), np.arange(200, 520)])
    singles = people(number=320, photos=1, seed=4)[0]
    embeddings = np.concatenate([people(number=520, photos=3, noise=0.2)[0][:600], singles])
    seen(monkeypatch, comparing, embeddings, labels)
    told = CliRunner().invoke(main, ["embedders", "compare", "tiny", "noisy", "--images", "faces", "--runs", str(runs)])
    assert told.exit_code == 0, told.output
    assert "920 photos of 520 people" in told.stdout
    assert "A is tiny: 8 numbers" in told.stdout
    assert "missed at FPIR 1 % among 201: A" in told.stdout
    assert told.stdout.count("tiny is better") == 4
    told = CliRunner().invoke(main, ["embedders", "compare", "tiny", "tiny", "--images", "faces", "--runs", str(runs)])
    assert (told.exit_code, told.stderr) == (1, "Error: Two embedders are compared. Received: 'tiny' twice.\n")
    told = CliRunner().invoke(main, ["embedders", "list", "--runs", str(runs)])
    assert "tiny  8 numbers  error rates measured\n  licence: MIT; trained on not told\n" in told.stdout
    assert "w600k-r50  174.4 MB  non-commercial research (InsightFace)" in told.stdout


def test_where_nobody_is_a_stranger_every_second_person_is():
    assert comparing.with_strangers(np.array([0, 0, 1, 1, 1, 2, 2, 3, 3])).tolist() == [0, 1, 2, 5, 6, 7]
    assert comparing.with_strangers(np.array([0, 0, 1, 2, 2])).tolist() == [0, 1, 2, 3, 4]


def test_lfw_is_taken_from_where_scikit_learn_has_put_it_and_never_fetched_unasked(tmp_path, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    with pytest.raises(
        ValueError, match=r"Labeled Faces in the Wild is not in .*--lfw fetch lets scikit-learn fetch it"
    ):
        lfw_folder()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "lfw_home" / "lfw_funneled").mkdir(parents=True)
    assert lfw_folder() == lfw_folder(fetch=True) == tmp_path / "lfw_home" / "lfw_funneled"
    for options in ([], ["--lfw", "here", "--images", "."]):
        told = CliRunner().invoke(main, ["embedders", "calibrate", "tiny", *options])
        assert (told.exit_code, "Give --images or --lfw, one of them." in told.stderr) == (2, True)


@pytest.mark.slow
@pytest.mark.data
def test_a_face_network_is_added_measured_and_told_from_a_wrong_template(lfw_dir, data_dir, tmp_path):
    """On Georgia Tech, 375 photos: nobody of 25 people is missed at 0.1 %; crops cut otherwise are noticed."""
    file, template = data_dir / "embedders" / "mobilefacenet.onnx", tmp_path / "wrong.json"
    template.write_text(json.dumps((FACE_RESNET_TEMPLATE * 112 / 150).tolist()), encoding="utf-8")
    people = lfw_dir / "images"
    wrong = add_embedder(file, "wrong", licence="research", template=template, images=people, root=tmp_path / "runs")
    assert "with crops cut as arcface-112" in wrong.doubts[0]
    right = add_embedder(file, "right", licence="research", images=people, root=tmp_path / "runs")
    assert right.doubts == ()
    assert right.card.source.parity.relative <= 1e-4
    done = calibrate_embedder("right", data_dir / "gtech" / "images", root=tmp_path / "runs")
    point = operating_point(right.card.embedding.fingerprint, 0.001)
    assert 0.2 < point.threshold < 0.5
    assert point.fnmr < 0.01
    assert done.measured.rates["calibration"]["ece"] < 0.01
