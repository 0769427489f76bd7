"""A training in slices: its numbers are computed again from its network, and slices make no difference."""

import importlib.util
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerasface.train.live import training as live
from kerasface.train.live.data import digits
from kerasface.train.live.stack import CONVOLUTION, DENSE, DROPOUT, MAX_POOLING, NORM, STACKS, Layer
from kerasface.train.live.training import OPTIMIZERS, LiveTraining

DIGITS = load_digits()
DATA = digits()
ONE = STACKS["One convolution"]
SMALL = (DATA, (Layer(CONVOLUTION, 2), Layer(MAX_POOLING)))
FEW = {"batch_size": 64}


def measured(training, part):
    """Loss and accuracy over some digits, by SciPy from the network's logits."""
    logits = training._model.predict(DIGITS.images[part, ..., None] / 16, verbose=0)
    logs = log_softmax(logits.astype(float), axis=1)
    labels = DIGITS.target[part]
    return -logs[np.arange(len(part)), labels].mean(), (logits.argmax(axis=1) == labels).mean()


def test_what_is_measured_is_what_the_network_does():
    training = LiveTraining(digits(seed=3), SMALL[1], **FEW, seed=3)
    training.advance(30)
    train, held_out = train_test_split(np.arange(1797), test_size=360, stratify=DIGITS.target, random_state=3)
    assert [point.step for point in training.history] == [0, 30]
    point = training.history[-1]
    assert (point.loss, point.accuracy) == pytest.approx(measured(training, train), abs=1e-5)
    assert (point.val_loss, point.val_accuracy) == pytest.approx(measured(training, held_out), abs=1e-5)
    assert set(training.data.shown) <= set(held_out)
    np.testing.assert_array_equal(DIGITS.target[training.data.shown], range(10))
    logits = training._model.predict(DIGITS.images[training.data.shown, ..., None] / 16, verbose=0)
    np.testing.assert_allclose(training.probabilities, np.exp(log_softmax(logits, axis=1)), atol=1e-5)


def test_it_learns():
    """Before the first step the loss is about that of guessing, ln 10."""
    training = LiveTraining(DATA, ONE, optimizer="Adam", learning_rate=0.01)
    assert training.history[0].loss == pytest.approx(math.log(10), abs=0.6)
    point = training.advance(132)  # three epochs
    assert training.step == 3 * training.steps_per_epoch == point.step
    assert point.loss < 0.5
    assert point.val_accuracy > 0.85
    assert abs(training.filters - training.first_filters).max() > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_slices_make_no_difference(optimizer):
    sliced, whole = (LiveTraining(*SMALL, optimizer=optimizer, learning_rate=0.01, **FEW) for _ in range(2))
    for steps in (1, 4, 25):  # over the end of the first epoch, which has 22 steps
        sliced.advance(steps)
    whole.advance(30)
    np.testing.assert_array_equal(sliced.filters, whole.filters)
    assert sliced.history[-1] == whole.history[-1]


def test_another_seed_is_another_training():
    assert (LiveTraining(*SMALL, **FEW).first_filters != LiveTraining(*SMALL, **FEW, seed=1).first_filters).any()


def test_an_epoch_sees_each_training_digit_once():
    training = LiveTraining(*SMALL, **FEW)
    orders = []
    for epoch in range(2):
        seen = []
        for place in range(training.steps_per_epoch):
            training.step = epoch * training.steps_per_epoch + place
            seen += training._batch().tolist()
        assert len(seen) == len(set(seen)) == 1437 // 64 * 64
        assert not set(seen) & set(training.data.held_out)
        orders.append(seen)
    assert orders[0] != orders[1]


def test_the_learning_rate_changes_at_any_time():
    training = LiveTraining(*SMALL, learning_rate=0.1, **FEW)
    training.advance(2)
    before = training.filters
    training.learning_rate = 1e-12  # the compiled step must see it
    training.advance(3)
    np.testing.assert_allclose(training.filters, before, atol=1e-9)
    training.learning_rate = 0.5
    training.learning_rate = 0.2  # no step was made at 0.5
    training.advance(1)
    assert abs(training.filters - before).max() > 1e-4
    assert training.rates == [(0, 0.1), (2, 1e-12), (5, 0.2)]
    assert training.learning_rate == 0.2


def test_a_rate_before_the_first_step_replaces_the_first():
    training = LiveTraining(*SMALL, learning_rate=0.1, **FEW)
    training.learning_rate = 0.3
    assert training.rates == [(0, 0.3)]


def test_time_ends_a_slice_after_one_step_at_the_earliest():
    training = LiveTraining(*SMALL, **FEW)
    assert training.advance(1000, seconds=0).step == 1
    assert 1 < training.advance(10**9, seconds=0.2).step < 10**5


@pytest.mark.parametrize("layer", ["layer1_filters", "logits"])
def test_a_divergence_ends_the_training(layer):
    """Also where it cannot be seen in the logits, because the ReLU behind the filters makes 0 of NaN."""
    training = LiveTraining(*SMALL, **FEW)
    training.advance(3)
    kernel = training._model.get_layer(layer).kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    point = training.advance(5)
    assert training.diverged
    assert training.step == 8
    assert point.step == 3  # the last that could be measured
    assert training.advance(5) == point
    assert training.step == 8
    assert np.isnan(training.probabilities).all()


def test_steps_that_are_far_too_long_are_worse_than_guessing():
    training = LiveTraining(*SMALL, learning_rate=1000, **FEW)
    assert not training.worse_than_guessing
    assert training.advance(3).loss > 4.7  # 2 ln 10 = 4.605
    assert training.worse_than_guessing


def test_a_long_history_is_thinned_out(monkeypatch):
    monkeypatch.setattr(live, "_MAX_POINTS", 8)
    training = LiveTraining(*SMALL, **FEW)
    for _ in range(30):
        training.advance(1)
        assert len(training.history) <= 8
    steps = [point.step for point in training.history]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, 30)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "sgd"}, "Unknown optimizer. Received: optimizer='sgd'. Choose one of"),
        ({"learning_rate": 0}, "above 0 and finite. Received: learning_rate=0"),
        ({"learning_rate": math.inf}, "above 0 and finite"),
        ({"batch_size": 1438}, "batch_size must be from 1 to 1437. Received: batch_size=1438"),
        ({"momentum": 1.0}, r"momentum is in \[0, 1\)"),
        ({"momentum": 0.9, "optimizer": "Adam"}, "SGD's alone. Received: momentum=0.9, optimizer='Adam'"),
        ({"shift": 8}, "moved by 0 to 7. Received: shift=8"),
    ],
)
def test_what_is_wrong_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        LiveTraining(*SMALL, **settings)


def test_momentum_keeps_some_of_the_last_step():
    """A second step of SGD with momentum m is m times the first and the new gradient's; the first is the same."""
    plain, heavy = (LiveTraining(*SMALL, learning_rate=1e-4, momentum=share, **FEW) for share in (0.0, 0.5))
    start = plain.filters
    for training in (plain, heavy):
        training.advance(1)
    np.testing.assert_array_equal(plain.filters, heavy.filters)
    first = plain.filters - start
    for training in (plain, heavy):
        training.advance(1)
    np.testing.assert_allclose(heavy.filters - plain.filters, 0.5 * first, rtol=0.02, atol=1e-7)


def test_moved_and_mirrored_pictures_are_those_of_the_data():
    training = LiveTraining(*SMALL, shift=1, flip=True, **FEW)
    batch = np.arange(40)
    moved = training._moved(batch)
    assert moved.shape == (40, 8, 8, 1)
    wide = np.pad(DATA.images[batch], ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    views = [
        each[:, down : down + 8, right : right + 8]
        for each in (wide, wide[:, :, ::-1])
        for down in range(3)
        for right in range(3)
    ]
    matches = np.array([[np.array_equal(moved[i], view[i]) for view in views] for i in range(40)])
    assert matches.any(axis=1).all()
    assert matches.any(axis=0).sum() > 9
    np.testing.assert_array_equal(moved, training._moved(batch))  # the same for the same step


@pytest.mark.parametrize("stack", [(), (Layer(DENSE, 4), Layer(DROPOUT)), (Layer(NORM), *SMALL[1])])
def test_other_lists_of_layers_learn_too(stack):
    training = LiveTraining(DATA, stack, learning_rate=0.05, **FEW)
    before = training.history[0].loss
    assert training.advance(40).loss < before
    outputs = dict(training.layer_outputs(int(DATA.shown[3])))
    logits = outputs["logits"]
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(), training.probabilities[3], atol=1e-5)


def test_what_has_no_filters_says_so():
    assert LiveTraining(DATA, (Layer(MAX_POOLING), Layer(DENSE, 4)), **FEW).filters is None
    assert LiveTraining(DATA, (), **FEW).filters.shape == (8, 8, 1, 10)  # templates


def test_a_slice_without_steps_and_a_rate_below_zero_are_refused():
    training = LiveTraining(*SMALL, **FEW)
    with pytest.raises(ValueError, match="Received: steps=0"):
        training.advance(0)
    with pytest.raises(ValueError, match="Received: learning_rate=-1"):
        training.learning_rate = -1
    assert training.learning_rate == 0.1


ON_JAX = """
import keras
from kerasface.train.live.data import digits
from kerasface.train.live.stack import STACKS
from kerasface.train.live.training import LiveTraining
assert keras.backend.backend() == "jax"
of = (digits(), STACKS["One convolution"])
sliced, whole = (LiveTraining(*of, optimizer="Adam", learning_rate=0.01) for _ in range(2))
sliced.advance(40)
sliced.advance(50)
point = whole.advance(90)
assert (sliced.filters == whole.filters).all()
assert point.loss < 0.8, point
whole.learning_rate = 1e-12
before = whole.filters
whole.advance(2)
assert abs(whole.filters - before).max() < 1e-9
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="This test computes on JAX. Run: pip install jax")
def test_it_trains_on_jax():
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", ON_JAX], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
