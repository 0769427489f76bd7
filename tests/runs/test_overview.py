"""A run in a row, whatever made it: this version, an earlier one, or somebody who changed its card by hand."""

import pytest

from kerasface.runs.overview import columns_with_values, overview
from kerasface.runs.store import find_run
from tests.runs.made_up import make_run


def row(root, name):
    return overview(find_run(root, name))


def test_a_classifier_is_judged_by_its_accuracy(tmp_path):
    folder = make_run(tmp_path, "ada")
    found = row(tmp_path, "ada")
    assert (found.kind, found.best_measure, found.weights, found.eer) == ("classify", ("accuracy", 0.9), 26122, None)
    assert found.size == sum(path.stat().st_size for path in folder.iterdir())


def test_embeddings_are_judged_by_those_that_were_kept(tmp_path):
    held_out = {"plain": {"eer": 0.2}, "trained": {"eer": 0.1}}
    make_run(tmp_path, "ada", task="embed", metrics={"kept": "trained", "held_out": held_out})
    assert (row(tmp_path, "ada").kind, row(tmp_path, "ada").best_measure) == ("metric", ("EER", 0.1))


def test_what_was_measured_afterwards_counts_where_the_training_judged_nobody(tmp_path):
    make_run(tmp_path, "ada", files={"rates.json": {"eer": 0.03}})
    assert row(tmp_path, "ada").eer == 0.03


@pytest.mark.parametrize("rates", ["{", "[]", '{"eer": "low"}', "[" * 100_000])
def test_rates_that_are_none_cost_no_row(tmp_path, rates):
    make_run(tmp_path, "ada", files={"rates.json": rates})
    assert row(tmp_path, "ada").eer is None


def test_a_segmentation_is_judged_by_its_iou(tmp_path):
    make_run(tmp_path, "parts", task="segment", metrics={"mean_iou": 0.8, "pixel_accuracy": 0.95})
    assert row(tmp_path, "parts").best_measure == ("mean IoU", 0.8)


def test_an_old_card_without_numbers_has_dashes_and_no_error(tmp_path):
    make_run(tmp_path, "old", metrics={"top1": "good", "seconds": True}, recipe={}, created=None, backbone=None)
    found = row(tmp_path, "old")
    assert (found.accuracy, found.seconds, found.backbone, found.best_measure) == (None, None, None, None)
    assert columns_with_values([found]) == []


def test_a_broken_run_has_its_sentence(tmp_path):
    (make_run(tmp_path, "broken") / "card.json").write_text("{")
    found = row(tmp_path, "broken")
    assert found.kind is None
    assert "not valid JSON" in found.problem
