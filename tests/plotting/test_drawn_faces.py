import numpy as np
import pytest

from kerasface.plotting.drawn_faces import NUM_TRAITS, draw_face

NOBODY = np.zeros(NUM_TRAITS)


def changed(trait, value):
    traits = NOBODY.copy()
    traits[trait] = value
    return traits


@pytest.mark.parametrize("trait", range(NUM_TRAITS))
def test_every_trait_changes_the_picture_and_more_of_it_more(trait):
    face = draw_face(NOBODY).astype(float)
    little, much = (np.abs(draw_face(changed(trait, value)) - face).mean() for value in (0.5, 2.0))
    assert 0 < little < much


def test_a_face_has_the_size_of_a_crop_and_no_end():
    face = draw_face(NOBODY)
    assert (face.shape, face.dtype) == ((150, 150, 3), np.uint8)
    np.testing.assert_array_equal(draw_face(changed(0, 2)), draw_face(changed(0, 50)))


def test_a_wider_face_covers_more_of_the_background():
    background = draw_face(NOBODY)[0, 0]
    covered = [np.any(draw_face(changed(0, value)) != background, axis=-1).sum() for value in (-2, 0, 2)]
    assert covered == sorted(covered)
    assert covered[0] < covered[2]


def test_blur_takes_the_edges_away():
    sharp, blurred = draw_face(NOBODY), draw_face(NOBODY, blur=3)
    assert np.abs(np.diff(blurred.astype(int), axis=1)).max() < 0.5 * np.abs(np.diff(sharp.astype(int), axis=1)).max()
    assert blurred.mean() == pytest.approx(sharp.mean(), abs=1)


def test_other_numbers_of_traits_are_refused():
    with pytest.raises(ValueError, match=r"8 traits. Received: shape \(3,\)"):
        draw_face(np.zeros(3))
