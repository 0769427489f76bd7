"""The detector: every face, at the right scale, in any company, and nothing that breaks it."""

import cv2
import numpy as np
import pytest

from kerasface.faces import detection
from kerasface.faces.detection import _LOOKS, Face, FaceDetector, _judged, central_face

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


@pytest.mark.slow
def test_the_last_threshold_is_the_score_from_which_faces_are_given(portrait, portrait_face):
    score = portrait_face.detection_score
    just_below, just_above = 2 * score - 1, (1 + score) / 2  # as far below as 1 is above, and halfway to 1
    assert len(FaceDetector(thresholds=(0.6, 0.7, just_below)).detect([portrait])[0]) == 1
    # Windows with less are looked at again, and one of them may reach it.
    faces = FaceDetector(thresholds=(0.6, 0.7, just_above)).detect([portrait])[0]
    assert all(face.detection_score > just_above for face in faces)
    assert FaceDetector(thresholds=(0.6, 0.7, 1 - 1e-9)).detect([portrait]) == [[]]


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
        "turned": 0,
    }


@pytest.mark.parametrize("upright", [False, True], ids=["wide", "high"])
def test_faces_of_a_long_photo_are_found(portrait, detector, upright):
    """Heads of 100 pixels, faces of about 48, in 6000 x 240: 1/40 of the longer side would be 150."""
    head = cv2.resize(portrait[HEAD], (82, 100), interpolation=cv2.INTER_AREA)
    places = [(100 + 2600 * k, 70) for k in range(3)]
    photo = np.full((240, 6000, 3), 160, dtype=np.uint8)
    if upright:
        photo, places = np.full((6000, 240, 3), 160, dtype=np.uint8), [(y, x) for x, y in places]
    for x, y in places:
        photo[y : y + 100, x : x + 82] = head
    faces = detector.detect([photo])[0]
    check_faces(faces, photo)
    assert len(faces) == 3
    for x, y in places:
        assert max(overlap(face.box, (x + 23, y + 20, 39, 50)) for face in faces) >= 0.6
    assert {face.turned for face in faces} == {0}


def test_a_photo_longer_than_opencv_takes_has_its_faces(portrait):
    """OpenCV cuts nothing out of pictures longer than 32,766 pixels."""
    photo = np.full((160, 33_000, 3), 160, dtype=np.uint8)
    photo[20:120, 32_500:32_582] = cv2.resize(portrait[HEAD], (82, 100), interpolation=cv2.INTER_AREA)
    (face,) = FaceDetector(48).detect([photo], turns=False)[0]
    assert overlap(face.box, (32_523, 40, 39, 50)) >= 0.6


class ScriptedNetwork:
    """Gives all windows of its first look the first of some probabilities and moves them by 10, and so on.

    Attributes:
        seen: How many windows were looked at each time.
    """

    def __init__(self, *probabilities):
        self.probabilities, self.seen = probabilities, []

    def __call__(self, squares, patches):
        probability = np.broadcast_to(self.probabilities[len(self.seen)], (len(squares), 1))
        self.seen.append(len(patches))
        return np.hstack([squares + 10, probability])


PHOTO, WINDOW = [np.zeros((100, 100, 3), dtype=np.uint8)], np.array([(10.0, 10.0, 60.0, 60.0, 0.9)])


def test_a_window_beside_the_face_is_looked_at_again_from_where_it_points():
    """The network doubts the first window and says where the face is; asked again from there, it is sure."""
    network = ScriptedNetwork(0.5, 0.99)
    (windows,) = _judged(network, [PHOTO], [WINDOW], 24, 0.7, _LOOKS)
    assert network.seen == [1, 1]
    np.testing.assert_allclose(windows, [(30, 30, 80, 80, 0.99)])  # moved twice


@pytest.mark.parametrize(("probabilities", "found"), [((0.9,), 1), ((0.2,), 0), ((0.5, 0.2), 0), ((0.5,) * 4, 0)])
def test_only_doubts_are_looked_at_again_and_not_for_ever(probabilities, found):
    network = ScriptedNetwork(*probabilities)
    (windows,) = _judged(network, [PHOTO], [WINDOW], 24, 0.7, _LOOKS)
    assert (len(windows), len(network.seen)) == (found, len(probabilities))


def test_doubts_about_a_face_that_passed_are_left_alone():
    """Two windows on one face: the network is sure of the first, and the second would add nothing."""
    network = ScriptedNetwork(np.array([[0.9], [0.5]]))
    (windows,) = _judged(network, [PHOTO], [np.concatenate([WINDOW, WINDOW])], 24, 0.7, _LOOKS)
    assert (network.seen, len(windows)) == ([2], 1)


@pytest.mark.parametrize(("side", "looks"), [(34, 1), (38, 2)])
def test_a_small_window_is_not_looked_at_again(side, looks):
    network = ScriptedNetwork(*(0.5, 0.99)[:looks])
    _judged(network, [PHOTO], [np.array([(10.0, 10, 10 + side, 10 + side, 0.9)])], 24, 0.7, _LOOKS)
    assert network.seen == [1] * looks


def test_a_photo_with_a_face_at_first_sight_is_not_looked_at_again(portrait, detector, monkeypatch):
    """Of two photos the one without a face gets the further looks, alone."""
    seen = []
    finish = detector._finish

    def counted(photos, windows, looks):
        seen.append((len(photos), len(looks)))
        return finish(photos, windows, looks)

    monkeypatch.setattr(detector, "_finish", counted)
    found = detector.detect([portrait, np.zeros_like(portrait)], turns=False)
    assert [len(faces) for faces in found] == [1, 0]
    assert seen == [(2, 1), (1, len(_LOOKS))]


@pytest.mark.parametrize("contrast", [0.3, 0.35])
def test_a_pale_grey_portrait_is_found_wherever_it_stands(portrait, detector, contrast):
    """At 64 places: P-Net's windows fall on the face or beside it as chance has it."""
    grey = np.repeat(cv2.cvtColor(portrait[:280, 90:350], cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    head = (cv2.resize(grey, (112, 120), interpolation=cv2.INTER_AREA) * contrast + 90).astype(np.uint8)
    photos = []
    for x in range(0, 48, 6):
        for y in range(0, 48, 6):
            photos.append(np.full((180, 180, 3), 60, dtype=np.uint8))
            photos[-1][y : y + 120, x : x + 112] = head
    assert [len(faces) for faces in detector.detect(photos, turns=False)] == [1] * 64


@pytest.mark.parametrize(("height", "width"), [(256, 320), (352, 224), (192, 192)])
@pytest.mark.parametrize("side_by_side", [2, 3, 4])
def test_strips_of_a_canvas_see_what_the_whole_canvas_sees(
    detector, portrait, monkeypatch, height, width, side_by_side
):
    canvas = np.ascontiguousarray(portrait[None, :height, 64 : 64 + width])
    pnet, batches = detector._pnet, []
    whole = pnet(canvas)

    def shared(images):
        batches.append(len(images))
        return pnet(images)

    shared.side_by_side = side_by_side
    monkeypatch.setattr(detector, "_pnet", shared)
    strips = detector._maps(canvas)
    assert batches[0] > 1
    for expected, found in zip(whole, strips, strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-5)
