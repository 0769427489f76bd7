"""What makes two faces alike, on a made-up embedder whose answer is known, and on the real one."""

import keras
import numpy as np
import pytest

from kerasface.inspection.attribution.match import MATCH_METHODS, explain_match, match_model
from kerasface.inspection.attribution.perturbation import occlusion
from kerasface.inspection.attribution.targets import MatchTarget
from kerasface.inspection.stitched import Stitched
from kerasface.models.face_resnet import build_face_resnet

SHAPE = (32, 32, 3)


@pytest.fixture(scope="module")
def brightest():
    """Embeds a picture by its brightest red, green and blue, brought to unit length."""
    inputs = keras.Input(SHAPE, name="crop")
    x = keras.layers.Conv2D(3, 1, use_bias=False, name="maps")(inputs)
    x = keras.layers.GlobalMaxPooling2D()(x)
    model = keras.Model(inputs, keras.layers.UnitNormalization()(x), name="brightest")
    model.get_layer("maps").set_weights([np.eye(3, dtype=np.float32)[None, None]])
    return Stitched(model, "maps")


@pytest.fixture(scope="module")
def dots():
    """Two black pictures: one with a red and a green dot, one with a red dot alone."""
    pictures = np.zeros((2, *SHAPE), dtype=np.uint8)
    pictures[:, 8:10, 8:10] = (200, 0, 0)
    pictures[0, 24:26, 20:22] = (0, 100, 0)
    return pictures


@pytest.mark.parametrize("method", MATCH_METHODS)
def test_what_both_share_is_positive_and_what_one_has_alone_negative(brightest, dots, method):
    """(2, 1, 0) and (1, 0, 0): without the red dot they are less alike, without the green one more."""
    found = explain_match(*dots, brightest, method=method)
    assert found.score == pytest.approx(2 / np.sqrt(5), abs=1e-5)
    assert found.first.signed
    assert found.second.signed
    assert found.first.map[8, 8] > 0.01 * np.abs(found.first.map).max()
    assert found.first.map[24, 20] < -0.01 * np.abs(found.first.map).max()


def test_the_other_embedding_is_held_fixed(brightest, dots):
    found = explain_match(*dots, brightest)
    for explained, crop, other in ((found.first, *dots), (found.second, *dots[::-1])):
        target = MatchTarget(brightest.logits(other[None])[0])
        np.testing.assert_array_equal(explained.raw, occlusion(brightest, crop, target, fill="blur").raw)
        assert explained.raw.shape == (15, 15)


@pytest.mark.slow
def test_the_match_of_a_portrait_lies_on_the_face(portrait_crop):
    """With its mirror image: hiding a place of the middle costs more than hiding one at the border."""
    found = explain_match(portrait_crop, np.ascontiguousarray(portrait_crop[:, ::-1]), match_model())
    border = np.ones((15, 15), dtype=bool)
    border[3:-3, 3:-3] = False
    for explained in (found.first, found.second):
        assert np.abs(explained.raw[~border]).mean() > 2 * np.abs(explained.raw[border]).mean()
    assert found.score > 0.95


def test_an_unknown_method_is_refused(brightest, dots):
    with pytest.raises(ValueError, match=r"method must be one of \['occlusion'.*'magic'"):
        explain_match(*dots, brightest, method="magic")


def test_crops_of_another_size_are_refused(brightest, dots):
    with pytest.raises(ValueError, match=r"takes images of shape \(32, 32, 3\)"):
        explain_match(dots[0], dots[1][:20], brightest)


def test_a_model_without_unit_embeddings_is_refused(brightest, dots):
    model = keras.Model(brightest.model.input, brightest.model.layers[-2].output, name="lengths")
    with pytest.raises(ValueError, match=r"gives unit embeddings.*lengths"):
        explain_match(*dots, Stitched(model, "maps"))


def test_the_layer_can_be_chosen():
    stitched = Stitched(build_face_resnet(None), "stage4_block3_relu2")
    assert stitched.map_shape == (4, 4, 256)
