"""Architectures side by side."""

import re

import pytest

from kerasface.inspection.cost import comparison
from kerasface.inspection.cost.comparison import SORT_KEYS, build_by_name, compare_models, measure_latency


def test_records_hold_the_arithmetic_of_classifiers_of_1000_classes():
    """`linear` on 16x16: 768 * 1000 weights and as many products, and 1000 biases."""
    (record,) = compare_models(["linear"], (16, 16))
    assert (record.name, record.image_size) == ("linear", (16, 16))
    assert (record.parameters, record.multiply_adds) == (769_000, 768_000)
    assert record.mebibytes == pytest.approx(769_000 * 4 / 2**20)
    # Picture, standardised, flattened; scores and probabilities.
    assert record.activation_bytes == 4 * (3 * 768 + 2 * 1000)
    assert record.milliseconds > 0
    assert record.to_dict()["image_size"] == (16, 16)


@pytest.mark.slow
def test_order_and_progress():
    names, seen = ["mlp", "face_resnet", "linear"], []
    records = compare_models(names, (32, 32), on_progress=lambda *numbers: seen.append(numbers))
    assert [record.name for record in records] == names
    assert [record.image_size for record in records] == [(32, 32), (150, 150), (32, 32)]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    ordered = compare_models(names, (32, 32), sort_by="multiply_adds")
    # 3072 * 512 + 512 * 1000, then 3072 * 1000, then 29 convolutions.
    assert [record.name for record in ordered] == ["mlp", "linear", "face_resnet"]


def test_latency_is_the_median_of_calls_of_one_image(monkeypatch):
    """Of 1, 9 and 2 ms the middle is 2 ms; the first call, which warms up, is not timed."""
    clock, calls = iter([0, 1, 10, 19, 20, 22]), []
    monkeypatch.setattr(comparison.time, "perf_counter", lambda: next(clock) / 1000)
    monkeypatch.setattr(
        comparison, "compile_network", lambda model, max_batch: lambda images: calls.append(images.shape)
    )
    assert measure_latency(build_by_name("linear", (16, 24), num_classes=2), repeats=3) == pytest.approx(2)
    assert calls == [(1, 16, 24, 3)] * 4


def test_unknown_names_and_orders_are_refused_before_anything_is_built(monkeypatch):
    monkeypatch.setattr(comparison, "build_by_name", None)
    with pytest.raises(ValueError, match=re.escape("Received: ['nope']. Expected some of ['face_resnet'")):
        compare_models(["linear", "nope"])
    with pytest.raises(ValueError, match="sort_by='size'"):
        compare_models(["linear"], sort_by="size")


def test_every_order_is_an_attribute():
    (record,) = compare_models(["linear"], (16, 16))
    assert all(hasattr(record, key) for key in SORT_KEYS)


def test_building_by_name():
    assert build_by_name("linear", num_classes=3).input_shape == (None, 224, 224, 3)
    assert build_by_name("face_resnet").input_shape == (None, 150, 150, 3)
    mobile = build_by_name("MobileNetV3Small", (64, 64), num_classes=3)
    assert (mobile.input_shape, mobile.output_shape) == ((None, 64, 64, 3), (None, 3))
    with pytest.raises(ValueError, match=re.escape("face_resnet takes images of (150, 150)")):
        build_by_name("face_resnet", (64, 64))
    with pytest.raises(ValueError, match="Received: name='nope'"):
        build_by_name("nope")


@pytest.mark.slow
def test_networks_of_keras_run():
    records = compare_models(["MobileNetV2", "ConvNeXtTiny"], (64, 64), sort_by="parameters")
    assert [record.name for record in records] == ["MobileNetV2", "ConvNeXtTiny"]
    assert all(record.milliseconds > 0 for record in records)
