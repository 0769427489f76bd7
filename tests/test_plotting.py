import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasface import plotting
from kerasface.evaluation.classification import calibration, open_set, open_set_curve
from kerasface.plotting import ACCEPT, REJECT, score_scale, top_bars

scores = st.floats(-1, 1)


@settings(max_examples=30, deadline=None)  # building a figure takes about 20 ms
@given(score=scores, threshold=scores)
def test_scale_shows_score_and_threshold_and_ends_at_one(score, threshold):
    low, high = score_scale(score, threshold).layout.xaxis.range
    assert high == 1
    assert -1 <= low <= min(score, threshold)


@pytest.mark.parametrize(("score", "colour"), [(0.95, ACCEPT), (0.93, ACCEPT), (0.9299, REJECT)])
def test_marker_has_the_colour_of_its_side_and_the_threshold_itself_is_accepted(score, colour):
    assert score_scale(score, 0.93).data[0].marker.color == colour


@pytest.mark.parametrize("wrong", [1.5, -1.01, float("nan")])
def test_scale_refuses_what_is_no_cosine_similarity(wrong):
    with pytest.raises(ValueError, match="Received: score="):
        score_scale(wrong, 0.9)
    with pytest.raises(ValueError, match="Received: threshold="):
        score_scale(0.9, wrong)


def texts(figure):
    return [annotation.text for annotation in figure.layout.annotations]


def test_bars_keep_order_and_length():
    figure = top_bars([("Ada", 0.9), ("Grace", np.float32(0.0996)), ("Mary", 0.0004)])
    assert list(figure.data[1].x) == pytest.approx([0.9, 0.0996, 0.0004])
    assert texts(figure) == ["<b>Ada</b>", "90.0 %", "Grace", "10.0 %", "Mary", "< 0.1 %"]


def test_bars_never_claim_a_certainty_that_the_model_does_not():
    assert texts(top_bars([("Ada", 0.99996)]))[1] == "> 99.9 %"
    assert texts(top_bars([("Ada", 1.0)]))[1] == "100.0 %"


def test_a_label_cannot_bring_its_own_markup():
    assert (
        texts(top_bars([("<a href='x'>Ada</a> & co", 0.5)]))[0]
        == "<b>&lt;a href=&#x27;x&#x27;&gt;Ada&lt;/a&gt; &amp; co</b>"
    )


def test_a_name_that_would_run_into_its_percentage_is_cut():
    assert texts(top_bars([("A" * 32, 0.5), ("B" * 33, 0.3)]))[::2] == [f"<b>{'A' * 32}</b>", "B" * 31 + "…"]


def test_no_name_stands_out_where_the_answer_is_unknown():
    top = [("Ada", 0.5), ("Grace", 0.3), ("Mary", 0.2)]
    decided, undecided = top_bars(top), top_bars(top, decided=False)
    assert len(set(decided.data[1].marker.color)) == 2
    assert len(set(undecided.data[1].marker.color)) == 1
    assert texts(undecided)[0] == "Ada"


def test_bars_of_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one label"):
        top_bars([])


def test_curves_hold_the_history():
    history = [{"loss": 2.0, "val_loss": 2.5, "accuracy": 0.2}, {"loss": 1.0, "val_loss": 1.5, "accuracy": 0.6}]
    figure = plotting.training_curves(history)
    assert {trace.name: list(trace.y) for trace in figure.data} == {
        "training loss": [2.0, 1.0],
        "validation loss": [2.5, 1.5],
        "training accuracy": [0.2, 0.6],
    }
    assert texts(figure) == []
    with pytest.raises(ValueError, match="at least one epoch"):
        plotting.training_curves([])


def test_curves_mark_where_a_stage_ends():
    history = [{"stage": stage, "loss": 1.0} for stage in ("head", "head", "fine_tune")]
    figure = plotting.training_curves(history)
    assert texts(figure) == ["head", "fine-tune"]
    assert [shape.x0 for shape in figure.layout.shapes] == [2.5]
    assert list(plotting.training_curves(history[:1]).data[0].x) == [1]
    assert "markers" in plotting.training_curves(history[:1]).data[0].mode


def test_open_set_curve_shows_the_curve_and_the_bound_of_the_chosen_threshold():
    """Forty strangers, the threshold chosen on 20 of score 0; of the other 20, one has a score of 1."""
    unknown = np.zeros(40)
    unknown[1] = 1
    known, correct = np.array([2.0, 2.0, 0.5, 0.0]), np.array([True, False, True, True])
    chosen = open_set(known, correct, unknown, np.arange(40))
    figure = plotting.open_set_curve(open_set_curve(known, correct, unknown), chosen)
    accepted, named, point = figure.data
    # No stranger (above 1), one (above 0), all; none has a place on the logarithmic axis too.
    assert list(accepted.x) == pytest.approx([1 / 80, 1 / 40, 1])
    assert list(accepted.y) == [0.5, 0.75, 1.0]
    assert list(named.y) == [0.25, 0.5, 0.75]
    assert (point.x[0], point.y[0]) == (1 / 20, 0.5)
    assert point.x[0] + point.error_x.array[0] == pytest.approx(chosen.unknown_accepted_high)
    assert figure.layout.xaxis.ticktext == ("none", "10 %", "100 %")


def test_a_threshold_that_accepts_no_stranger_has_its_place():
    unknown, known = np.zeros(40), np.ones(3)
    chosen = open_set(known, known > 0, unknown, np.arange(40))
    figure = plotting.open_set_curve(open_set_curve(known, known > 0, unknown), chosen)
    left = 10 ** figure.layout.xaxis.range[0]
    assert figure.data[2].x[0] == pytest.approx(left)
    assert 0 < left < chosen.unknown_accepted_high


def test_class_balance_names_few_classes_and_counts_many():
    rows = [{"name": f"<b>{size}</b>", "num_train": size, "num_validation": 1} for size in range(2, 7)]
    few = plotting.class_balance(rows)
    assert [list(trace.y) for trace in few.data] == [[6, 5, 4, 3, 2], [1] * 5]
    assert few.data[0].x[0] == "&lt;b&gt;6&lt;/b&gt;"
    many = plotting.class_balance([*rows * 20, rows[0] | {"num_train": 17}])
    assert list(many.data[0].x) == ["1", "2", "3 to 4", "5 to 8", "9 to 16", "17 to 32"]
    assert list(many.data[0].y) == [0, 20, 40, 40, 0, 1]
    with pytest.raises(ValueError, match="at least one class"):
        plotting.class_balance([])


def test_a_search_shows_its_losses_and_the_suggestion_on_a_logarithmic_axis():
    rates, losses, smoothed = np.geomspace(1e-4, 1, 5), np.array([2.0, 1.8, 1.0, 1.2, 9.0]), np.linspace(2, 1, 5)
    figure = plotting.learning_rate_search(rates, losses, smoothed, 0.01)
    assert figure.layout.xaxis.type == "log"
    assert [list(trace.x) for trace in figure.data] == [list(rates), list(rates)]
    assert [list(trace.y) for trace in figure.data] == [list(losses), list(smoothed)]
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (0.01, 0.01)
    (label,) = figure.layout.annotations
    assert (label.x, label.text) == (pytest.approx(-2), "<b>suggested 0.01</b>")
    assert figure.layout.yaxis.range == pytest.approx((0.9, 2.1))  # of the smoothed losses, with a tenth of room
    with pytest.raises(ValueError, match="5 rates, 4 losses, 5 smoothed"):
        plotting.learning_rate_search(rates, losses[:4], smoothed, 0.01)


def test_reliability_diagram_and_confusions_show_the_records():
    probabilities, labels = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]]), np.array([0, 1, 1])
    result = calibration(probabilities, labels, num_bins=10)
    figure = plotting.reliability_diagram(result, result)
    assert list(figure.data[1].x) == pytest.approx([0.7, 0.8, 0.9])
    assert list(figure.data[1].y) == [0.0, 1.0, 1.0]
    heatmap = plotting.confusion_heatmap(np.array([[1, 0], [1, 1]]), ["<b>Ada</b>", "Emmy"])
    assert heatmap.data[0].z.tolist() == [[1, 0], [1, 1]]
    assert "<b>" not in "".join(heatmap.data[0].x + heatmap.layout.xaxis.ticktext)
    assert [list(row) for row in heatmap.data[0].text] == [[1, ""], [1, 1]]
