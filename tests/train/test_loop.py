"""The epoch that is kept: of each kind of training and each of its stages, by losses that are written down."""

import math

import keras
import numpy as np
import pytest

from kerasface.train.loop import Stage, run_stage
from kerasface.train.optimizers import build_optimizer
from kerasface.train.recipe import ClassifyRecipe
from kerasface.train.session import Session

LOSSES = [3.0, 1.0, 2.0, 1.5, 0.5]  # of the epochs: the second is the best until two worse ones end the stage


@pytest.fixture
def session(tmp_path):
    with Session.start(tmp_path, "small", ClassifyRecipe(), tmp_path) as session:
        yield session


def values(model):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]


def judged(stage, losses=LOSSES):
    """Lets a stage be judged by losses that are written down; returns the weights that it had at each judgement."""
    seen = []

    def validate():
        seen.append(values(stage.model))
        return {"val_loss": losses[len(seen) - 1]}

    object.__setattr__(stage, "validate", validate)
    return seen


def assert_weights(model, expected):
    for found, value in zip(values(model), expected, strict=True):
        np.testing.assert_array_equal(found, value)


def moved(one, other):
    return any(np.abs(a - b).max() > 0 for a, b in zip(one, other, strict=True))


def small_stage(patience=2, ema=None):
    """Five epochs of two steps of a small model."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.compile(build_optimizer("adamw", 0.05, ema=ema), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)).astype(np.float32), rng.normal(size=(8, 2)).astype(np.float32)

    def batches(epoch, start):
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices((x, y)).batch(4).skip(start)

    return Stage(
        name="train",
        model=model,
        batches=batches,
        steps_per_epoch=2,
        epochs=len(LOSSES),
        validate=lambda: {},
        files_of_batch=lambda epoch, step: [],
        batch_size=4,
        num_samples=8,
        patience=patience,
    )


@pytest.mark.parametrize("ema", [None, 0.5])
def test_the_best_epoch_is_kept_and_the_stage_ends(session, ema):
    """Where weights are averaged, those that were judged are the averages, and they are kept."""
    stage = small_stage(ema=ema)
    seen = judged(stage)
    result = run_stage(stage, session)
    assert [row["val_loss"] for row in result.history] == LOSSES[:4]
    assert moved(seen[1], seen[3])
    assert_weights(stage.model, seen[1])


def test_without_patience_the_last_epoch_is_kept(session):
    stage = small_stage(patience=0)
    seen = judged(stage)
    assert len(run_stage(stage, session).history) == len(LOSSES)
    assert_weights(stage.model, seen[-1])


def test_the_best_epoch_survives_a_restart(session, tmp_path, monkeypatch):
    """It was killed in the third epoch; the second is still the best of all."""
    monkeypatch.setattr("kerasface.train.session._MAX_CHECKPOINT_SHARE", math.inf)  # a checkpoint at each step
    monkeypatch.setattr(session, "_next_checkpoint", 0.0)
    session.recipe = ClassifyRecipe(checkpoint_seconds=0.0)

    class Killed(BaseException):
        pass

    def report(stage, done, total):
        if done == 6:
            raise Killed

    stage = small_stage()
    seen = judged(stage)
    with pytest.raises(Killed):
        run_stage(stage, session, on_progress=report)
    session.close()
    with Session.resume(tmp_path, "small") as again:
        resumed = small_stage()
        later = judged(resumed, LOSSES[2:])
        run_stage(resumed, again)
    assert (len(seen), len(later)) == (2, 2)
    assert_weights(resumed.model, seen[1])


def test_a_stop_keeps_the_best_epoch_so_far(session):
    stage = small_stage(patience=5)
    seen = judged(stage)

    def report(name, done, total):
        if done == 7:
            session.note_stop()

    result = run_stage(stage, session, on_progress=report)
    assert result.stopped
    assert len(seen) == 3
    assert_weights(stage.model, seen[1])
