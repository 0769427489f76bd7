"""Changes of pictures with masks: both move together, and nothing that only recolours touches the mask."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasface.data.masks.augmentation import (
    OUTSIDE,
    POLICIES,
    MaskChanges,
    MaskPolicy,
    augment_masked,
    fit_masked,
)

CLASSES = ("background", "skin", "hair", "eyes", "nose", "mouth")
STILL = MaskPolicy()
SIZE = (128, 128)


def drawn_face():
    """A face of simple shapes with all six classes, `(128, 128)`."""
    mask = np.zeros(SIZE, np.uint8)
    cv2.ellipse(mask, (64, 60), (44, 52), 0, 0, 360, 2, -1)
    cv2.ellipse(mask, (64, 70), (34, 46), 0, 0, 360, 1, -1)
    for x in (50, 78):
        cv2.ellipse(mask, (x, 58), (7, 4), 0, 0, 360, 3, -1)
    cv2.ellipse(mask, (64, 72), (5, 10), 0, 0, 360, 4, -1)
    cv2.ellipse(mask, (64, 94), (14, 5), 0, 0, 360, 5, -1)
    return mask


MASK = drawn_face()
COLORS = np.uint8([(20, 60, 40), (200, 150, 120), (90, 60, 30), (240, 240, 240), (180, 130, 110), (170, 60, 70)])
IMAGE = (COLORS[MASK] + np.random.default_rng(0).integers(0, 16, (*SIZE, 3))).clip(0, 255).astype(np.uint8)
for constant in (MASK, IMAGE):
    constant.flags.writeable = False  # no change may be made in place
PHOTOS = tuple(
    np.random.default_rng(index).integers(0, 256, shape, dtype=np.uint8)
    for index, shape in enumerate([(40, 60, 3), (200, 90, 3)])
)


def augmented(policy, seed, image=IMAGE, mask=MASK, classes=CLASSES, size=SIZE, backgrounds=(), flip=False):
    changes = MaskChanges(size, classes, policy, backgrounds, flip)
    return augment_masked(image, mask, changes, np.random.default_rng(seed))


def deep(region, pixels=8):
    """Pixels of `region` farther than `pixels` from everything else, beyond the soft edges."""
    return cv2.erode(region.astype(np.uint8), np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)) > 0


GEOMETRY = {
    "rotation": MaskPolicy(rotation=40),
    "zoom": MaskPolicy(zoom=1.3),
    "shift": MaskPolicy(shift=0.2),
    "stretch": MaskPolicy(stretch=0.3),
    "all": MaskPolicy(rotation=30, zoom=1.2, shift=0.1, stretch=0.2),
}


@pytest.mark.parametrize("policy", GEOMETRY.values(), ids=GEOMETRY.keys())
@pytest.mark.parametrize("flip", [False, True])
def test_picture_and_mask_move_together(policy, flip):
    """The picture is drawn from the mask, white where it is 2 and black where it is 1; 0 then only comes from outside.

    Between the two, rounding may decide otherwise for a pixel; a mask that lies one pixel beside the picture is wrong
    along half of every border, or more.
    """
    mask = np.where((MASK == 2) | (MASK == 3) | (MASK == 5), 2, 1).astype(np.uint8)
    image = np.repeat(np.where(mask == 2, 255, 0)[..., None], 3, axis=2).astype(np.uint8)
    wrong = border = moved = 0
    for seed in range(12):
        changed, ids = augmented(policy, seed, image, mask, flip=flip)
        inside = deep(ids > 0)
        white = changed[..., 0] > 127
        wrong += ((ids == 2) != white)[inside].sum()
        border += (cv2.morphologyEx((ids == 2).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0)[inside].sum()
        moved += (ids != mask)[inside].sum()
    assert moved > 1000
    assert border > 1000
    assert wrong < 0.05 * border


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
@pytest.mark.parametrize("backgrounds", [(), PHOTOS], ids=["patterns", "photos"])
def test_the_seed_alone_decides(policy, backgrounds):
    mask = np.pad(MASK[:, 20:], ((0, 0), (0, 20)), constant_values=OUTSIDE)
    results = [augmented(policy, seed, mask=mask, backgrounds=backgrounds) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert (results[0][0] != results[2][0]).any()


def test_none_leaves_a_picture_of_the_right_size_alone():
    for seed in range(8):
        image, mask = augmented(POLICIES["none"], seed)
        np.testing.assert_array_equal(image, IMAGE)
        np.testing.assert_array_equal(mask, MASK)


def test_none_is_the_fit_but_for_what_lies_outside():
    image, mask = IMAGE[:, :90], MASK[:, :90]
    changed, ids = augmented(POLICIES["none"], 0, image, mask, size=(64, 96))
    fitted, fitted_ids = fit_masked(image, mask, (64, 96))
    outside = fitted_ids == OUTSIDE
    assert outside.mean() == 51 / 96  # 90 columns become 45
    np.testing.assert_array_equal(ids, np.where(outside, 0, fitted_ids))
    np.testing.assert_array_equal(changed[deep(~outside)], fitted[deep(~outside)])
    assert (changed[outside] != fitted[outside]).any()


def test_fitting_puts_the_labelled_part_into_the_middle_as_large_as_it_can_be():
    """A picture of 20 x 40 pixels somewhere on a canvas fills 30 of 60 rows, and all columns."""
    mask = np.full((100, 100), OUTSIDE, np.uint8)
    mask[70:90, 5:45] = 1
    image = np.repeat(np.where(mask == 1, 200, 50)[..., None], 3, axis=2).astype(np.uint8)
    fitted, ids = fit_masked(image, mask, (60, 60))
    assert (ids[16:44, 1:-1] == 1).all()
    assert (ids[:14] == OUTSIDE).all()
    assert (ids[46:] == OUTSIDE).all()
    assert (fitted[18:42, 3:-3] == 200).all()


def test_half_of_the_pictures_are_mirrored_with_their_masks():
    mirrored = 0
    for seed in range(60):
        image, mask = augmented(STILL, seed, flip=True)
        turned = not (image == IMAGE).all()
        step = -1 if turned else 1
        np.testing.assert_array_equal(image, IMAGE[:, ::step])
        np.testing.assert_array_equal(mask, MASK[:, ::step])
        mirrored += turned
    assert 15 <= mirrored <= 45  # of 60 coins, outside this range once in 10,000


@pytest.mark.parametrize("backgrounds", [(), PHOTOS], ids=["patterns", "photos"])
def test_another_background_leaves_everything_labelled_alone(backgrounds):
    face, behind = deep(MASK > 0), deep(MASK == 0)
    seen = []
    for seed in range(10):
        image, mask = augmented(MaskPolicy(background=1), seed, backgrounds=backgrounds)
        np.testing.assert_array_equal(mask, MASK)
        np.testing.assert_array_equal(image[face], IMAGE[face])
        assert np.abs(image[behind].astype(int) - IMAGE[behind]).mean() > 5
        seen.append(image[behind])
    assert len({pixels.tobytes() for pixels in seen}) == 10


def test_the_background_is_exchanged_as_often_as_asked():
    changed = sum((augmented(MaskPolicy(background=0.3), seed)[0] != IMAGE).any() for seed in range(200))
    assert 35 <= changed <= 90  # 60 expected, standard deviation 6.5


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_colour_and_sharpness_leave_the_mask_alone(strength):
    for seed in range(10):
        image, mask = augmented(MaskPolicy(color=strength), seed)
        np.testing.assert_array_equal(mask, MASK)
        assert (image != IMAGE).any()
        assert image.dtype == np.uint8


def test_stronger_colours_change_more():
    differences = [
        np.mean([np.abs(augmented(MaskPolicy(color=s), seed)[0].astype(int) - IMAGE).mean() for seed in range(30)])
        for s in (0.1, 0.4, 1.0)
    ]
    assert differences[0] < differences[1] < differences[2]


def only(name):
    """Names of the classes of which one alone is known by the changes of parts."""
    return tuple(known if known == name else f"other {index}" for index, known in enumerate(CLASSES))


def test_an_opened_mouth_is_larger_and_everything_away_from_it_stays():
    mouth = MASK == 5
    rows, cols = np.nonzero(mouth)
    height, width = np.ptp(rows) + 1, np.ptp(cols) + 1
    away = np.ones(SIZE, bool)
    away[rows.min() - 4 * height : rows.max() + 4 * width, cols.min() - width : cols.max() + width] = False
    assert away.mean() > 0.3
    areas = []
    for seed in range(30):
        image, mask = augmented(MaskPolicy(parts=1), seed, classes=only("mouth"))
        assert set(np.unique(mask)) == set(range(6))
        np.testing.assert_array_equal(mask[away], MASK[away])
        np.testing.assert_array_equal(image[away], IMAGE[away])
        gained, lost = ((mask == 5) & ~mouth).sum(), (mouth & (mask != 5)).sum()
        assert lost <= 0.25 * mouth.sum()  # corners that bend up or down
        areas.append(mouth.sum() + gained - lost)
    assert min(areas) > 0.95 * mouth.sum()
    assert np.mean(areas) > 1.2 * mouth.sum()
    assert max(areas) > 1.8 * mouth.sum()


def test_what_lies_between_opened_lips_is_mouth():
    """The widest opening of many seeds: in the middle column the mouth is one piece, taller than before."""
    masks = [augmented(MaskPolicy(parts=1), seed, classes=only("mouth"))[1] for seed in range(30)]
    column = max((mask[:, 64] for mask in masks), key=lambda ids: (ids == 5).sum())
    rows = np.flatnonzero(column == 5)
    assert len(rows) > 1.5 * (MASK[:, 64] == 5).sum()
    assert (np.diff(rows) == 1).all()
    assert set(column[rows[-1] + 1 :]) <= {0, 1, 2}


def test_glasses_change_the_picture_around_the_eyes_and_no_label():
    eyes = MASK == 3
    # A lens reaches 1.15 eye widths from an eye's middle, and its frame a tenth of that farther.
    near = cv2.dilate(eyes.astype(np.uint8), np.ones((55, 55), np.uint8)) > 0
    assert near.mean() < 0.6
    for seed in range(20):
        image, mask = augmented(MaskPolicy(parts=1), seed, classes=only("eyes"))
        np.testing.assert_array_equal(mask, MASK)
        np.testing.assert_array_equal(image[~near], IMAGE[~near])
        assert (image[near] != IMAGE[near]).any()


@pytest.mark.parametrize(("name", "class_id"), [("skin", 1), ("hair", 2)])
def test_skin_and_hair_change_colour_alone(name, class_id):
    """Only their own pixels and a soft edge; the class is far from uniform after many seeds."""
    own, others = deep(class_id == MASK, 4), deep(class_id != MASK, 4)
    levels = []
    for seed in range(20):
        image, mask = augmented(MaskPolicy(parts=1), seed, classes=only(name))
        np.testing.assert_array_equal(mask, MASK)
        np.testing.assert_array_equal(image[others], IMAGE[others])
        levels.append(image[own].mean())
    assert np.ptp(levels) > 60


def test_parts_change_only_where_the_classes_have_their_names():
    names = ("street", "car", "sky", "tree", "house", "person")
    for seed in range(20):
        image, mask = augmented(MaskPolicy(parts=1), seed, classes=names)
        np.testing.assert_array_equal(image, IMAGE)
        np.testing.assert_array_equal(mask, MASK)


@pytest.mark.parametrize("class_id", range(6))
def test_parts_that_are_not_in_the_picture_are_left_out(class_id):
    mask = np.full(SIZE, class_id, np.uint8)
    for seed in range(5):
        assert (augmented(MaskPolicy(parts=1), seed, mask=mask)[1] == class_id).all()


def test_a_gentler_policy_has_a_third_of_every_change():
    policy = MaskPolicy(rotation=30, zoom=8, shift=0.3, stretch=0.6, background=0.9, color=0.6, parts=0.3, gentle=1)
    gentler = policy.gentler()
    found = (gentler.rotation, gentler.zoom, gentler.shift, gentler.stretch, gentler.background, gentler.color)
    assert found == pytest.approx((10, 2, 0.1, 0.2, 0.3, 0.2))  # 2 * 2 * 2 = 8
    assert gentler.parts == pytest.approx(0.1)


def test_policies_grow_stronger():
    """By how much the label of a pixel changes, on average; half of the strongest pictures are changed gently."""
    whole = [replace(policy, gentle=0.0) for policy in POLICIES.values()]
    changes = [np.mean([(augmented(p, seed)[1] != MASK).mean() for seed in range(40)]) for p in whole]
    assert list(POLICIES) == ["none", "light", "standard", "strong"]
    assert changes[0] == 0 < changes[1] < changes[2] < changes[3]


@settings(max_examples=150, deadline=None)
@given(
    policy=st.sampled_from(list(POLICIES.values())),
    classes=st.sampled_from([CLASSES, ("a", "b", "c", "d", "e", "f")]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    margins=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    only_class=st.none() | st.integers(0, 5),
    backgrounds=st.sampled_from([(), PHOTOS]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_picture_comes_out_whole(policy, classes, shape, margins, size, only_class, backgrounds, seed):
    """Whatever goes in: the size asked for, no pixel outside, and no label that was not there but background."""
    generator = np.random.default_rng(seed)
    mask = generator.integers(0, 6, shape).astype(np.uint8)
    if only_class is not None:
        mask[:] = only_class
    mask = np.pad(mask, [(margin, margin) for margin in margins], constant_values=OUTSIDE)
    pair = np.dstack([generator.integers(0, 256, (*mask.shape, 3), dtype=np.uint8), mask])  # as it is stored
    image, ids = augmented(
        policy, seed, pair[..., :3], pair[..., 3], classes=classes, size=size, backgrounds=backgrounds, flip=True
    )
    assert image.shape == (*size, 3)
    assert ids.shape == size
    assert image.dtype == ids.dtype == np.uint8
    assert set(np.unique(ids)) <= (set(np.unique(mask)) | {0}) - {OUTSIDE}
