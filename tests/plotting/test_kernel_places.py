import numpy as np
import pytest

from kerasface.plotting.kernel_places import MAX_PIXELS, places_figure

PLACES = np.array([[2, 2, 0, 0, 3], [0, 0, 2, 2, 3]])


def test_every_pixel_of_every_place_is_drawn_from_the_first_place_on_top():
    figure = places_figure(PLACES)
    heatmap = figure.data[0]
    np.testing.assert_array_equal(np.asarray(heatmap.z), PLACES)
    assert heatmap.text[0].tolist() == ["under the kernel"] * 2 + ["pixel"] * 2 + ["left out"]
    assert figure.layout.yaxis.autorange == "reversed"
    assert [trace.name for trace in figure.data[1:]] == ["pixel", "under the kernel", "left out"]


def test_the_colour_of_a_code_is_that_of_its_legend():
    """Of a scale from -0.5 to 3.5 each code has the quarter around it."""
    heatmap, *legend = places_figure(PLACES).data
    colors = {trace.name: trace.marker.color for trace in legend}
    for code, name in ((0, "pixel"), (2, "under the kernel"), (3, "left out")):
        middle = (code - heatmap.zmin) / (heatmap.zmax - heatmap.zmin)
        (below,) = [color for edge, color in heatmap.colorscale if edge == middle - 1 / 8 and color == colors[name]]
        assert (middle + 1 / 8, below) in heatmap.colorscale


@pytest.mark.parametrize("shape", [(0, 4), (2, MAX_PIXELS + 1)])
def test_what_cannot_be_drawn_is_refused(shape):
    with pytest.raises(ValueError, match=r"1 to \d+ pixels. Received: \(\d, \d+\)"):
        places_figure(np.zeros(shape, dtype=int))
