"""Each person's own rate is drawn at its place, and names are no markup."""

import numpy as np

from kerasface.plotting.people import own_rates_figure


def test_the_highest_rate_comes_first_and_none_stands_at_the_end_of_the_axis():
    figure = own_rates_figure(np.array([0.0, 0.05, 0.0004]), ["<Ann>", "Bob", "Cyd"], 0.001, of_whom="of pairs")
    (points,) = figure.data
    assert points.x.tolist() == [1, 2, 3]
    assert points.y.tolist() == [0.05, 0.0004, 0.0002]
    assert [name for name, _ in points.customdata] == ["Bob", "Cyd", "&lt;Ann&gt;"]
    assert [float(rate) for _, rate in points.customdata] == [0.05, 0.0004, 0]
    assert points.marker.symbol == ("diamond", "circle", "circle")  # over ten times 0.1 % is the first alone
    assert figure.layout.yaxis.ticktext[0] == "none"
    assert [note.text for note in figure.layout.annotations] == ["asked: 0.1 %", "10 times that: 1 %"]
    assert [note.y for note in figure.layout.annotations] == [-3, -2]


def test_thousands_of_people_are_thinned_out_and_both_ends_stay():
    rates = np.linspace(1e-6, 0.2, 9000)
    (points,) = own_rates_figure(rates, [str(n) for n in range(9000)], 0.001, of_whom="of pairs").data
    assert len(points.x) == 2000
    assert (points.x[0], points.x[-1]) == (1, 9000)
    assert (points.y[0], points.y[-1]) == (rates[-1], rates[0])


def test_nobody_is_taken_for_anybody():
    (points,) = own_rates_figure(np.zeros(3), ["a", "b", "c"], 0.001, of_whom="of pairs").data
    assert points.y.tolist() == [0.0005] * 3
