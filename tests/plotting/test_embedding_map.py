"""Maps as figures: who has a colour, and where."""

import numpy as np
import pytest

from kerasface.plotting.embedding_map import map_figure


def positions(count):
    return np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)


def drawn_rows(figure):
    """Indices of the points of each trace, by its legend."""
    return {trace.name: [entry[0] for entry in trace.customdata] for trace in figure.data}


def test_every_point_is_drawn_once_with_its_index_name_and_file():
    labels = ["Ada", "Emmy", "Ada", "Emmy", "Ada"]
    places = positions(5)
    figure = map_figure(places, labels, files=[f"{number}.jpg" for number in range(5)])
    assert drawn_rows(figure) == {"Ada (3)": [0, 2, 4], "Emmy (2)": [1, 3]}
    np.testing.assert_array_equal(np.asarray(figure.data[1].x), places[[1, 3], 0])
    np.testing.assert_array_equal(np.asarray(figure.data[1].y), places[[1, 3], 1])
    assert tuple(figure.data[1].customdata[1]) == (3, "<b>Emmy</b>", "3.jpg")
    assert "customdata[2]" in figure.data[0].hovertemplate
    assert "customdata[2]" not in map_figure(places, labels).data[0].hovertemplate
    assert figure.layout.yaxis.scaleanchor == "x"  # a distance is as long in both directions


def test_the_most_frequent_have_colours_and_the_others_are_grey_below():
    """20 names with 21, 20, ... 2 pictures, and one with one: 18 have a colour."""
    labels = [f"name {number:02d}" for number in range(20) for _ in range(21 - number)] + ["once"]
    figure = map_figure(positions(len(labels)), labels)
    grey, *named = figure.data
    assert grey.name == "3 other names"
    assert len(grey.x) == 3 + 2 + 1
    assert [trace.name for trace in named] == [f"name {number:02d} ({21 - number})" for number in range(18)]
    assert len({(trace.marker.color, trace.marker.symbol) for trace in named}) == 18
    assert grey.marker.color not in {trace.marker.color for trace in named}


def test_of_many_names_those_with_one_picture_are_grey():
    labels = [f"name {number}" for number in range(30)] + ["Ada", "Ada"]
    assert [trace.name for trace in map_figure(positions(32), labels).data] == ["30 other names", "Ada (2)"]


def test_marked_points_have_a_ring_and_keep_their_place():
    places = positions(6)
    figure = map_figure(places, ["Ada"] * 6, marked=[4, 1])
    ring = figure.data[-1]
    assert [entry[0] for entry in ring.customdata] == [4, 1]
    np.testing.assert_array_equal(np.asarray(ring.x), places[[4, 1], 0])
    assert ring.marker.symbol == "circle-open"
    assert len(map_figure(places, ["Ada"] * 6).data) == 1


@pytest.mark.parametrize(("count", "kind"), [(5000, "scatter"), (5001, "scattergl")])
def test_many_points_are_drawn_by_webgl(count, kind):
    assert {trace.type for trace in map_figure(positions(count), ["Ada"] * count, marked=[0]).data} == {kind}


def test_axes_are_shown_where_they_mean_something():
    figure = map_figure(positions(2), ["Ada", "Emmy"], axes=("20 %", "10 %"))
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("20 %", "10 %")
    assert figure.layout.xaxis.visible
    assert not map_figure(positions(2), ["Ada", "Emmy"]).layout.xaxis.visible


@pytest.mark.parametrize(
    ("places", "options", "message"),
    [
        (positions(0), {}, r"\(0, 2\)"),
        (positions(3), {}, r"\(3, 2\)"),
        (np.zeros((2, 3)), {}, r"\(2, 3\)"),
        (positions(2), {"files": ["a"]}, r"\[2, 1\]"),
        (positions(2), {"marked": [2]}, r"marked=\[2\] of 2"),
        (positions(2), {"marked": [-1]}, r"marked=\[-1\] of 2"),
    ],
)
def test_malformed_maps_are_refused(places, options, message):
    with pytest.raises(ValueError, match=message):
        map_figure(places, ["Ada", "Emmy"][: max(len(places), 2)], **options)
