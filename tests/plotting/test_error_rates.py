import numpy as np
import pytest

from kerasface.evaluation.slices import evaluate_slices
from kerasface.evaluation.verification import TarAtFmr, roc
from kerasface.plotting import error_rates
from kerasface.plotting.style import ACCEPT, REJECT

# Of four genuine and four impostor pairs, one of each is on the wrong side of 0.5.
SCORES = np.array([0.9, 0.8, 0.7, 0.4, 0.6, 0.3, 0.2, 0.1])
SAME = np.repeat([True, False], 4)


def target(*, supported=True):
    return TarAtFmr(value=0.75, low=0.5, high=1.0, threshold=0.65, supported=supported)


def test_roc_shows_the_curve_and_the_targets_with_their_intervals():
    figure = error_rates.roc_curve(roc(SCORES, SAME), {"0.25": target(), "0.01": target(supported=False)})
    curve, points = figure.data
    # Three genuine pairs score above every impostor pair, the fourth above all but one.
    assert curve.customdata[:, :2].tolist() == [[0, 0], [0, 0.75], [0.25, 0.75], [0.25, 1], [1, 1]]
    assert list(points.x) == [0.25, 0.01]
    assert [points.error_y.array[0], points.error_y.arrayminus[0]] == [0.25, 0.25]
    assert points.marker.symbol == ("circle", "circle-open")
    assert "too few impostor pairs" in points.customdata[1][3]
    assert figure.layout.yaxis.range[0] <= 0.5


def test_none_at_all_has_its_place_on_a_logarithmic_axis():
    figure = error_rates.roc_curve(roc(SCORES, SAME), {"0.25": target()})
    left = 10 ** figure.layout.xaxis.range[0]
    assert figure.data[0].x[0] == pytest.approx(left)
    assert left == pytest.approx(0.25 / 2)
    assert figure.layout.xaxis.ticktext == ("none", "100 %")


def test_det_shows_both_errors_and_where_they_are_equal():
    figure = error_rates.det_curve(roc(SCORES, SAME), 0.25)
    _, curve, point = figure.data
    assert curve.customdata[:, :2].tolist() == [[0, 1], [0, 0.25], [0.25, 0.25], [0.25, 0], [1, 0]]
    assert min(curve.y) > 0
    assert (point.x[0], point.y[0]) == (0.25, 0.25)


def test_det_without_an_error_has_no_equal_error_on_its_axes():
    figure = error_rates.det_curve(roc([0.9, 0.8, 0.2, 0.1], [True, True, False, False]), 0.0)
    assert len(figure.data) == 2
    assert all(np.isfinite(trace.x).all() and min(trace.x) > 0 for trace in figure.data)


def test_histogram_counts_each_kind_and_marks_the_threshold():
    figure = error_rates.score_histogram(SCORES, SAME, 0.5, num_bins=8)
    impostor, genuine = figure.data
    assert (impostor.marker.color, genuine.marker.color) == (REJECT, ACCEPT)
    assert (sum(impostor.y), sum(genuine.y)) == pytest.approx((1, 1))
    assert (impostor.customdata[:, 0].sum(), genuine.customdata[:, 0].sum()) == (4, 4)
    below = genuine.customdata[:, 2] <= 0.5 + 1e-9
    assert genuine.customdata[below, 0].sum() == 1
    assert figure.layout.shapes[0].x0 == 0.5
    assert figure.layout.annotations[0].text == "<b>accepted from 0.500</b>"


def test_histogram_of_one_kind_is_drawn_and_of_nothing_refused():
    figure = error_rates.score_histogram(SCORES[:4], SAME[:4], 0.5)
    assert sum(figure.data[0].y) == 0
    with pytest.raises(ValueError, match="length 0"):
        error_rates.score_histogram([], [], 0.5)


def test_slices_show_both_rates_and_what_few_pairs_cannot_tell():
    sides = [20, 20, 60, 60, 20, 20, 60, np.nan]
    parts = evaluate_slices(SCORES, SAME, {"side": sides}, threshold=0.5)["side"]
    figure = error_rates.slices(parts, "side <in pixels>")
    refused, accepted = figure.data
    assert list(refused.x) == ["20", "60"]  # who was not measured is an impostor pair
    assert list(refused.y) == [0, 0.5]
    assert list(accepted.x) == ["20", "60", "not measured"]
    assert list(accepted.y) == [0.5, 0, 0]
    assert set(refused.marker.symbol) == {"circle-open"}  # two pairs each
    assert refused.y[1] + refused.error_y.array[1] == pytest.approx(parts[1].fnmr.high)
    assert figure.layout.xaxis.title.text == "side &lt;in pixels&gt;"
    with pytest.raises(ValueError, match="at least one"):
        error_rates.slices([], "side")


def test_intervals_of_few_pairs_do_not_flatten_the_others():
    generator = np.random.default_rng(0)
    same = np.arange(2000) % 2 == 0
    scores = np.where(same, 0.7, 0.3) + generator.normal(0, 0.08, 2000)
    values = np.where(np.arange(2000) < 6, np.nan, 1.0)
    parts = evaluate_slices(scores, same, {"yaw": values}, threshold=0.5)["yaw"]
    top = error_rates.slices(parts, "yaw").layout.yaxis.range[1]
    assert parts[0].fnmr.high < top < 2 * parts[0].fnmr.high < parts[1].fnmr.high


def test_many_lines_differ():
    figure = error_rates.cmc_curve({str(index): [0.9, 0.95] for index in range(12)})
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 12


def test_cmc_counts_ranks_from_one():
    figure = error_rates.cmc_curve({"826 people": [0.96, 0.97, 0.98]})
    assert list(figure.data[0].x) == [1, 2, 3]
    assert list(figure.data[0].y) == [0.96, 0.97, 0.98]
    assert figure.layout.yaxis.range[0] < 0.96
    with pytest.raises(ValueError, match="rank 1"):
        error_rates.cmc_curve({"none": []})


def test_fnir_against_fpir_keeps_the_rates_and_shows_none_at_the_ends():
    figure = error_rates.fnir_against_fpir({"50": ([0, 0.01, 1], [1, 0.1, 0]), "826": ([0, 0.02, 1], [1, 0.3, 0])})
    small, large = figure.data
    assert small.customdata.tolist() == [[0, 1], [0.01, 0.1], [1, 0]]
    assert list(small.x) == pytest.approx([0.005, 0.01, 1])
    assert list(small.y) == pytest.approx([1, 0.1, 0.05])
    assert large.line.color != small.line.color
    with pytest.raises(ValueError, match="as many FPIR as FNIR"):
        error_rates.fnir_against_fpir({"50": ([0.1], [])})
    with pytest.raises(ValueError, match="as many FPIR as FNIR"):
        error_rates.fnir_against_fpir({})
