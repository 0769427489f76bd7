"""The range test: what it sees, what it suggests, and that it leaves no trace in the model."""

import keras
import numpy as np
import pytest

from kerasface.train.engine.find_lr import find_learning_rate
from kerasface.train.engine.optimizers import build_optimizer


@pytest.fixture
def model():
    """Three classes of 8 numbers; dropout and BatchNorm have state beside the weights."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(16, activation="relu"), keras.layers.BatchNormalization(), keras.layers.Dropout(0.1)]
    return keras.Sequential([keras.Input((8,)), *layers, keras.layers.Dense(3, activation="softmax")])


@pytest.fixture
def batches():
    """Seven batches of 32, each class around its own centre."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(3, 8))
    labels = generator.integers(0, 3, (7, 32))
    return [(generator.normal(centres[row], 0.5).astype("float32"), row) for row in labels]


def state(model):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]


def search(model, batches, **options):
    return find_learning_rate(model, batches, **{"loss": "sparse_categorical_crossentropy", "num_steps": 60} | options)


@pytest.mark.slow
def test_a_training_at_the_suggestion_learns_and_the_model_is_as_before(model, batches):
    model.compile("sgd", "mse")
    before, optimizer, done = state(model), model.optimizer, []
    found = search(model, batches, high=10.0, on_progress=lambda *counts: done.append(counts))
    for value, expected in zip(state(model), before, strict=True):
        np.testing.assert_array_equal(value, expected)
    assert (model.optimizer, model.loss) == (optimizer, "mse")
    assert len(found.rates) == len(found.losses) == len(found.smoothed) == len(done) <= 60
    assert done[-1] == (len(done), 60)
    assert found.rates[0] == pytest.approx(1e-6)
    np.testing.assert_allclose(np.diff(np.log(found.rates)), np.log(1e7) / 59)
    assert found.suggestion in found.rates
    model.compile(build_optimizer("adamw", found.suggestion), "sparse_categorical_crossentropy")
    losses = [model.train_on_batch(*batch) for batch in batches * 6]
    assert np.mean(losses[-7:]) < 0.5 * np.mean(losses[:7])


@pytest.mark.slow
def test_each_loss_is_that_of_its_batch_before_the_update(model, batches):
    """At a rate of nearly nothing the weights stay, so the untouched model gives the same losses."""
    model.get_layer(index=2).rate = 0.0
    expected = []
    for images, labels in batches:
        probabilities = np.asarray(keras.ops.convert_to_numpy(model(images, training=True)))
        expected.append(-np.log(probabilities[np.arange(32), labels]).mean())
    found = search(model, batches, low=1e-9, num_steps=30)
    np.testing.assert_allclose(found.losses[:7], expected, rtol=1e-4)
    weights = 0.9 ** np.arange(7)[::-1]
    assert found.smoothed[6] == pytest.approx(np.sum(weights * expected) / np.sum(weights), rel=1e-4)


def quadratic():
    """One weight, beginning at 1, whose squared error with inputs 1 and targets 0 is the weight squared."""
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(inputs))
    return model, [(np.ones((4, 1), "float32"), np.zeros((4, 1), "float32"))]


def test_gradient_descent_on_a_parabola_by_hand():
    """A step of rate r takes the weight w to w - 2 r w: the whole search is known, and runs away for r above 1."""
    model, batches = quadratic()
    found = search(model, batches, loss="mse", optimizer="sgd", low=1e-3, high=100.0, num_steps=101)
    weight, average, losses, smoothed = 1.0, 0.0, [], []
    for step, rate in enumerate(10 ** np.linspace(-3, 2, 101), start=1):
        losses.append(weight**2)
        average = 0.9 * average + 0.1 * weight**2
        smoothed.append(average / (1 - 0.9**step))
        weight -= 2 * rate * weight
        if smoothed[-1] > 4 * min(smoothed):
            break
    assert len(found.losses) == len(losses) < 101
    np.testing.assert_allclose(found.losses, losses, rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(found.smoothed, smoothed, rtol=1e-3, atol=1e-9)
    differences = [(smoothed[i + 1] - smoothed[i - 1], i) for i in range(10, int(np.argmin(smoothed)))]
    assert found.suggestion == pytest.approx(found.rates[min(differences)[1]])
    assert float(model.get_layer(index=1).kernel[0, 0]) == 1.0


def test_a_loss_that_is_no_number_ends_the_search_and_the_weights_come_back():
    model, batches = quadratic()
    nan = (np.full((4, 1), np.nan, "float32"), batches[0][1])
    found = search(model, batches * 40 + [nan], loss="mse", optimizer="sgd", low=1e-3, high=0.5)
    assert len(found.losses) == 40
    assert np.isfinite(found.losses).all()
    with pytest.raises(ValueError, match="never fell"):
        search(model, [nan], loss="mse", optimizer="sgd")
    assert float(model.get_layer(index=1).kernel[0, 0]) == 1.0


def test_an_optimizer_with_the_settings_of_the_training_can_be_given():
    model, batches = quadratic()
    slow = build_optimizer("sgd", 0.1, rate_of=lambda path: 0.01)
    plain = search(model, batches, loss="mse", optimizer="sgd", low=1e-4, high=1e4, num_steps=81)
    found = search(model, batches, loss="mse", optimizer=slow, low=1e-4, high=1e4, num_steps=81)
    # With rates a hundredth of those shown, the same happens two decades, of ten steps each, later.
    assert found.suggestion == pytest.approx(100 * plain.suggestion, rel=0.5)


def test_batches_that_cannot_begin_again_are_refused_and_leave_the_model_as_it_was():
    model, batches = quadratic()
    with pytest.raises(ValueError, match="No batch came"):
        search(model, iter(batches * 5), loss="mse")
    with pytest.raises(ValueError, match="No batch came"):
        search(model, [], loss="mse")
    assert float(model.get_layer(index=1).kernel[0, 0]) == 1.0


def test_a_loss_that_stays_suggests_nothing():
    model, batches = quadratic()
    with pytest.raises(ValueError, match="never fell"):
        search(model, batches, loss="mse", low=1e-12, high=1e-9)


@pytest.mark.parametrize("wrong", [{"low": 0.0}, {"low": 1.0, "high": 0.5}, {"num_steps": 9}])
def test_wrong_arguments_are_refused(wrong):
    model, batches = quadratic()
    with pytest.raises(ValueError, match="Received: low="):
        search(model, batches, **wrong)
