"""Reports of maps: what is under the pointer, and that nothing is left unescaped."""

import json
import re

import numpy as np

from kerasface.plotting.embedding_map import map_figure
from kerasface.reports.embedding_map import MAX_THUMBNAILS, embedding_map_document

EVIL = "<script>alert(1)</script>"
SUSPECT = {"index": 2, "label": "Ada", "suggested": "Emmy", "share": 0.8, "margin": 0.125, "neighbor": 3}


def positions(count):
    return np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)


def body(**changes):
    """A report without plotly.js, which holds any text."""
    labels = changes.pop("labels", ["Ada"] * 3 + ["Emmy"] * 3)
    figure = map_figure(positions(len(labels)), labels, **changes.pop("drawn", {}))
    report = embedding_map_document(
        changes.pop("title", "friends"), figure, description="By t-SNE.", labels=labels, **changes
    )
    return report.split("<body>")[1]


def test_suspects_are_shown_beside_what_they_look_like():
    pictures = {index: np.full((8, 8, 3), 20 * index, dtype=np.uint8) for index in (2, 3)}
    text = body(suspects=[SUSPECT], thumbnails=pictures)
    assert "named <b>Ada</b>" in text
    assert "looks like <b>Emmy</b><small>80\N{NO-BREAK SPACE}% of its neighbours, margin 0.125" in text
    assert text.count('src="data:image/jpeg') == 2
    assert "2 of 6 points show their picture" in text
    assert "named <b>Ada</b>" in body(suspects=[SUSPECT])  # without pictures too
    assert "None: no picture is surrounded" in body()


def test_the_picture_of_a_point_is_found_by_its_index():
    """The picture is decoded from what the script holds: one grey level."""
    import base64

    import cv2

    text = body(thumbnails={4: np.full((8, 8, 3), 200, dtype=np.uint8)})
    pictures = json.loads(re.search(r"const pictures = (\{.*?\}),", text).group(1))
    assert list(pictures) == ["4"]
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(pictures["4"]), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (8, 8, 3)
    assert abs(decoded.astype(int) - 200).max() <= 2


def test_the_size_of_a_report_is_bounded():
    count = MAX_THUMBNAILS + 20
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    suspects = [SUSPECT | {"index": index} for index in range(200)]
    text = body(labels=["Ada"] * count, suspects=suspects, thumbnails=dict.fromkeys(range(count), picture))
    assert len(json.loads(re.search(r"const pictures = (\{.*?\}),", text).group(1))) == MAX_THUMBNAILS
    assert f"{MAX_THUMBNAILS:,} of {count:,} points show their picture" in text
    assert "The first 60 of 200" in text
    assert text.count("class='pair'") == 60


def test_names_files_and_notes_are_escaped():
    text = body(
        title=EVIL,
        labels=[EVIL, "\udce9"],  # a Latin-1 name, as Python reads it
        drawn={"files": [EVIL, "\udce9.jpg"], "marked": [0]},
        suspects=[SUSPECT | {"index": 0, "label": EVIL, "suggested": EVIL, "neighbor": 1}],
        notes=[EVIL],
    )
    text.encode("utf-8")
    assert "alert(1)" in text
    assert EVIL not in text
