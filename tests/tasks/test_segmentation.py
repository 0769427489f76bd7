"""Segmentation with a made-up model of colours, so that every mask is known from what was painted."""

import json
import tracemalloc

import keras
import numpy as np
import pytest

from kerasface.faces.alignment import FACE_RESNET_TEMPLATE, align
from kerasface.faces.detection import Face
from kerasface.faces.regions import cut_square, square_around
from kerasface.faces.turns import turned, turned_back
from kerasface.runs.card import ModelCard
from kerasface.runs.store import Run, RunError
from kerasface.tasks.segmentation import Segmentation, SegmentedFace, Segmenter, mask_in_crop, region_of

CLASSES = ("background", "skin", "hair", "eyes")
COLORS = ((0, 0, 0), (230, 0, 0), (0, 230, 0), (0, 0, 230))  # as the photos are painted
SIDE = 64


def colour_model(side=None, num_classes=4):
    """Softmax of each channel in units of 25 against a constant 5: the class of a channel brighter than 125."""
    inputs = keras.Input((side, side, 3))
    head = keras.layers.Conv2D(num_classes, 1, activation="softmax")
    model = keras.Model(inputs, head(inputs))
    kernel = np.zeros((1, 1, 3, num_classes))
    kernel[0, 0, :, 1:4] = np.eye(3)[:, : num_classes - 1] / 25
    head.set_weights([kernel, np.array([5.0, *[0.0] * (num_classes - 1)])])
    return model


def colour_run(model=None, **changes):
    """A run of the colour model; `changes` replace entries of its card."""
    place = {"kind": "segment", "image_size": [SIDE, SIDE], "values": "RGB, 0 to 255", "context": 2.0}
    card = {"task": "segment", "labels": list(CLASSES), "colours": [list(color) for color in COLORS], "input": place}
    return Run("colours", ModelCard.from_dict(card | changes), model or colour_model())


class FakeDetector:
    """Finds the boxes that it was told, with the landmarks of an upright face in each."""

    def __init__(self, *boxes):
        self.boxes = boxes

    def detect(self, images):
        return [[face(*box) for box in self.boxes] for _ in images]


def face(x, y, width, height):
    points = FACE_RESNET_TEMPLATE / 150 * (width, height) + (x, y)
    return Face(box=(x, y, width, height), landmarks=points.astype(np.float32), detection_score=0.99)


def painted(ids):
    """The photo of a mask: each class in its colour."""
    return np.array(COLORS, dtype=np.uint8)[ids]


@pytest.fixture(scope="module")
def run():
    return colour_run()


def test_a_face_comes_back_in_its_place_at_any_size(run):
    """The squares are 32 to 512 pixels for a model of 64; parts begin and end on its pixels, so no edge may be off.

    Of the 12 corners half a pixel of the model may be rounded off; an edge that is off by one pixel has more.
    """
    for side in (32, 64, 128, 512):
        step = side // 8
        ids = np.zeros((600, 700), dtype=np.uint8)
        ids[30 + 2 * step : 30 + 6 * step, 90 + step : 90 + 7 * step] = 1
        ids[30 + 2 * step : 30 + 3 * step, 90 + step : 90 + 7 * step] = 2
        ids[30 + 4 * step : 30 + 5 * step, 90 + 2 * step : 90 + 4 * step] = 3
        box = (90 + side / 4, 30 + side / 4, side / 2, side / 2)
        found = Segmenter(run, FakeDetector(box)).segment_faces(painted(ids))
        (segmented,) = found.faces
        assert segmented.region == (90, 30, side, side)
        assert (segmented.mask != ids[30 : 30 + side, 90 : 90 + side]).sum() <= 12 * (side / SIDE / 2) ** 2
        np.testing.assert_array_equal(found.mask[30 : 30 + side, 90 : 90 + side], segmented.mask)
        assert found.mask[ids == 0].sum() == 0


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_face_of_a_turned_photo_is_shown_to_the_model_upright(run, degrees):
    """Where it lies it is as high in the photo as it is wide; the model sees what it sees of the photo upright."""
    ids = np.zeros((120, 100), dtype=np.uint8)
    ids[40:60, 20:60] = 1
    ids[60:70, 30:50] = 2
    upright = face(20, 30, 40, 50)
    (expected,) = Segmenter(run, FakeDetector((20, 30, 40, 50))).segment_faces(painted(ids)).faces
    lying = turned(painted(ids), -degrees)
    there = turned_back(upright, degrees, lying.shape)
    seen = []

    class Detector:
        def detect(self, images):
            return [[there]]

    segmenter = Segmenter(run, Detector())
    look = segmenter._probabilities
    segmenter._probabilities = lambda crops: seen.append(crops[0]) or look(crops)
    (found,) = segmenter.segment_faces(lying).faces
    square = cut_square(painted(ids), square_around(upright.box, 2.0), SIDE)
    np.testing.assert_allclose(seen[0].astype(int), square, atol=1)
    np.testing.assert_array_equal(turned(found.mask, degrees), expected.mask)


def test_many_faces_each_in_its_place(run):
    """Eleven faces are more than a batch; each has its own part at its own height."""
    ids = np.zeros((200, 11 * 64), dtype=np.uint8)
    boxes = []
    for number in range(11):
        left, top = 64 * number, 4 * number
        ids[top + 20 : top + 40, left + 10 : left + 20 + 3 * number] = 1 + number % 3
        boxes.append((left + 16, top + 16, 32, 32))
    found = Segmenter(run, FakeDetector(*boxes)).segment_faces(painted(ids))
    assert [segmented.region for segmented in found.faces] == [(64 * n, 4 * n, 64, 64) for n in range(11)]
    np.testing.assert_array_equal(found.mask, ids)


@pytest.mark.parametrize("box", [(0, 0, 64, 64), (136, 86, 64, 64), (0, 40, 64, 64), (10, 0, 180, 150)])
def test_a_face_at_the_edge_of_the_photo(run, box):
    """The square leaves the photo; what lies inside keeps its place, to within a pixel of the model."""
    ids = np.zeros((150, 200), dtype=np.uint8)
    ids[20:80, 30:110], ids[100:, 130:] = 1, 2
    found = Segmenter(run, FakeDetector(box)).segment_faces(painted(ids))
    x, y, width, height = found.faces[0].region
    assert x >= 0
    assert y >= 0
    assert (x + width <= 200, y + height <= 150) == (True, True)
    assert found.faces[0].mask.shape == (height, width)
    expected = np.zeros_like(ids)
    expected[y : y + height, x : x + width] = ids[y : y + height, x : x + width]
    coarse = 2 * box[3] / SIDE
    assert (found.mask != expected).sum() <= coarse * 1000  # within a model's pixel along edges of 1,000 at most
    np.testing.assert_array_equal(found.mask[y : y + height, x : x + width], found.faces[0].mask)


def test_no_face_leaves_everything_background(run):
    found = Segmenter(run, FakeDetector()).segment_faces(painted(np.ones((40, 50), dtype=np.uint8)))
    assert (found.faces, found.mask.shape, found.mask.any()) == ((), (40, 50), False)
    assert found.areas() == {"background": 1.0, "skin": 0.0, "hair": 0.0, "eyes": 0.0}


@pytest.mark.parametrize("side", [None, SIDE])
@pytest.mark.parametrize("size", [(64, 64), (500, 333), (37, 501), (9, 14), (1, 300), (701, 1)])
def test_a_whole_picture_of_any_size(side, size):
    """Left third skin, the rest hair: both models find the boundary to within a pixel of theirs."""
    width = size[1]
    ids = np.full(size, 2, dtype=np.uint8)
    ids[:, : width // 3] = 1
    found = Segmenter(colour_run(colour_model(side))).segment_whole(painted(ids))
    assert (found.mask.shape, found.mask.dtype, found.faces) == (size, np.uint8, ())
    near = max(1, max(size) / SIDE)
    sure = abs(np.arange(width) + 0.5 - width // 3) > near
    np.testing.assert_array_equal(found.mask[:, sure], ids[:, sure])


def test_a_whole_picture_stands_in_the_middle_of_a_grey_square():
    seen = []

    def look(images):
        seen.append(images)
        return (np.zeros((*images.shape[:3], 4), dtype=np.float32),)

    segmenter = Segmenter(colour_run(colour_model()))
    segmenter._network = look
    segmenter.segment_whole(np.full((32, 64, 3), (10, 20, 30), dtype=np.uint8))
    (square,) = seen[0]
    assert square.shape == (SIDE, SIDE, 3)
    np.testing.assert_array_equal(square[16:48], np.broadcast_to((10, 20, 30), (32, 64, 3)))
    assert (square[:16] == 128).all()
    assert (square[48:] == 128).all()


def test_a_photo_of_twelve_megapixels_takes_little_more_than_its_masks(run):
    """Probabilities of all pixels at once would take 192 MB; stated are two bytes per pixel and 100 MB."""
    image = np.zeros((3000, 4000, 3), dtype=np.uint8)
    image[1000:2000, 1500:2500, 0] = 230
    segmenter = Segmenter(run, FakeDetector((1000, 500, 1800, 2000)))
    segmenter.segment_whole(image[:64, :64])  # traced before it is measured
    tracemalloc.start()
    try:
        found = segmenter.segment_faces(image)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * found.mask.size + 60e6
    assert abs(int((found.mask == 1).sum()) - 1_000_000) < 4000 * 4000 / SIDE  # a model's pixel around it


def test_the_real_detector_finds_the_square(run, detector, portrait, portrait_face):
    found = Segmenter(run, detector).segment_faces(portrait)
    (segmented,) = found.faces
    assert segmented.face.box == pytest.approx(portrait_face.box)
    x, y, width, height = portrait_face.box
    left, top, region_width, region_height = segmented.region
    assert (region_width, region_height) == (round(2 * height),) * 2
    assert left + region_width / 2 == pytest.approx(x + width / 2, abs=1)
    assert top + region_height / 2 == pytest.approx(y + height / 2, abs=1)
    np.testing.assert_array_equal(found.mask[top : top + region_height, left : left + region_width], segmented.mask)


def test_areas_sum_to_one_and_stand_in_the_json(run):
    ids = np.zeros((80, 100), dtype=np.uint8)
    ids[10:30, 10:50], ids[30:40, 10:50] = 1, 3
    found = Segmenter(run, FakeDetector((20, 10, 32, 32))).segment_faces(painted(ids))
    assert found.areas() == {"background": 1 - 1200 / 8000, "skin": 0.1, "hair": 0.0, "eyes": 0.05}
    (segmented,) = found.faces
    assert segmented.areas() == pytest.approx({"skin": 2 / 3, "hair": 0.0, "eyes": 1 / 3})
    content = found.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["classes"][1] == {"id": 1, "name": "skin", "colour": [230, 0, 0]}
    assert set(content["faces"][0]) == {"box", "landmarks", "detection_score", "turned", "region", "areas"}
    assert content["faces"][0]["region"] == [4, 0, 64, 58]
    assert sum(content["areas"].values()) == pytest.approx(1)
    blank = SegmentedFace(face(0, 0, 9, 9), (0, 0, 9, 9), np.zeros((9, 9), dtype=np.uint8), CLASSES)
    assert blank.areas() == {"skin": 0.0, "hair": 0.0, "eyes": 0.0}


def test_parts_by_name():
    mask = np.array([[0, 1, 2, 3]], dtype=np.uint8)
    assert region_of(mask, ["eyes", "hair"], CLASSES).tolist() == [[False, False, True, True]]
    assert region_of(mask, ["face"], CLASSES).tolist() == [[False, True, False, True]]
    assert region_of(mask, [], CLASSES).tolist() == [[False] * 4]
    assert region_of(mask, ["face"], ("other", "hat", "face")).tolist() == [[False, False, True, False]]
    segmented = SegmentedFace(face(0, 0, 4, 1), (0, 0, 4, 1), mask, CLASSES)
    assert segmented.part("background").tolist() == [[True, False, False, False]]
    with pytest.raises(ValueError, match=r"of background, skin, hair, eyes, face\. Received: names=\['ears'\]"):
        segmented.part("ears")


def test_the_mask_in_the_crop_shows_what_the_crop_shows():
    """A turned face of twice the template's size: the crop of the painted photo has the colours of the mask."""
    generator = np.random.default_rng(0)
    ids = np.kron(generator.integers(0, 4, (9, 9)), np.ones((60, 60))).astype(np.uint8)  # (540, 540)
    turn = 2 * np.array([(np.cos(0.3), -np.sin(0.3)), (np.sin(0.3), np.cos(0.3))])
    landmarks = (FACE_RESNET_TEMPLATE - 75) @ turn.T + (270, 260)
    turned = Face((190.0, 180.0, 160.0, 160.0), landmarks.astype(np.float32), 0.9)
    segmented = SegmentedFace(turned, (20, 10, 500, 500), ids[10:510, 20:520], CLASSES)
    found = mask_in_crop(segmented)
    crop = align(painted(ids), turned.landmarks, FACE_RESNET_TEMPLATE, (150, 150))
    nearest = np.argmin(np.linalg.norm(crop[..., None, :] - np.array(COLORS, dtype=float), axis=-1), axis=-1)
    assert (found.shape, found.dtype) == ((150, 150), np.uint8)
    assert (found == nearest).mean() > 0.98  # mixed colours on the edges may look like a third one
    assert len(np.unique(found)) == 4
    # Outside the region nothing is known: with the photo's left half alone, the crop's right part is background.
    half = SegmentedFace(turned, (20, 10, 200, 500), ids[10:510, 20:220], CLASSES)
    assert not mask_in_crop(half)[:, 120:].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "classify"}, r"'colours' does not segment\. Received: task='classify'"),
        ({"colours": None}, "colours=None"),
        ({"colours": [[0, 0, 0]] * 3}, "each of its classes"),
        ({"colours": [[0, 0, 256]] * 4}, "0 to 255"),
        ({"input": {}}, "image_size=None"),
        ({"input": {"image_size": [64, 32]}}, "must tell the square"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(RunError, match=message):
        Segmenter(colour_run(**changes))


def test_a_model_that_does_not_fit_its_card_is_refused():
    with pytest.raises(RunError, match=r"maps of the 4 classes.*Received: output shapes \(\(None, None, 3\),\)"):
        Segmenter(colour_run(colour_model(num_classes=3)))
    with pytest.raises(RunError, match=r"image_size=\[64, 64\]; the model takes \(32, 32, 3\)"):
        Segmenter(colour_run(colour_model(32)))
    inputs = keras.Input((None, None, 3))
    halved = keras.Model(inputs, keras.layers.Conv2D(4, 1, strides=2, activation="softmax")(inputs))
    with pytest.raises(RunError, match=r"for every pixel of its \(64, 64\)\. Received: shape=\(32, 32, 4\)"):
        Segmenter(colour_run(halved)).segment_whole(np.zeros((64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("context", [None, 0])
def test_a_model_without_context_is_for_whole_pictures(context):
    segmenter = Segmenter(colour_run(input={"image_size": [SIDE, SIDE], "context": context}), FakeDetector())
    image = painted(np.full((20, 20), 2, dtype=np.uint8))
    assert (segmenter.segment_whole(image).mask == 2).all()
    with pytest.raises(RunError, match=r"was not trained on faces.*--whole"):
        segmenter.segment_faces(image)


@pytest.mark.parametrize(
    "image", [np.zeros((20, 20), np.uint8), np.zeros((20, 20, 4), np.uint8), np.zeros((20, 20, 3)), np.zeros((0, 9, 3))]
)
def test_other_arrays_are_refused(run, image):
    segmenter = Segmenter(run, FakeDetector())
    for segment in (segmenter.segment_faces, segmenter.segment_whole):
        with pytest.raises(ValueError, match="Photos must be uint8 arrays"):
            segment(image)


def test_the_record_names_its_classes(run):
    segmenter = Segmenter(run, FakeDetector())
    assert (segmenter.classes, segmenter.colors) == (CLASSES, COLORS)
    found = segmenter.segment_whole(np.zeros((8, 8, 3), dtype=np.uint8))
    assert isinstance(found, Segmentation)
    assert (found.classes, found.colors) == (CLASSES, COLORS)
