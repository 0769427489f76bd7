import numpy as np
import pytest

from kerasface.plotting.metric import distance_histograms, spread_curves


def test_histograms_hold_the_shares_of_each_kind():
    genuine, impostor = np.array([0.1, 0.1, 0.2, 0.3]), np.array([0.8, 0.9])
    figure = distance_histograms([("before", genuine, impostor), ("after", genuine / 2, impostor)])
    assert [trace.name for trace in figure.data] == ["genuine pairs", "impostor pairs"] * 2
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]
    for trace, values in zip(figure.data, [genuine, impostor, genuine / 2, impostor], strict=True):
        assert sum(trace.y) == pytest.approx(1)
        mean = np.dot(trace.x, trace.y)
        assert mean == pytest.approx(values.mean(), abs=trace.width)
    assert [annotation.text for annotation in figure.layout.annotations] == ["before", "after"]


@pytest.mark.parametrize("distances", [[], [("before", np.array([0.1]), np.array([]))]])
def test_histograms_need_pairs_of_both_kinds(distances):
    with pytest.raises(ValueError, match="genuine and impostor pairs"):
        distance_histograms(distances)


def test_spread_curves_hold_the_history():
    history = [
        {"impostor_distance": 0.5 - epoch / 10, "genuine_distance": 0.3, "active_triplets": epoch / 2}
        for epoch in range(2)
    ]
    figure = spread_curves(history)
    assert [list(trace.y) for trace in figure.data] == [[0.5, 0.4], [0.3, 0.3], [0.0, 0.5]]
    with pytest.raises(ValueError, match="at least one epoch"):
        spread_curves([])
