"""The report of a segmentation: what stands in it, escaped, and bounded in size."""

import base64
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from kerasface.evaluation.segmentation import SegmentationCounts
from kerasface.tasks.measuring.masks import MaskRates, WorstMask
from kerasface.train.segmentation.report import JudgedSet, write_segment_report

CLASSES = ("background", "skin", "beard & brows")
COLORS = ((128, 128, 128), (255, 0, 0), (0, 0, 255))
TRUE = np.array([[0, 0, 0, 0, 0, 0, 1, 1]], dtype=np.uint8)
PREDICTED = np.array([[0, 0, 0, 0, 1, 1, 1, 1]], dtype=np.uint8)
EVIL = "<script>alert(1)</script>"
HISTORY = [
    {
        "stage": "decoder",
        "epoch": epoch,
        "loss": 1 / epoch,
        "accuracy": 0.5,
        "val_loss": 1.1 / epoch,
        "val_accuracy": 0.5,
        "val_mean_iou": iou,
        "learning_rate": 0.001,
        "images_per_second": 10.0 * epoch,
    }
    for epoch, iou in ((1, 0.5), (2, 0.75), (3, 0.625))
]


def measured(*pairs):
    counts = SegmentationCounts(CLASSES)
    for true, predicted in pairs:
        counts.add(true, predicted)
    return counts.result(bootstrap=20)


def worst_mask(height=40, width=60, **changes):
    """A grey picture that should be skin and is background."""
    fields = {
        "file": "images/7.jpg",
        "image": np.full((height, width, 3), 90, dtype=np.uint8),
        "true": np.ones((height, width), dtype=np.uint8),
        "predicted": np.zeros((height, width), dtype=np.uint8),
        "mean_iou": 0.125,
    }
    return WorstMask(**fields | changes)


def written(
    title="parts", result=None, before=None, history=(), worst=(), facts=None, notes=(), colors=COLORS, others=()
):
    """The report without plotly.js, which holds any text, and without no-break spaces."""
    result = result or measured((TRUE, PREDICTED))
    judged = JudgedSet("parts", MaskRates(result, colors, tuple(worst), ()))
    report = write_segment_report(title, [judged, *others], before, history, facts or {}, notes)
    assert report.startswith("<!doctype html>")
    head, body = report.split("<body>")
    assert head.count("<script>") == 1
    return body.replace("\N{NO-BREAK SPACE}", " ")


def cells(body, first):
    """The numbers of the table row that starts with `first`."""
    return re.findall(r">([^<]+)</td>", re.search(rf"<tr><td>{first}</td>(.*?)</tr>", body)[1])


def pictures(body):
    """The pictures of the report, RGB."""
    sources = re.findall(r"<img src='data:image/\w+;base64,([^']+)'", body)
    contents = [np.frombuffer(base64.b64decode(source), dtype=np.uint8) for source in sources]
    return [cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1] for content in contents]


def test_rates_per_class_stand_in_a_table():
    """Of 6 background pixels 4 are right, 2 are taken for skin; 2 of 8 pixels are skin.

    The true outline runs between the pixels 5 and 6, the predicted one between 3 and 4: none within the tolerance.
    """
    body = written()
    assert cells(body, "background") == ["66.7 %", "80.0 %", "0.0 %", "75.00 %"]
    assert cells(body, "skin") == ["50.0 %", "66.7 %", "0.0 %", "25.00 %"]
    assert cells(body, "beard &amp; brows") == ["-", "-", "-", "0.00 %"]
    assert "<b>58.33 %</b>mean IoU" in body
    assert "<b>75.00 %</b>pixel accuracy" in body
    assert "background taken for skin: 100.0 % of all wrong pixels" in body
    assert "skin taken for background" not in body
    for file in ("recipe.toml", "history.csv", "metrics.json"):
        assert f"href='{file}'" in body


def test_intervals_stand_there_unless_there_is_one_picture():
    assert "One picture alone" in written()
    pair = TRUE, PREDICTED
    assert "the mean IoU lies from 58.3 % to 58.3 %" in written(result=measured(pair, pair))


def test_before_and_after_are_compared():
    body = written(before=measured((TRUE, np.zeros_like(TRUE))))
    section = body.split("Before and after fine-tuning")[1]
    # Background alone: IoU 6 / 8 and nothing of skin, mean 3 / 8; accuracy 6 / 8 as well.
    assert cells(section, "background") == ["75.0 %", "66.7 %", "-8.3"]
    assert cells(section, "skin") == ["0.0 %", "50.0 %", "+50.0"]
    assert cells(section, "beard &amp; brows") == ["-", "-", "-"]
    assert cells(section, "mean") == ["37.5 %", "58.3 %", "+20.8"]
    assert cells(section, "pixel accuracy") == ["75.0 %", "75.0 %", "+0.0"]
    assert "Before and after" not in written()
    with pytest.raises(ValueError, match="Leave `before` out"):
        written(before=replace(measured((TRUE, TRUE)), classes=("a", "b", "c")))


def test_worst_masks_are_triples_in_the_colours_of_the_legend():
    body = written(worst=[worst_mask()])
    picture, true, predicted = pictures(body)
    assert picture.shape == (40, 60, 3)
    assert np.abs(picture.astype(int) - 90).max() <= 2
    np.testing.assert_array_equal(true, np.broadcast_to([255, 0, 0], (40, 60, 3)))
    np.testing.assert_array_equal(predicted, np.broadcast_to([128, 128, 128], (40, 60, 3)))
    assert "images/7.jpg <small>mean IoU 12.5 %" in body
    assert "background:#ff0000" in body
    assert "None are shown." in written()


def test_pictures_are_few_and_small():
    body = written(worst=[worst_mask(1000, 600, file=f"{index}.jpg") for index in range(40)])
    assert [picture.shape for picture in pictures(body)] == [(220, 132, 3)] * 36
    assert "12 of the 40 masks" in body
    assert "11.jpg" in body
    assert "12.jpg" not in body
    assert len(body) < 1e6


def test_training_is_summed_up_by_stage():
    history = [*HISTORY, HISTORY[0] | {"stage": "fine_tune", "val_mean_iou": 0.8}]
    body = written(history=history)
    # Best of three by mean IoU: epoch 2, at 1.1 / 2; median of 10, 20 and 30 images per second.
    assert cells(body, "decoder") == ["3", "2", "75.0 %", "0.550", "20.0"]
    assert cells(body, "fine_tune") == ["1", "1", "80.0 %", "1.100", "10.0"]
    assert "No step was trained." in written()


def test_a_model_without_mistakes_has_no_confusions():
    assert "every pixel got its class" in written(result=measured((TRUE, TRUE)))


def test_names_files_facts_and_notes_are_escaped():
    result = replace(measured((TRUE, PREDICTED)), classes=(EVIL, "skin", "hair"))
    for name in ("iou", "f1", "boundary_f1"):
        values = getattr(result, name).values()
        result = replace(result, **{name: dict(zip(result.classes, values, strict=True))})
    body = written(
        title=EVIL,
        result=result,
        worst=[worst_mask(file=f"{EVIL}/\udce9.jpg")],  # a Latin-1 name, as Python reads it
        facts={EVIL: EVIL, "pictures trained on": 1234},
        notes=[EVIL],
    )
    body.encode("utf-8")
    assert "<script>alert" not in body
    assert "&lt;script&gt;alert" in body
    assert "<b>1,234</b>pictures trained on" in body


@pytest.mark.parametrize(
    "changes",
    [
        {"true": np.ones((40, 61), dtype=np.uint8)},
        {"predicted": np.full((40, 60), 3, dtype=np.uint8)},
        {"true": np.full((40, 60), 255, dtype=np.uint8)},
    ],
)
def test_masks_without_a_colour_or_of_another_size_are_refused(changes):
    with pytest.raises(ValueError, match=r"images/7\.jpg"):
        written(worst=[worst_mask(**changes)])


def test_colours_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="3 classes, 2 colours"):
        written(colors=COLORS[:2])
