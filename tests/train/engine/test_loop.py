"""The epoch that is kept: of each kind of training and each of its stages, by losses that are written down."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kerasface.data.cache.store import RecordStore
from kerasface.data.masks.labels import label_map
from kerasface.models.heads import build_metric_head
from kerasface.runs.card import ModelInput
from kerasface.train.classification import stages
from kerasface.train.classification.defaults import resolve
from kerasface.train.engine.frozen import build_head
from kerasface.train.engine.loop import Stage, run_stage
from kerasface.train.engine.optimizers import build_optimizer
from kerasface.train.engine.session import Session
from kerasface.train.metric_learning import stages as metric_stages
from kerasface.train.metric_learning.recipe import MetricRecipe, resolve_metric
from kerasface.train.recipe import ClassifyRecipe
from kerasface.train.segmentation import stages as segment_stages
from kerasface.train.segmentation.recipe import SegmentRecipe
from kerasface.train.segmentation.sets import LearnedSet

LOSSES = [3.0, 1.0, 2.0, 1.5, 0.5]  # of the epochs: the second is the best until two worse ones end the stage


@pytest.fixture
def session(tmp_path):
    with Session.start(tmp_path, "small", ClassifyRecipe(), tmp_path) as session:
        yield session


def values(model):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]


def judged(stage, losses=LOSSES, model=None):
    """A stage that is judged by losses that are written down, and the weights that its model has at each judgement."""
    seen = []

    def validate():
        seen.append(values(model or stage.model))
        return {"val_loss": losses[len(seen) - 1]}

    return replace(stage, validate=validate), seen


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


@pytest.mark.slow
@pytest.mark.parametrize("ema", [None, 0.5])
def test_the_best_epoch_is_kept_and_the_stage_ends(session, ema):
    """Where weights are averaged, those that were judged are the averages, and they are kept."""
    stage, seen = judged(small_stage(ema=ema))
    result = run_stage(stage, session)
    assert [row["val_loss"] for row in result.history] == LOSSES[:4]
    assert moved(seen[1], seen[3])
    assert_weights(stage.model, seen[1])


@pytest.mark.slow
def test_without_patience_the_last_epoch_is_kept(session):
    stage, seen = judged(small_stage(patience=0))
    assert len(run_stage(stage, session).history) == len(LOSSES)
    assert_weights(stage.model, seen[-1])


@pytest.mark.slow
def test_the_best_epoch_survives_a_restart(session, tmp_path, monkeypatch):
    """It was killed in the third epoch; the second is still the best of all."""
    monkeypatch.setattr("kerasface.train.engine.session._MAX_CHECKPOINT_SHARE", math.inf)  # a checkpoint at each step
    monkeypatch.setattr(session, "_next_checkpoint", 0.0)
    session.recipe = ClassifyRecipe(checkpoint_seconds=0.0)

    class Killed(BaseException):
        pass

    def report(stage, done, total):
        if done == 6:
            raise Killed

    stage, seen = judged(small_stage())
    with pytest.raises(Killed):
        run_stage(stage, session, on_progress=report)
    session.close()
    with Session.resume(tmp_path, "small") as again:
        resumed, later = judged(small_stage(), LOSSES[2:])
        run_stage(resumed, again)
    assert (len(seen), len(later)) == (2, 2)
    assert_weights(resumed.model, seen[1])


@pytest.mark.slow
def test_a_stop_keeps_the_best_epoch_so_far(session):
    stage, seen = judged(small_stage(patience=5))

    def report(name, done, total):
        if done == 7:
            session.note_stop()

    result = run_stage(stage, session, on_progress=report)
    assert result.stopped
    assert len(seen) == 3
    assert_weights(stage.model, seen[1])


SIDE = 16  # pixels
SETTINGS = {"early_stopping": 2, "precision": "float32", "augment": "none", "flip": False}
IMAGES = {"image_size": SIDE, "epochs": len(LOSSES), "batch_size": 4}
HEADS = {"faces": False, "head_epochs": len(LOSSES)}
RNG = np.random.default_rng(0)


@pytest.fixture
def prepared(make_prepared, tmp_path):
    """Two classes of four pictures to train on."""
    with RecordStore(tmp_path / "pictures", (SIDE, SIDE, 3), "uint8") as store:
        for index in range(10):
            store.add(str(index), RNG.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
    images = store.array([str(index) for index in range(10)])
    fields = {"images": images, "input": ModelInput(kind="image", image_size=(SIDE, SIDE))}
    return make_prepared(["Ada", "Bea"], [0, 0, 0, 0, 1, 1, 1, 1, 0, 1], range(8), [8, 9], [], **fields)


def classify_head(prepared):
    recipe = ClassifyRecipe(backbone="MobileNetV2", classifier="softmax", head_batch_size=4, **HEADS, **SETTINGS)
    features = SimpleNamespace(train=[RNG.normal(size=(8, 3)).astype(np.float32)])
    head = build_head(features, prepared, recipe)
    return head, stages.head_stage(head, features, prepared, recipe, dict)


def classify_train(prepared):
    recipe = resolve(ClassifyRecipe(faces=False, backbone="linear", **IMAGES, **SETTINGS))
    model = stages.scratch_model(prepared, recipe)
    return model, stages.image_stage("train", model, prepared, recipe, dict)


def metric_head(prepared):
    recipe = resolve_metric(MetricRecipe(people=2, images=2, singles=0, **HEADS, **SETTINGS))
    features = RNG.normal(size=(8, 4)).astype(np.float32)
    people = metric_stages.training_people([features], prepared, features, (0.5, 1.0))
    head = build_metric_head(4)
    return head, metric_stages.head_stage(head, people, recipe, dict)


def segment_train(prepared):
    recipe = SegmentRecipe(encoder="plain", weights="none", training_size=SIDE, copies=1, **IMAGES, **SETTINGS)
    pairs = RNG.integers(0, 2, (8, SIDE, SIDE, 4), dtype=np.uint8)
    classes = ("background", "disc")
    ids = np.arange(2, dtype=np.uint8)
    own = LearnedSet(
        "discs", Path("discs"), label_map(classes, classes, None, "discs"), ((0,) * 3,) * 2, ids, 1.0, False
    )
    masks = SimpleNamespace(
        classes=classes,
        sets=(own,),
        label_sets=((0,), (1,)),
        class_counts=np.array([256, 256]),
        train=pairs,
        train_persons=np.arange(8),
        train_sets=np.zeros(8, np.int64),
        train_files=[],
        validation=pairs[:1],
    )
    inputs = keras.Input((SIDE, SIDE, 3))
    logits = keras.layers.Conv2D(2, 1, name="logits")(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, keras.layers.Softmax()(logits))
    return model, segment_stages.scratch_stage(model, masks, recipe)


@pytest.mark.parametrize(
    "kind", [classify_head, pytest.param(classify_train, marks=pytest.mark.slow), metric_head, segment_train]
)
def test_every_kind_of_training_keeps_its_best_epoch(kind, prepared, session):
    """In the model that is judged and saved afterwards, which shares its layers with the one that is trained."""
    keras.utils.set_random_seed(0)
    model, stage = kind(prepared)
    stage, seen = judged(stage, model=model)
    assert len(run_stage(stage, session).history) == 4
    assert moved(seen[1], seen[3])
    assert_weights(model, seen[1])
