import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasface.plotting.decisions import score_scale, top_bars
from kerasface.plotting.style import ACCEPT, REJECT

scores = st.floats(-30, 60)


@settings(max_examples=30, deadline=None)  # building a figure takes about 20 ms
@given(score=scores, threshold=scores)
def test_scale_shows_score_threshold_and_what_strangers_reach(score, threshold):
    low, high = score_scale(score, threshold).layout.xaxis.range
    assert low < min(score, threshold)
    assert low <= 0
    assert high > max(score, threshold)


@pytest.mark.parametrize(("score", "color"), [(0.95, ACCEPT), (0.93, ACCEPT), (0.9299, REJECT)])
def test_marker_has_the_colour_of_its_side_and_the_threshold_itself_is_accepted(score, color):
    assert score_scale(score, 0.93).data[0].marker.color == color


@pytest.mark.parametrize("wrong", [float("inf"), float("nan")])
def test_scale_refuses_what_is_no_number(wrong):
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
