"""Figures of segmentations hold the records, in the colours of the classes; a picture tells what is where."""

import base64
import re

import cv2
import numpy as np
import pytest

from kerasface.evaluation.segmentation import SegmentationCounts
from kerasface.plotting import segmentation

CLASSES = ("background", "<b>skin</b>", "hair")
COLORS = ((128, 128, 128), (255, 0, 0), (0, 0, 255))
HAIR = {"hair": (7, 8, 9)}


@pytest.fixture
def result():
    """Of 6 background pixels 4 are right and 2 are taken for skin; both of skin are right; hair is nowhere."""
    counts = SegmentationCounts(CLASSES)
    counts.add(np.array([[0, 0, 0, 0, 0, 0, 1, 1]]), np.array([[0, 0, 0, 0, 1, 1, 1, 1]]))
    return counts.result()


def decoded(source):
    """The pixels, RGB, of a `data:` address."""
    content = np.frombuffer(base64.b64decode(source.split("base64,")[1]), dtype=np.uint8)
    return cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]


def test_iou_bars_show_both_rates_in_the_colours(result):
    figure = segmentation.iou_bars(result, COLORS)
    f1, iou = figure.data
    assert list(iou.x) == [4 / 6, 2 / 4, None]
    assert list(f1.x) == [8 / 10, 4 / 6, None]
    assert list(iou.marker.color) == ["rgb(128, 128, 128)", "rgb(255, 0, 0)", "rgb(0, 0, 255)"]
    assert f1.marker.opacity < iou.marker.opacity
    assert [note.text for note in figure.layout.annotations][2] == "<b>-</b>, F1 -"
    assert figure.layout.yaxis.ticktext[1] == "&lt;b&gt;skin&lt;/b&gt;"
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first class is on top


def test_area_bars_keep_their_order_and_their_colours():
    """A face has no background: colours are looked up by name."""
    figure = segmentation.area_bars({"hair": 0.75, "skin": 0.25}, {"background": (1, 2, 3), "skin": (4, 5, 6)} | HAIR)
    (bars,) = figure.data
    assert list(bars.x) == [0.75, 0.25]
    assert list(bars.marker.color) == ["rgb(7, 8, 9)", "rgb(4, 5, 6)"]
    assert [note.text for note in figure.layout.annotations] == ["75.0\N{NO-BREAK SPACE}%", "25.0\N{NO-BREAK SPACE}%"]
    assert segmentation.area_bars({"hair": 0.0}, HAIR).layout.xaxis.range == (0, 1)
    with pytest.raises(ValueError, match=r"none for \['skin'\]"):
        segmentation.area_bars({"skin": 1.0}, HAIR)


def test_confusions_are_shares_of_the_true_class_and_counts(result):
    cells, text = segmentation.confusion_heatmap(result).data
    np.testing.assert_allclose(cells.z, [[4 / 6, 2 / 6, 0], [0, 1, 0], [np.nan] * 3])
    assert cells.customdata[0, 1].tolist() == ["background", "&lt;b&gt;skin&lt;/b&gt;", 2]
    shown = dict(zip(zip(text.y.tolist(), text.x.tolist(), strict=True), text.text, strict=True))
    assert {place: label.replace("\N{NO-BREAK SPACE}", " ") for place, label in shown.items()} == {
        (0, 0): "66.7 %",
        (0, 1): "33.3 %",
        (1, 1): "100.0 %",
    }


def test_many_classes_get_no_numbers():
    names = [f"class {index}" for index in range(70)]
    counts = SegmentationCounts(names)
    counts.add(np.arange(70)[None], np.arange(70)[None])
    figure = segmentation.confusion_heatmap(counts.result())
    assert len(figure.data) == 1
    assert figure.layout.yaxis.showticklabels is False


def test_a_picture_lies_under_the_colours_of_all_classes_but_the_background():
    """Half of the colour on half of the picture: (200 + 255) / 2, 200 / 2, 200 / 2."""
    image = np.full((40, 60, 3), 200, dtype=np.uint8)
    mask = np.zeros((40, 60), dtype=np.uint8)
    mask[:, 30:] = 1
    figure = segmentation.mask_figure(image, mask, CLASSES, COLORS)
    (picture,) = figure.layout.images
    pixels = decoded(picture.source).astype(int)
    assert pixels.shape == image.shape
    assert np.abs(pixels[:, :24] - 200).max() <= 4  # as exact as a JPEG is, away from the edge
    assert np.abs(pixels[:, 36:] - [228, 100, 100]).max() <= 4
    assert (picture.x, picture.y, picture.sizex, picture.sizey) == (-0.5, -0.5, 60, 40)
    plain = segmentation.mask_figure(image, mask, CLASSES, COLORS, opacity=0).layout.images[0].source
    assert np.abs(decoded(plain).astype(int) - 200).max() <= 2


@pytest.mark.parametrize("shape", [(40, 60), (3001, 1203), (999, 1000), (1, 700), (500, 2)])
def test_what_the_pointer_is_told_is_the_class_of_the_pixel_it_is_told(shape):
    """Every cell names the class at the pixel whose place stands beside it; cells cover the whole picture."""
    mask = np.random.default_rng(0).integers(0, 3, shape).astype(np.uint8)
    image = np.zeros((*shape, 3), dtype=np.uint8)
    (cells,) = segmentation.mask_figure(image, mask, tuple("abc"), COLORS).data
    rows, cols = cells.z.shape
    assert (rows * cells.dy, cols * cells.dx) == pytest.approx(shape)
    # Halves round up, as in the figure: the pixel at 2.5 is 3.
    ys = np.floor(cells.y0 + cells.dy * np.arange(rows) + 0.5 + 1e-9).astype(int)
    xs = np.floor(cells.x0 + cells.dx * np.arange(cols) + 0.5 + 1e-9).astype(int)
    np.testing.assert_array_equal(np.array(list("abc"))[mask[np.ix_(ys, xs)]], cells.text)
    np.testing.assert_array_equal(mask[np.ix_(ys, xs)], cells.z)


def test_large_pictures_are_shown_smaller_and_make_no_large_figure(portrait):
    image = cv2.resize(portrait, (3000, 2000), interpolation=cv2.INTER_CUBIC)
    figure = segmentation.mask_figure(image, np.ones((2000, 3000), dtype=np.uint8), CLASSES, COLORS)
    assert decoded(figure.layout.images[0].source).shape == (667, 1000, 3)
    assert figure.layout.images[0].sizex == 3000
    assert len(figure.to_json()) < 3e6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": np.zeros((4, 5), dtype=np.uint8)}, r"Received: shapes \(4, 5\) and \(4, 6, 3\)"),
        ({"mask": np.full((4, 6), 3, dtype=np.uint8)}, r"integers in \[0, 3\). Received: uint8 from 3 to 3"),
        ({"mask": np.zeros((4, 6))}, "Received: float64"),
        ({"colors": COLORS[:2]}, "Received: 3 classes, 2 colours"),
        ({"opacity": 1.5}, "opacity=1.5"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    fitting = {"image": np.zeros((4, 6, 3), dtype=np.uint8), "mask": np.zeros((4, 6), dtype=np.uint8)}
    with pytest.raises(ValueError, match=message):
        segmentation.mask_figure(**fitting | {"classes": CLASSES, "colors": COLORS} | changes)


def test_bars_need_a_colour_for_every_class(result):
    with pytest.raises(ValueError, match="Received: 3 classes, 1 colours"):
        segmentation.iou_bars(result, COLORS[:1])


def test_curves_have_the_mean_iou_where_it_was_measured():
    history = [{"loss": 1.0, "val_loss": 1.2, "val_accuracy": 0.5}, {"loss": 0.5, "val_loss": 0.8, "val_accuracy": 0.6}]
    assert len(segmentation.segmentation_curves(history).data) == 3
    figure = segmentation.segmentation_curves([row | {"val_mean_iou": 0.25} for row in history])
    assert list(figure.data[-1].y) == [0.25, 0.25]
    assert figure.data[-1].yaxis == "y2"
    with pytest.raises(ValueError, match="at least one epoch"):
        segmentation.segmentation_curves([])


@pytest.mark.slow
@pytest.mark.browser
def test_the_pointer_finds_the_class_in_a_browser(page, tmp_path):
    """The right half of a picture of 400 x 200 is hair."""
    mask = np.zeros((200, 400), dtype=np.uint8)
    mask[:, 200:] = 2
    figure = segmentation.mask_figure(np.zeros((200, 400, 3), dtype=np.uint8), mask, CLASSES, COLORS)
    file = tmp_path / "figure.html"
    figure.write_html(file, include_plotlyjs=True)
    page.goto(file.as_uri())
    box = page.locator(".nsewdrag").bounding_box()
    for part, expected in ((0.75, "hair"), (0.25, "background")):
        page.mouse.move(box["x"] + part * box["width"], box["y"] + box["height"] / 2)
        hover = page.locator(".hovertext")
        hover.filter(has_text=expected).wait_for()
        x, y = re.fullmatch(rf"{expected}x (\d+), y (\d+)", hover.text_content()).groups()
        assert (int(x), int(y)) == pytest.approx((part * 400, 100), abs=3)
