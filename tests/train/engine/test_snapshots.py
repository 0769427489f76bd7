"""Filters and confusions that a training notes beside its log."""

import keras
import numpy as np
import pytest

from kerasface.train.engine import snapshots
from kerasface.train.engine.snapshots import keep_snapshots, note_confusion, note_filters, read_confusion, read_filters


def network(filters=4, side=3, trainable=True):
    inputs = keras.Input((8, 8, 3))
    layer = keras.layers.Conv2D(filters, side, trainable=trainable)
    outputs = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(layer(inputs)))
    return keras.Model(inputs, outputs), layer


def test_filters_come_back_with_their_epochs(tmp_path):
    model, layer = network()
    seen = []
    for epoch in range(3):
        layer.kernel.assign(np.full((3, 3, 3, 4), epoch / 4))
        seen.append(np.array(layer.kernel))
        note_filters(tmp_path, epoch, model)
    found = read_filters(tmp_path)
    assert found.epochs == (0, 1, 2)
    np.testing.assert_array_equal(found.weights, seen)  # quarters are exact in float16


def test_filters_that_grow_beyond_what_is_allowed_are_not_unpacked(tmp_path, monkeypatch):
    model, _ = network()
    note_filters(tmp_path, 0, model)
    assert read_filters(tmp_path) is not None
    monkeypatch.setattr(snapshots, "_MAX_UNPACKED", 100)
    monkeypatch.setattr(np, "load", None)  # not even opened
    assert read_filters(tmp_path) is None


def test_what_an_interrupted_training_noted_later_goes(tmp_path):
    model, layer = network()
    for epoch, value in ((0, 0.0), (1, 1.0), (2, 2.0), (1, 5.0)):
        layer.kernel.assign(np.full((3, 3, 3, 4), value))
        note_filters(tmp_path, epoch, model)
    found = read_filters(tmp_path)
    assert found.epochs == (0, 1)
    assert found.weights[:, 0, 0, 0, 0].tolist() == [0.0, 5.0]


def test_a_long_training_is_thinned_out(tmp_path):
    model, _ = network()
    for epoch in range(100):
        note_filters(tmp_path, epoch, model)
    epochs = read_filters(tmp_path).epochs
    assert len(epochs) <= 40
    assert (epochs[0], epochs[-1]) == (0, 99)
    assert list(epochs) == sorted(epochs)


def test_filters_that_stand_still_are_not_noted(tmp_path):
    note_filters(tmp_path, 0, network(trainable=False)[0])
    assert read_filters(tmp_path) is None


def test_large_templates_are_not_noted(tmp_path):
    """Ten of 32 x 32 pixels have 30,720 weights, ten of 40 x 40 have 48,000."""
    for side, noted in ((40, False), (32, True)):
        layers = [keras.Input((side, side, 3)), keras.layers.Flatten(), keras.layers.Dense(10)]
        note_filters(tmp_path, 0, keras.Sequential(layers))
        assert (read_filters(tmp_path) is not None) == noted


def test_a_model_of_features_has_no_filters(tmp_path):
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(3)])
    note_filters(tmp_path, 0, model)
    assert list(tmp_path.iterdir()) == []


def test_of_many_filters_the_first_are_noted(tmp_path):
    model, layer = network(filters=80)
    note_filters(tmp_path, 0, model)
    found = read_filters(tmp_path).weights[0]
    np.testing.assert_allclose(found, np.array(layer.kernel)[..., :64], atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive"])
def test_a_damaged_file_is_no_picture_and_is_replaced(tmp_path, content):
    (tmp_path / "filters.npz").write_bytes(content)
    assert read_filters(tmp_path) is None
    note_filters(tmp_path, 3, network()[0])
    assert read_filters(tmp_path).epochs == (3,)


def test_filters_go_into_the_run(tmp_path):
    training, run = tmp_path / "training", tmp_path / "run"
    training.mkdir()
    run.mkdir()
    keep_snapshots(training, run)
    assert list(run.iterdir()) == []
    note_filters(training, 0, network()[0])
    keep_snapshots(training, run)
    assert read_filters(run).epochs == (0,)


def test_confusions_are_counted(tmp_path):
    """Two of class 0, of which one is taken for 2; one of class 2."""
    note_confusion(tmp_path, ["a", "b", "ä"], np.array([0, 0, 2]), np.eye(3)[[0, 2, 2]])
    names, matrix = read_confusion(tmp_path)
    assert names == ["a", "b", "ä"]
    assert matrix.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]


def test_of_many_classes_there_is_no_table(tmp_path):
    note_confusion(tmp_path, [str(name) for name in range(61)], np.array([0]), np.eye(61)[[0]])
    assert read_confusion(tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", '{"names": ["a"], "matrix": [[1, 2]]}'])
def test_a_damaged_table_is_none(tmp_path, content):
    (tmp_path / "confusion.json").write_text(content)
    assert read_confusion(tmp_path) is None
