import math

import numpy as np
import pytest

from kerasface.plotting.basics import gap_curves, live_curves, pull_bars, share_bars, share_density
from kerasface.plotting.style import ACCEPT, REJECT


def test_shares_stand_below_their_bars():
    figure = share_bars([0.7054, 0.0351, 0.25949], ["one", "two", "<b>"], beside=[1, 0, 0])
    assert [list(trace.y) for trace in figure.data] == [[0.7054, 0.0351, 0.25949], [1, 0, 0]]
    expected = ["one<br><b>0.7054</b>", "two<br><b>0.0351</b>", "&lt;b&gt;<br><b>0.2595</b>"]
    assert list(figure.layout.xaxis.ticktext) == expected
    assert len(share_bars([1], ["one"]).data) == 1


def test_many_shares_are_told_under_the_pointer_alone():
    figure = share_bars([0.125] * 8, [str(number) for number in range(8)])
    assert list(figure.layout.xaxis.ticktext) == [str(number) for number in range(8)]
    assert figure.data[0].hovertemplate[3] == "3: 0.1250<extra></extra>"


def test_what_is_pulled_up_has_another_colour_than_what_is_pushed_down():
    figure = pull_bars([-0.3, 0.1, 0.2], ["a", "b", "c"])
    assert list(figure.data[0].marker.color) == [ACCEPT, REJECT, REJECT]
    assert list(figure.layout.xaxis.ticktext)[:2] == ["a<br><b>\N{MINUS SIGN}0.3000</b>", "b<br><b>+0.1000</b>"]
    low, high = pull_bars([-1e-9, 1e-9], ["a", "b"]).layout.yaxis.range
    assert -low == high > 0.05  # a gradient of nothing looks like nothing


def test_the_least_loss_is_marked():
    gaps = np.array([0.0, 1, 2, 3])
    figure = gap_curves(gaps, gaps**2, gaps, best=1.5)
    marked = figure.data[2]
    assert (marked.x[0], marked.y[0]) == (1.5, 2.5)  # between 1 and 4
    assert figure.layout.annotations[0].text == "<b>1.50</b>"
    assert [len(gap_curves(gaps, gaps, gaps, best=best).data) for best in (math.inf, 3.5)] == [2, 2]


def test_the_density_is_cut_where_it_has_no_bound():
    density = np.ones(100)
    density[0] = 1e9
    figure = share_density(np.linspace(0.005, 0.995, 100), density, 0.3)
    assert figure.layout.yaxis.range[1] < 10
    assert figure.layout.shapes[0].x0 == 0.3


def points(*steps):
    return [{"step": step, "loss": 1, "val_loss": 2, "accuracy": 0.5, "val_accuracy": 0.4} for step in steps]


def test_curves_and_the_steps_at_which_the_rate_changed():
    figure = live_curves(points(0, 50, 100), [(0, 0.1), (40, 0.3), (90, 1), (95, 3)])
    assert {trace.y[0] for trace in figure.data} == {1, 2, 0.5, 0.4}
    assert all(list(trace.x) == [0, 50, 100] for trace in figure.data)
    assert sorted(shape.x0 for shape in figure.layout.shapes) == [40, 90, 95]
    assert {note.x: note.text for note in figure.layout.annotations} == {95: "rate 3", 40: "rate 0.3"}


@pytest.mark.parametrize(
    "call",
    [
        lambda: share_bars([1], ["a", "b"]),
        lambda: share_bars([], []),
        lambda: pull_bars([1, 2], ["a"]),
        lambda: gap_curves(np.zeros(3), np.zeros(3), np.zeros(2), 1),
        lambda: share_density(np.zeros(3), np.zeros(2), 0.5),
        lambda: live_curves([], [(0, 0.1)]),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError, match="Received"):
        call()
