"""Runs next to one another: what differs, and which of two errs less on the pictures that both were judged on."""

import json

import pytest
from scipy.stats import binomtest

from kerasface.runs.comparison import compare_runs
from kerasface.runs.store import RunError
from tests.runs.made_up import RECIPE, make_run, records

ADA = [f"Ada/{number}" for number in range(50)]
EMMY = [f"Emmy/{number}" for number in range(50)]


def classifier(root, name, wrong=(), *, held_out="one", **changes):
    return make_run(root, name, files={"records.json": records(list(wrong), held_out=held_out, num=100)}, **changes)


def only_pair(root, *names):
    (pair,) = compare_runs(root, names).held_out
    return pair


def test_only_what_differs_is_told(tmp_path):
    make_run(tmp_path, "a")
    make_run(tmp_path, "b", recipe={**RECIPE, "norm": "layer", "mixup_alpha": 0.2}, device="GPU")
    make_run(tmp_path, "c", recipe={**RECIPE, "seed": 1})
    assert compare_runs(tmp_path, ["a", "b", "c"]).differing == {
        "norm": ("batch", "layer", "batch"),
        "seed": (0, 0, 1),
        "mixup_alpha": (None, 0.2, None),
        "device": (None, "GPU", None),
    }


def test_what_an_earlier_version_did_not_know_was_off(tmp_path):
    make_run(tmp_path, "old")
    later = {"mixup_alpha": 0.2, "hidden": None, "warm": False, "deep": 0, "tensorboard": True}
    make_run(tmp_path, "new", recipe=RECIPE | later)
    assert compare_runs(tmp_path, ["old", "new"]).differing == {"mixup_alpha": (None, 0.2)}


def test_of_different_kinds_only_what_both_have_is_set_side_by_side(tmp_path):
    make_run(tmp_path, "a")
    make_run(tmp_path, "b", task="segment", recipe={"seed": 3, "encoder": "plain"})
    assert compare_runs(tmp_path, ["a", "b"]).differing == {"seed": (0, 3)}


def test_the_first_that_kept_its_answers_is_what_the_others_stand_against(tmp_path):
    make_run(tmp_path, "old")
    for name in "ab":
        classifier(tmp_path, name)
    found = compare_runs(tmp_path, ["old", "a", "b"]).held_out
    assert [(pair.a, pair.b, pair.result is not None) for pair in found] == [("a", "old", False), ("a", "b", True)]


def test_the_same_pictures_are_compared_one_by_one(tmp_path):
    """A alone gets Ada/0 wrong, B alone Ada/3 to 13 and Emmy/1; Ada's 50 are named rightly 47 and 37 times."""
    classifier(tmp_path, "a", [*ADA[:3], EMMY[0]])
    classifier(tmp_path, "b", [*ADA[1:14], EMMY[1], EMMY[0]])
    pair = only_pair(tmp_path, "a", "b")
    test = pair.result.mcnemar
    assert (test.only_a, test.only_b, pair.result.num_pictures, pair.reason) == (1, 12, 100, None)
    assert test.p_value == pytest.approx(binomtest(1, 13).pvalue)
    assert pair.result.better == "a"
    assert (pair.result.error.a, pair.result.error.b) == (0.04, 0.15)
    assert [(one.name, one.a, one.b) for one in pair.classes] == [("Ada", 0.94, 0.74), ("Emmy", 0.98, 0.96)]
    turned = only_pair(tmp_path, "b", "a")
    assert (turned.result.better, turned.result.mcnemar.p_value) == ("b", test.p_value)


def test_two_that_make_the_same_mistakes_do_not_differ(tmp_path):
    for name in "ab":
        classifier(tmp_path, name, ADA[:3])
    pair = only_pair(tmp_path, "a", "b")
    assert (pair.result.better, pair.result.mcnemar.p_value, pair.classes) == (None, 1, ())


def test_runs_of_version_0_1_are_compared_where_their_data_were_the_same(tmp_path):
    for name, data in (("a", "1"), ("b", "1"), ("c", "2")):
        classifier(tmp_path, name, held_out=None, data={"fingerprint": data})
    assert only_pair(tmp_path, "a", "b").reason is None
    assert "judged on different pictures" in only_pair(tmp_path, "a", "c").reason


def test_the_same_pictures_under_other_names_are_not_compared(tmp_path):
    """By their files they could not be matched: a mistake of both would count as one of each."""
    for name in "ab":
        classifier(tmp_path, name, held_out=name, data={"fingerprint": "1"})
    assert "judged on different pictures" in only_pair(tmp_path, "a", "b").reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"held_out": "another"}, "different pictures"),
        ({"labels": ["Ada", "Grace"]}, "different classes"),
        ({"task": "segment"}, "b gives pictures no names: it is of kind segment"),
    ],
)
def test_why_two_cannot_be_compared_is_said(tmp_path, changes, reason):
    classifier(tmp_path, "a")
    classifier(tmp_path, "b", **changes)
    assert reason in only_pair(tmp_path, "a", "b").reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "kept no answers"),
        ('{"format": 2}', "another version"),
        ('{"format": 1}', "damaged"),
        (json.dumps(records([*ADA[:1], *ADA[:1]])), "damaged"),
        (json.dumps(records([], num=99)), "were changed"),
    ],
)
def test_records_that_do_not_fit_are_a_reason(tmp_path, content, reason):
    classifier(tmp_path, "a")
    path = classifier(tmp_path, "b") / "records.json"
    path.unlink() if content is None else path.write_text(content)
    assert reason in only_pair(tmp_path, "a", "b").reason


def test_a_broken_run_has_a_row_and_no_say(tmp_path):
    classifier(tmp_path, "a", recipe={**RECIPE, "seed": 7})
    (make_run(tmp_path, "b") / "card.json").write_text("[]")
    classifier(tmp_path, "c")
    found = compare_runs(tmp_path, ["b", "a", "c"])
    assert found.rows[0].problem
    assert found.differing == {"seed": (None, 7, 0)}
    assert [(pair.a, pair.b) for pair in found.held_out] == [("a", "c")]


def test_nothing_can_be_said_of_broken_runs_alone(tmp_path):
    for name in "ab":
        (make_run(tmp_path, name) / "card.json").unlink()
    found = compare_runs(tmp_path, ["a", "b"])
    assert (found.differing, found.held_out) == ({}, ())


def test_embedders_next_to_one_another_are_not_asked_for_names(tmp_path):
    for name in "ab":
        make_run(tmp_path, name, task="embed")
    assert compare_runs(tmp_path, ["a", "b"]).held_out == ()


@pytest.mark.parametrize("names", [["a"], ["a", "a"], []])
def test_one_run_is_not_compared(tmp_path, names):
    make_run(tmp_path, "a")
    with pytest.raises(RunError, match="two different models"):
        compare_runs(tmp_path, names)


def test_a_run_that_is_not_there_is_named(tmp_path):
    make_run(tmp_path, "a")
    with pytest.raises(RunError, match=r"no model 'b' in .* Present: a"):
        compare_runs(tmp_path, ["a", "b"])
