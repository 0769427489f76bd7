"""The optimizers against NumPy, written from the papers' algorithms; and what must survive `fit` and a restart."""

import keras
import numpy as np
import pytest

from kerasface.train.engine.optimizers import averaged, build_optimizer
from kerasface.train.engine.schedules import build_schedule

NUM_STEPS = 3


def build_model(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, activation="tanh", name="early")(inputs)
    hidden = keras.layers.BatchNormalization(name="norm")(hidden)
    return keras.Model(inputs, keras.layers.Dense(2, name="late")(hidden))


def batches(count, size=8):
    generator = np.random.default_rng(1)
    return [
        (generator.normal(size=(size, 3)).astype("float32"), generator.normal(size=(size, 2)).astype("float32"))
        for _ in range(count)
    ]


def train(model, data):
    for images, targets in data:
        model.train_on_batch(images, targets)


def values(variables):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


class Weights:
    """Two variables, a matrix and a vector, and seeded gradients to apply to them."""

    def __init__(self, num_steps=NUM_STEPS):
        generator = np.random.default_rng(2)
        self.start = [generator.normal(size=(3, 2)), generator.normal(size=2)]
        self.gradients = [[generator.normal(size=(3, 2)), generator.normal(size=2)] for _ in range(num_steps)]
        self.variables = [
            keras.Variable(value, name=name, dtype="float32")
            for name, value in zip(("matrix", "vector"), self.start, strict=True)
        ]

    def descend(self, optimizer):
        """Applies all gradients; returns the values after each."""
        history = []
        optimizer.build(self.variables)
        for gradients in self.gradients:
            optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32") for gradient in gradients])
            history.append(values(self.variables))
        return history


def adamw(start, gradients, rates, decay, factor):
    """Algorithm 2 of arXiv:1711.05101, with Keras's epsilon outside the bias correction of `v`."""
    weight, m, v, history = start.copy(), 0.0, 0.0, []
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        alpha = rate * factor * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        weight = weight - alpha * m / (np.sqrt(v) + 1e-7) - rate * factor * decay * weight
        history.append(weight)
    return history


def sgdw(start, gradients, rates, decay, factor, momentum):
    """Algorithm 1 of arXiv:1711.05101."""
    weight, velocity, history = start.copy(), 0.0, []
    for gradient, rate in zip(gradients, rates, strict=True):
        velocity = momentum * velocity - rate * factor * gradient
        weight = weight + velocity - rate * factor * decay * weight
        history.append(weight)
    return history


@pytest.mark.parametrize(("name", "momentum"), [("adamw", 0.0), ("sgd", 0.0), ("sgd", 0.9)])
@pytest.mark.parametrize("scheduled", [False, True])
def test_updates_are_those_of_the_paper_with_each_variable_at_its_own_rate(name, momentum, scheduled):
    weights, factors, decay = Weights(), {"matrix": 0.25, "vector": 0.5}, 0.1
    rates = [0.02, 0.01, 0.0] if scheduled else [0.02] * NUM_STEPS
    # To 0 at step 2, over half a cosine: 1, 1/2, 0.
    rate = build_schedule("cosine", 0.02, 2) if scheduled else 0.02
    optimizer = build_optimizer(name, rate, weight_decay=decay, momentum=momentum, rate_of=factors.get)
    history = weights.descend(optimizer)
    for index, path in enumerate(factors):
        gradients = [gradients[index] for gradients in weights.gradients]
        options = {} if name == "adamw" else {"momentum": momentum}
        expected = (adamw if name == "adamw" else sgdw)(
            weights.start[index], gradients, rates, decay if path == "matrix" else 0.0, factors[path], **options
        )
        for found, value in zip(history, expected, strict=True):
            np.testing.assert_allclose(found[index], value, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_only_variables_of_more_than_one_dimension_decay(name):
    """Without gradients only the decay moves anything: by 1 - rate * decay per step."""
    model = build_model()
    model.get_layer("norm").gamma.assign([2.0] * 4)
    optimizer = build_optimizer(name, 0.1, weight_decay=0.5)
    optimizer.build(model.trainable_variables)
    before = {variable.path: value for variable, value in zip(model.variables, values(model.variables), strict=True)}
    optimizer.apply([keras.ops.zeros(variable.shape) for variable in model.trainable_variables])
    for variable in model.variables:
        share = 0.95 if variable.path in ("early/kernel", "late/kernel") else 1.0
        np.testing.assert_allclose(values([variable])[0], share * before[variable.path], rtol=1e-6)


def test_layers_move_by_their_factors():
    """A first step of Adam is the rate in every weight whose gradient is not tiny."""
    model = build_model()
    model.compile(build_optimizer("adamw", 1e-3, rate_of=lambda path: 0.1 if path.startswith("early") else 1.0), "mse")
    before = values([model.get_layer(name).kernel for name in ("early", "late")])
    train(model, batches(1))
    after = values([model.get_layer(name).kernel for name in ("early", "late")])
    for old, new, rate in zip(before, after, (1e-4, 1e-3), strict=True):
        np.testing.assert_allclose(np.abs(new - old), rate, rtol=1e-2)


def test_clipping_bounds_the_norm_of_all_gradients_together():
    weights = Weights(num_steps=1)
    norm = np.sqrt(sum(np.sum(gradient**2) for gradient in weights.gradients[0]))
    (found,) = weights.descend(build_optimizer("sgd", 1.0, clip_norm=0.5))
    for value, start, gradient in zip(found, weights.start, weights.gradients[0], strict=True):
        np.testing.assert_allclose(value, start - gradient * 0.5 / norm, rtol=1e-5)


def test_accumulation_averages_gradients_and_a_schedule_counts_batches():
    weights = Weights(num_steps=4)
    # Rates by batch: 0, 0.1, 0.2, 0.3; the updates happen at batches 1 and 3.
    rate = build_schedule("constant", 0.4, 10, warmup_steps=4)
    optimizer = build_optimizer("sgd", rate, weight_decay=0.5, accumulate=2, ema=0.75)
    history = weights.descend(optimizer)
    assert int(optimizer.iterations) == 2
    start, gradients = weights.start[0], [gradients[0] for gradients in weights.gradients]
    first = start - 0.1 * (gradients[0] + gradients[1]) / 2 - 0.1 * 0.5 * start
    second = first - 0.3 * (gradients[2] + gradients[3]) / 2 - 0.3 * 0.5 * first
    for (found, _), expected in zip(history, (start, first, first, second), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    optimizer.swap_averages(weights.variables)
    # An average of the updates, however many batches make one.
    expected = (0.75 * first + second) / 1.75
    np.testing.assert_allclose(values(weights.variables)[0], expected, rtol=1e-5, atol=1e-6)


def compiled_and_moved(ema, num_steps):
    """A model after updates with seeded gradients, and the values of its trainable variables after each."""
    model, generator, history = build_model(), np.random.default_rng(3), []
    model.compile(build_optimizer("adamw", 0.05, ema=ema), "mse")
    model.optimizer.build(model.trainable_variables)
    for _ in range(num_steps):
        gradients = [generator.normal(size=variable.shape) for variable in model.trainable_variables]
        model.optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32") for gradient in gradients])
        history.append(values(model.trainable_variables))
    return model, history


def unbiased(history, ema):
    """The mean of the weights after each update, each with `ema` times the share of the one after it."""
    shares = ema ** np.arange(len(history) - 1.0, -1.0, -1.0)
    return [np.average(values, axis=0, weights=shares) for values in zip(*history, strict=True)]


@pytest.mark.parametrize(("ema", "num_steps"), [(0.0, 2), (0.5, 3), (0.99, 1), (0.99, 6)])
def test_the_average_is_unbiased_from_the_first_update(ema, num_steps):
    """The nearly random weights of the first update count no more than their share."""
    model, history = compiled_and_moved(ema, num_steps)
    with averaged(model):
        for found, expected in zip(values(model.trainable_variables), unbiased(history, ema), strict=True):
            np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


def test_the_average_is_exchanged_exactly():
    model, history = compiled_and_moved(ema=0.8, num_steps=4)
    average = unbiased(history, 0.8)
    before, state = values(model.variables), values(model.optimizer.variables)
    statistics = values(model.non_trainable_variables)
    with averaged(model):
        for found, expected in zip(values(model.trainable_variables), average, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert_equal(values(model.non_trainable_variables), statistics)
    assert_equal(values(model.variables), before)
    assert_equal(values(model.optimizer.variables), state)


def test_the_weights_are_back_after_an_error():
    model, history = compiled_and_moved(ema=0.9, num_steps=2)
    with pytest.raises(ValueError, match="evaluation failed"), averaged(model):
        raise ValueError("evaluation failed")
    assert_equal(values(model.trainable_variables), history[-1])


def test_without_an_average_the_weights_stay():
    model, history = compiled_and_moved(ema=None, num_steps=1)
    with averaged(model):
        assert_equal(values(model.trainable_variables), history[-1])


@pytest.mark.slow
def test_fit_leaves_the_weights_and_not_their_average():
    """Keras's own average would replace the weights at the end of each `fit`, and these would be their average."""
    model, history = build_model(), []
    model.compile(build_optimizer("adamw", 0.05, ema=0.9), "mse")
    for batch in batches(2):
        model.fit(*batch, verbose=0)
        history.append(values(model.trainable_variables))
    average = unbiased(history, 0.9)
    with averaged(model):
        for found, expected, weight in zip(values(model.trainable_variables), average, history[-1], strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
            assert np.abs(found - weight).max() > 1e-3
    assert_equal(values(model.trainable_variables), history[-1])


def test_before_the_first_step_the_average_is_the_weights():
    model = build_model()
    model.compile(build_optimizer("adamw", 0.05, ema=0.9), "mse")
    before = values(model.variables)
    with averaged(model):
        assert_equal(values(model.variables), before)


def test_a_weight_that_no_gradient_reaches_keeps_its_value_as_its_average():
    weights = Weights(num_steps=1)
    optimizer = build_optimizer("sgd", 0.1, ema=0.9)
    optimizer.build(weights.variables)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([keras.ops.ones((3, 2)), None])
    optimizer.swap_averages(weights.variables)
    np.testing.assert_allclose(values(weights.variables)[1], weights.start[1], rtol=1e-6)


@pytest.mark.parametrize(("name", "momentum", "scheduled"), [("adamw", 0.0, True), ("sgd", 0.9, False)])
def test_restored_training_goes_on_bit_for_bit(name, momentum, scheduled):
    """Stopped in the middle of an accumulated step: 3 of 6 batches, 2 to an update."""

    def compiled(seed):
        model = build_model(seed)
        rate = build_schedule("one_cycle", 0.05, 6) if scheduled else 0.05
        model.compile(
            build_optimizer(
                name,
                rate,
                weight_decay=0.1,
                momentum=momentum,
                rate_of=lambda path: 0.5 if path.startswith("early") else 1.0,
                ema=0.9,
                clip_norm=1.0,
                accumulate=2,
            ),
            "mse",
        )
        model.optimizer.build(model.trainable_variables)
        return model

    data, whole, resumed = batches(6), compiled(0), compiled(1)
    train(whole, data[:3])
    for old, new in ((whole.variables, resumed.variables), (whole.optimizer.variables, resumed.optimizer.variables)):
        for variable, value in zip(new, values(old), strict=True):
            variable.assign(value)
    for model in (whole, resumed):
        train(model, data[3:])
    assert_equal(values(resumed.variables), values(whole.variables))
    assert_equal(values(resumed.optimizer.variables), values(whole.optimizer.variables))


def test_the_rate_can_be_lowered_between_epochs():
    weights = Weights(num_steps=2)
    optimizer = build_optimizer("sgd", 1.0)
    optimizer.build(weights.variables)
    for rate, gradients in zip((1.0, 0.1), weights.gradients, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32") for gradient in gradients])
    expected = weights.start[0] - weights.gradients[0][0] - 0.1 * weights.gradients[1][0]
    np.testing.assert_allclose(values(weights.variables)[0], expected, rtol=1e-5)


def test_the_average_is_found_behind_the_scaling_of_a_loss_in_half_precision():
    """`compile` wraps the optimizer of such a model."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_model()
    finally:
        keras.config.set_dtype_policy(before)
    optimizer = build_optimizer("sgd", 0.1, ema=0.9)
    model.compile(optimizer, "mse")
    assert model.optimizer is not optimizer
    optimizer.build(model.trainable_variables)
    for _ in range(2):
        optimizer.apply([keras.ops.ones(variable.shape) for variable in model.trainable_variables])
    weights = values(model.trainable_variables)
    with averaged(model):
        # The second step of 0.1 counts by a tenth.
        for found, weight in zip(values(model.trainable_variables), weights, strict=True):
            np.testing.assert_allclose(found, weight + 0.09 / 1.9, rtol=1e-4, atol=1e-6)


def test_only_own_optimizers_have_an_average():
    model = build_model()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="Only optimizers of build_optimizer"), averaged(model):
        pass


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 0.0},
        {"weight_decay": -0.1},
        {"momentum": 1.0},
        {"ema": 1.0},
        {"clip_norm": 0.0},
        {"accumulate": 0},
        {"name": "adamw", "momentum": 0.9},
        {"name": "adam"},
    ],
)
def test_what_is_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=f"Received: {list(wrong)[-1]}="):
        build_optimizer(**{"name": "sgd", "learning_rate": 0.1} | wrong)


@pytest.mark.parametrize("factor", [0.0, 1.5, -1.0, float("nan")])
def test_a_factor_out_of_range_is_refused_when_the_variables_are_known(factor):
    optimizer = build_optimizer("sgd", 0.1, rate_of=lambda path: factor)
    with pytest.raises(ValueError, match=r"rate_of\('early/kernel'\)="):
        optimizer.build(build_model().trainable_variables)
