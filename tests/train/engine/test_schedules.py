"""Rates against the papers' formulas; what is decided between epochs, step by step and as properties."""

import itertools
import json
import math

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.train.engine.schedules import EarlyStopping, Plateau, build_schedule

PEAK, TOTAL = 0.4, 100


def rates(schedule, steps):
    return [float(schedule(step)) for step in steps]


def test_constant_is_the_number_or_a_line_up_to_it():
    assert build_schedule("constant", PEAK, TOTAL) == PEAK
    schedule = build_schedule("constant", PEAK, TOTAL, warmup_steps=10)
    assert rates(schedule, (0, 5, 10, 55, 100, 1000)) == pytest.approx([0, PEAK / 2, PEAK, PEAK, PEAK, PEAK])


def test_cosine_falls_from_the_peak_to_zero():
    schedule = build_schedule("cosine", PEAK, TOTAL)
    # (1 + cos(pi / 4)) / 2 after a quarter
    quarter = PEAK * (1 + math.sqrt(0.5)) / 2
    assert rates(schedule, (0, 25, 50, 100, 1000)) == pytest.approx([PEAK, quarter, PEAK / 2, 0, 0], abs=1e-7)


def test_cosine_after_a_warm_up_has_its_middle_in_the_middle_of_the_rest():
    schedule = build_schedule("cosine", PEAK, TOTAL, warmup_steps=20)
    expected = [0, PEAK / 4, PEAK, PEAK / 2, 0, 0]
    assert rates(schedule, (0, 5, 20, 60, 100, 1000)) == pytest.approx(expected, abs=1e-7)


def test_one_cycle_rises_and_falls():
    schedule = build_schedule("one_cycle", PEAK, TOTAL)
    start, end = PEAK / 25, PEAK / 10000
    expected = [start, (start + PEAK) / 2, PEAK, (PEAK + end) / 2, end, end]
    assert rates(schedule, (0, 15, 30, 65, 100, 1000)) == pytest.approx(expected, rel=1e-5)


def test_plateau_is_a_number_that_can_be_lowered():
    assert build_schedule("plateau", PEAK, TOTAL) == PEAK


@pytest.mark.parametrize(("kind", "warmup_steps"), [("constant", 10), ("cosine", 0), ("cosine", 10), ("one_cycle", 0)])
def test_schedules_stay_between_zero_and_peak_and_come_back_from_their_config(kind, warmup_steps):
    schedule = build_schedule(kind, PEAK, TOTAL, warmup_steps=warmup_steps)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    found = np.array(rates(schedule, range(TOTAL + 5)))
    assert (found >= 0).all()
    assert found.max() == pytest.approx(PEAK)
    assert rates(again, range(TOTAL + 5)) == found.tolist()
    top = int(found.argmax())
    assert (np.diff(found[: top + 1]) > 0).all()
    assert (np.diff(found[top:]) <= 1e-7).all()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("linear", PEAK, TOTAL, 0), "kind"),
        (("cosine", 0.0, TOTAL, 0), "peak"),
        (("cosine", PEAK, TOTAL, TOTAL), "warmup_steps"),
        (("cosine", PEAK, TOTAL, -1), "warmup_steps"),
        (("constant", PEAK, 0, 0), "warmup_steps"),
        (("one_cycle", PEAK, TOTAL, 5), "warmup_steps"),
        (("plateau", PEAK, TOTAL, 5), "warmup_steps"),
    ],
)
def test_wrong_schedules_are_refused(arguments, name):
    *positional, warmup_steps = arguments
    with pytest.raises(ValueError, match=f"Received: {name}="):
        build_schedule(*positional, warmup_steps=warmup_steps)


def test_plateau_lowers_after_patience_epochs_without_enough_improvement():
    plateau = Plateau(rate=1.0, factor=0.5, patience=2, min_delta=0.1)
    #        best, better, too little, too little, worse, no loss at all, better
    losses = (2.0, 1.5, 1.45, 1.41, 3.0, float("nan"), 1.0)
    assert [plateau.update(loss) for loss in losses] == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    assert (plateau.best, plateau.waited) == (1.0, 0)


def test_early_stopping_knows_the_best_epoch_and_when_to_stop():
    stopping = EarlyStopping(patience=3)
    seen = [(stopping.update(value), stopping.should_stop) for value in (float("nan"), 2.0, 1.0, 1.0, 1.5)]
    assert seen == [(False, False), (True, False), (True, False), (False, False), (False, False)]
    assert (stopping.update(float("-inf")), stopping.should_stop) == (False, True)
    assert (stopping.best, stopping.best_epoch, stopping.waited) == (1.0, 3, 3)


def test_of_an_accuracy_the_highest_is_the_best():
    stopping = EarlyStopping(patience=None, higher_is_better=True, min_delta=0.05)
    assert [stopping.update(value) for value in (0.5, 0.52, 0.6, 0.1)] == [True, False, True, False]
    assert (stopping.best, stopping.best_epoch, stopping.should_stop) == (0.6, 3, False)


losses = st.lists(st.floats(0, 10) | st.just(float("nan")), max_size=30)


@given(losses, st.integers(1, 4))
def test_the_best_epoch_is_the_first_of_the_lowest(values, patience):
    stopping = EarlyStopping(patience=patience)
    for value in values:
        stopping.update(value)
    numbers = [value for value in values if not math.isnan(value)]
    assert stopping.best == (min(numbers) if numbers else None)
    assert stopping.best_epoch == (values.index(min(numbers)) + 1 if numbers else 0)
    assert stopping.best_epoch + stopping.waited == len(values)


@given(losses, losses, st.integers(1, 4))
def test_both_go_on_from_a_checkpoint_as_if_nothing_had_happened(before, after, patience):
    for decision in (Plateau(rate=np.float32(0.1), patience=patience), EarlyStopping(patience=patience)):
        for value in before:
            decision.update(np.float32(value))
        again = type(decision).from_dict(json.loads(json.dumps(decision.to_dict(), allow_nan=False)))
        assert [again.update(value) for value in after] == [decision.update(value) for value in after]
        assert again == decision


@given(losses)
def test_a_rate_never_rises_and_is_lowered_at_most_once_per_patience(values):
    plateau = Plateau(rate=1.0, factor=0.5, patience=3)
    found = [1.0, *(plateau.update(value) for value in values)]
    assert all(later in (earlier, earlier / 2) for earlier, later in itertools.pairwise(found))
    assert found[-1] >= 0.5 ** (len(values) // 3)


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"factor": 1.0}, {"patience": 0}, {"min_delta": -1.0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="={}".format(*wrong.values())):
        Plateau(**{"rate": 1.0} | wrong)
    if "patience" in wrong or "min_delta" in wrong:
        with pytest.raises(ValueError, match="Early stopping needs"):
            EarlyStopping(**{"patience": 1} | wrong)
