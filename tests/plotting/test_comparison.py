import numpy as np
import pytest

from kerasface.evaluation.verification import roc
from kerasface.plotting.comparison import compared_det_curves

SAME = np.repeat([True, False], 4)
WORSE = roc([0.9, 0.8, 0.7, 0.4, 0.6, 0.3, 0.2, 0.1], SAME)
BETTER = roc([0.9, 0.8, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1], SAME)


def test_each_model_has_a_line_of_its_own_and_the_rate_is_marked():
    figure = compared_det_curves({"A <b>": WORSE, "B": BETTER}, 0.25)
    first, second = figure.data
    assert first.name == "A &lt;b&gt;"
    assert (first.line.color, first.line.dash) != (second.line.color, second.line.dash)
    # Of four pairs of each kind one is on the wrong side in the first, none in the second.
    assert first.customdata[:, :2].tolist() == [[0, 1], [0, 0.25], [0.25, 0.25], [0.25, 0], [1, 0]]
    assert second.customdata[:, :2].tolist() == [[0, 1], [0, 0], [1, 0]]
    assert figure.layout.shapes[0].x0 == 0.25


def test_none_at_all_stands_at_the_end_of_its_axis():
    figure = compared_det_curves({"A": WORSE, "B": BETTER})
    assert min(min(line.x) for line in figure.data) == pytest.approx(0.125)
    assert 10 ** figure.layout.xaxis.range[0] == pytest.approx(0.125)
    assert figure.layout.yaxis.ticktext[0] == "none"
    assert not figure.layout.shapes


@pytest.mark.parametrize("count", [0, 5])
def test_so_many_lines_cannot_be_told_apart(count):
    with pytest.raises(ValueError, match=f"Received: {count} curves"):
        compared_det_curves({str(place): WORSE for place in range(count)})
