"""The detector: every face, at the right scale, in any company, and nothing that breaks it."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.faces import detection
from kerasface.faces.detection import Face, FaceDetector, _averaged, _packed, _pyramid, _suppress, central_face

# The portrait's head with hair and some shoulder: rows 20-240, columns 130-310; its face is about 86 x 110 pixels.
HEAD = np.s_[20:240, 130:310]


def overlap(box, other):
    """Intersection over union of two boxes (x, y, width, height)."""
    (x, y, w, h), (x2, y2, w2, h2) = box, other
    shared = max(min(x + w, x2 + w2) - max(x, x2), 0) * max(min(y + h, y2 + h2) - max(y, y2), 0)
    return shared / (w * h + w2 * h2 - shared)


def scaled(image, factor):
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def check_faces(faces, image):
    """What holds for the faces of any photo."""
    height, width = image.shape[:2]
    areas = [face.area for face in faces]
    assert areas == sorted(areas, reverse=True)
    for face in faces:
        x, y, w, h = face.box
        assert min(x, y) >= 0
        assert min(w, h) > 0
        assert x + w <= width + 1e-6
        assert y + h <= height + 1e-6
        assert 0 <= face.detection_score <= 1
        assert face.landmarks.shape == (5, 2)
        assert face.landmarks.dtype == np.float32
        assert np.isfinite(face.landmarks).all()


@pytest.fixture(scope="module")
def mosaic(portrait):
    """1280 x 720 photo of six heads of different sizes, and the box of each tile, largest first."""
    canvas = np.full((720, 1280, 3), 96, dtype=np.uint8)
    tiles = []
    places = [(20, 20, 400), (380, 30, 340), (700, 20, 280), (960, 40, 220), (1140, 60, 160), (400, 500, 110)]
    for x, y, height in places:
        width = round(height * 180 / 220)
        canvas[y : y + height, x : x + width] = cv2.resize(portrait[HEAD], (width, height), cv2.INTER_AREA)
        tiles.append((x, y, width, height))
    return canvas, tiles


def test_the_portrait_has_one_face_where_its_eyes_and_mouth_are(portrait, detector):
    (face,) = detector.detect([portrait])[0]
    check_faces([face], portrait)
    assert face.detection_score > 0.9
    # Found by eye in the photo, to about five pixels.
    by_eye = [(204, 101), (247, 103), (225, 129), (202, 140), (246, 142)]
    np.testing.assert_allclose(face.landmarks, by_eye, atol=6)


@pytest.mark.parametrize("min_face_size", [None, 40, 100])
def test_an_enlarged_photo_has_the_face_at_the_enlarged_place(portrait, portrait_face, min_face_size):
    (face, *others) = FaceDetector(min_face_size).detect([scaled(portrait, 3)])[0]
    assert overlap(face.box, [3 * value for value in portrait_face.box]) >= 0.8
    assert all(other.area < face.area / 4 for other in others)


def test_faces_smaller_than_asked_for_are_not_found(portrait):
    """The face is 110 pixels high; the smallest window of this pyramid is 300."""
    assert FaceDetector(300).detect([portrait]) == [[]]


def test_every_face_of_a_mosaic_is_found_largest_first(mosaic):
    image, tiles = mosaic
    faces = FaceDetector(40).detect([image])[0]
    check_faces(faces, image)
    # The badge on the suit may pass for a seventh face.
    assert len(tiles) <= len(faces) <= len(tiles) + 1
    assert [face.area for face in faces] == sorted((face.area for face in faces), reverse=True)
    for x, y, width, height in tiles:
        # The face's share of the tile: 86 of 180 columns, 110 of 220 rows.
        expected = (x + width * (180 - 130) / 180, y + height * (63 - 20) / 220, width * 86 / 180, height * 110 / 220)
        assert max(overlap(face.box, expected) for face in faces) >= 0.6


def test_photos_of_different_sizes_together_give_what_they_give_alone(portrait, mosaic, detector):
    blank = np.full((90, 333, 3), 200, dtype=np.uint8)
    photos = [portrait, portrait[:300, 50:450], mosaic[0], blank, scaled(portrait, 0.6), portrait[:, ::-1]]
    together = detector.detect(photos)
    assert [len(faces) > 0 for faces in together] == [True, True, True, False, True, True]
    for photo, faces in zip(photos, together, strict=True):
        alone = detector.detect([photo])[0]
        assert len(alone) == len(faces)
        for face, same in zip(faces, alone, strict=True):
            np.testing.assert_allclose(face.box, same.box, atol=0.5)
            np.testing.assert_allclose(face.landmarks, same.landmarks, atol=0.5)


def test_a_mirrored_photo_has_mirrored_landmarks(portrait, portrait_face, detector):
    """Left and right are as seen in the photo, so they change places; the two runs agree to a few pixels."""
    (face,) = detector.detect([portrait[:, ::-1]])[0]
    mirrored = portrait_face.landmarks[[1, 0, 2, 4, 3]] * (-1, 1) + (511, 0)
    np.testing.assert_allclose(face.landmarks, mirrored, atol=4)


@pytest.mark.parametrize("shape", [(1, 1), (11, 11), (12, 12), (12, 2000), (2000, 12), (19, 21), (2, 500)])
@pytest.mark.parametrize("fill", ["black", "white", "noise"])
def test_photos_without_a_face_of_any_shape_do_no_harm(detector, shape, fill):
    image = {
        "black": np.zeros((*shape, 3), dtype=np.uint8),
        "white": np.full((*shape, 3), 255, dtype=np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8),
    }[fill]
    assert detector.detect([image]) == [[]]


def test_noise_and_flat_photos_have_no_faces(detector):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    flat = [np.full((300, 400, 3), value, dtype=np.uint8) for value in (0, 127, 255)]
    assert detector.detect([noise, *flat]) == [[]] * 4


def test_a_canvas_computed_in_strips_gives_the_same_faces(mosaic, monkeypatch):
    """Strips of 32 rows, the lowest there are, against the whole canvas at once."""
    detector = FaceDetector(40)
    whole = detector.detect([mosaic[0]])[0]
    monkeypatch.setattr(detection, "_STACK_PIXELS", 1)
    strips = detector.detect([mosaic[0]])[0]
    assert len(strips) == len(whole)
    for face, same in zip(strips, whole, strict=True):
        np.testing.assert_allclose(face.box, same.box, atol=1e-3)


def test_no_photos_give_no_lists(detector):
    assert detector.detect([]) == []


@pytest.mark.parametrize(
    ("rows", "cols"),
    [(np.s_[:], np.s_[205:]), (np.s_[:], np.s_[:250]), (np.s_[85:], np.s_[:]), (np.s_[:150], np.s_[:])],
    ids=["left", "right", "top", "bottom"],
)
def test_a_face_that_the_border_cuts_keeps_its_box_inside(portrait, detector, rows, cols):
    photo = portrait[rows, cols]
    faces = detector.detect([photo])[0]
    assert faces
    check_faces(faces, photo)


def test_the_last_threshold_is_the_score_from_which_faces_are_given(portrait, portrait_face):
    score = portrait_face.detection_score
    just_below, just_above = 2 * score - 1, (1 + score) / 2  # as far below as 1 is above, and halfway to 1
    assert len(FaceDetector(thresholds=(0.6, 0.7, just_below)).detect([portrait])[0]) == 1
    assert FaceDetector(thresholds=(0.6, 0.7, just_above)).detect([portrait])[0] == []


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((50, 50), dtype=np.uint8),
        np.zeros((50, 50, 4), dtype=np.uint8),
        np.zeros((50, 50, 3), dtype=np.float32),
        np.zeros((1, 50, 50, 3), dtype=np.uint8),
    ],
    ids=["grey", "alpha", "float", "batch"],
)
def test_another_kind_of_array_is_refused(detector, image):
    with pytest.raises(ValueError, match=r"uint8 arrays \(height, width, 3\).*Received: images\[0\]="):
        detector.detect([image])


@pytest.mark.parametrize("min_face_size", [11.9, 0, -5])
def test_a_smallest_face_below_the_networks_window_is_refused(min_face_size):
    with pytest.raises(ValueError, match=f"min_face_size={min_face_size}"):
        FaceDetector(min_face_size)


@pytest.mark.parametrize("thresholds", [(0.6, 0.7), (0.0, 0.7, 0.8), (0.6, 0.7, 1.0), (0.6, 0.7, 0.8, 0.9)])
def test_thresholds_outside_their_range_are_refused(thresholds):
    with pytest.raises(ValueError, match="thresholds must be three numbers"):
        FaceDetector(thresholds=thresholds)


def test_the_fingerprint_tells_settings_apart(detector):
    others = [FaceDetector(20), FaceDetector(40), FaceDetector(thresholds=(0.6, 0.7, 0.9))]
    assert len({detector.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert FaceDetector().fingerprint == detector.fingerprint


def face_at(x, y, width, height):
    return Face((x, y, width, height), np.zeros((5, 2), dtype=np.float32), 0.9)


def test_the_central_face_is_the_one_nearest_the_centre_not_the_largest():
    """In 200 x 100 the centre is (100, 50); the small face's centre is (95, 50), the large one's (45, 45)."""
    large, small, tiny = face_at(0, 0, 90, 90), face_at(72, 27, 46, 46), face_at(90, 40, 20, 20)
    assert central_face([large, small], (100, 200, 3)) is small
    # 20 * 20 is less than a quarter of 90 * 90: passed over, although it is the nearest.
    assert central_face([large, tiny, small], (100, 200, 3)) is small
    with pytest.raises(ValueError, match="at least one face"):
        central_face([], (100, 200, 3))


def test_a_face_as_json_is_rounded():
    face = Face((1.23456, 2.0, 30.999, 4.0), np.full((5, 2), 0.333333, dtype=np.float32), 0.987654)
    assert face.to_dict() == {
        "box": [1.23, 2.0, 31.0, 4.0],
        "landmarks": [[0.33, 0.33]] * 5,
        "detection_score": 0.9877,
    }


rectangles = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 12), st.integers(1, 12))


@given(st.lists(rectangles, max_size=25), st.sampled_from([0.25, 0.5, 0.75]), st.booleans(), st.randoms())
def test_suppression_equals_the_plain_algorithm(boxes, max_overlap, by_smaller, random):
    """Take the most probable box that is left, drop what overlaps it too much, repeat; in whole numbers, so exact."""
    scores = [index / 100 for index in range(1, len(boxes) + 1)]
    random.shuffle(scores)
    rows = [(x, y, x + w, y + h, scores[index], index) for index, (x, y, w, h) in enumerate(boxes)]
    left, expected = sorted(rows, key=lambda row: -row[4]), []
    while left:
        best, *left = left
        expected.append(best[5])
        left = [row for row in left if not overlaps_too_much(best, row, max_overlap, by_smaller)]
    kept = _suppress(np.array(rows, dtype=float).reshape(-1, 6), max_overlap, by_smaller)
    assert kept[:, 5].tolist() == expected


def overlaps_too_much(one, other, max_overlap, by_smaller):
    cells = [
        {(x, y) for x in range(left, right) for y in range(top, bottom)}
        for left, top, right, bottom, *_ in (one, other)
    ]
    whole = min(map(len, cells)) if by_smaller else len(cells[0] | cells[1])
    return len(cells[0] & cells[1]) > max_overlap * whole


def test_boxes_of_one_face_are_averaged_and_those_of_another_are_not():
    """Weights 0.9 and 0.6: the left edge is (0.9 * 0 + 0.6 * 5) / 1.5 = 2, the landmark (0.9 * 4 + 0.6 * 9) / 1.5 = 6.

    Of 100 x 100 the second box, 5 pixels aside, shares 95 x 100, more than half of the union; the third shares nothing;
    the fourth, a quarter of the first and inside it, is dropped, but not averaged.
    """
    rows = np.array(
        [
            (0, 0, 100, 100, 0.9, 4),
            (5, 0, 105, 100, 0.6, 9),
            (300, 0, 400, 100, 0.8, 7),
            (20, 20, 70, 70, 0.7, 8),
        ]
    )
    averaged = _averaged(rows)
    np.testing.assert_allclose(averaged, [(2, 0, 102, 100, 0.9, 6), (300, 0, 400, 100, 0.8, 7)])


def test_averaging_takes_no_rows_and_boxes_turned_inside_out():
    assert _averaged(np.zeros((0, 15))).shape == (0, 15)
    inside_out = np.array([(10.0, 0.0, 5.0, 20.0, 0.9)])
    np.testing.assert_array_equal(_averaged(inside_out), inside_out)


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([12.0, 20.0, 47.0]))
def test_a_pyramid_lies_on_its_canvas_whole_and_apart(height, width, min_face_size):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    levels = _pyramid(image, min_face_size)
    canvas, places = _packed(levels)
    assert canvas.shape[0] % 32 == canvas.shape[1] % 32 == 0
    assert min(canvas.shape[:2]) >= 32
    owner = np.zeros(canvas.shape[:2], dtype=int)
    for level, (x, y, cols, rows) in zip(levels, places, strict=True):
        assert x % 2 == y % 2 == 0
        np.testing.assert_array_equal(canvas[y : y + rows, x : x + cols], level)
        owner[y : y + rows, x : x + cols] += 1
    assert owner.max(initial=0) <= 1


def test_the_smallest_face_fills_the_network_window():
    """120 x 240 with faces from 24 pixels: the first level is half as large, as 24 becomes 12."""
    levels = _pyramid([np.zeros((120, 240, 3), dtype=np.uint8)], 24)
    assert levels[0].shape == (60, 120, 3)
    assert all(min(level.shape[:2]) >= 12 for level in levels)
    # 60 * 0.709 ** k >= 12 for k = 0 ... 4
    assert len(levels) == 5
