"""What a machine can train, measured by training."""

import numpy as np
import pytest

from kerasface.train.throughput import Throughput, measure_throughput


@pytest.mark.slow
def test_each_network_is_trained_for_a_few_steps():
    reports = []
    (found,) = measure_throughput("float32", (("linear", 16),), on_progress=lambda *counts: reports.append(counts))
    assert (found.name, found.image_size, reports) == ("linear", 16, [(1, 1)])
    assert np.isfinite(found.images_per_second)
    assert found.images_per_second > 0


def test_a_rate_in_minutes():
    assert Throughput("linear", 16, 32, 100.0).minutes == 10_000 / 100 / 60
