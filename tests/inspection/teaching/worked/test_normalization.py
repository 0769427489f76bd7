"""Which numbers share a mean, and against Keras's layers."""

import keras
import numpy as np
import pytest

from kerasface.inspection.teaching.worked.normalization import KINDS, normalize

MAPS = np.random.default_rng(0).normal(3, 5, size=(2, 3, 2, 4))
AXES = {"batch": (0, 1, 2), "layer": (1, 2, 3), "instance": (1, 2)}


@pytest.mark.parametrize("kind", AXES)
def test_means_and_deviations_by_axes(kind):
    found, axes = normalize(MAPS, kind), AXES[kind]
    np.testing.assert_allclose(np.sort(found.means), np.sort(MAPS.mean(axis=axes).ravel()))
    np.testing.assert_allclose(np.sort(found.deviations), np.sort(MAPS.std(axis=axes).ravel()))
    np.testing.assert_allclose(found.output.mean(axis=axes), 0, atol=1e-12)
    np.testing.assert_allclose(found.output.std(axis=axes), 1, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_keras_computes(kind):
    groups = {"layer": 1, "group": 2, "instance": -1}
    if kind == "batch":
        layer = keras.layers.BatchNormalization(epsilon=1e-5)
    else:
        layer = keras.layers.GroupNormalization(groups[kind], epsilon=1e-5)
    expected = keras.ops.convert_to_numpy(layer(MAPS.astype(np.float32), training=True))
    np.testing.assert_allclose(normalize(MAPS, kind, groups=2).output, expected, atol=1e-4)


def test_only_batch_normalization_depends_on_the_other_images():
    for kind in KINDS:
        alone, together = normalize(MAPS[:1], kind).output, normalize(MAPS, kind).output[:1]
        assert np.allclose(alone, together) == (kind != "batch")


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match=r"into 1, 2, 4 groups\. Received: groups=3"):
        normalize(MAPS, "group", groups=3)
    with pytest.raises(ValueError, match="batch, layer, group, instance"):
        normalize(MAPS, "weight")
    np.testing.assert_array_equal(normalize(np.full((1, 2, 2, 1), 7), "layer").output, 0)
