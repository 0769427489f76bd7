import math

import pytest

from kerasface.plotting.tradeoff import cost_bubbles


def model(name, mebibytes=16.0, milliseconds=None, **changes):
    return {
        "name": name,
        "multiply_adds": 10**9,
        "parameters": 4 * 10**6,
        "mebibytes": mebibytes,
        "milliseconds": milliseconds,
    } | changes


def test_the_area_of_a_bubble_is_the_size_of_the_weights():
    (bubbles,) = cost_bubbles([model("a", 16.0), model("b", 64.0)]).data
    small, large = bubbles.marker.size
    assert (large / small) ** 2 == pytest.approx(4)


def test_weights_stand_upwards_until_all_are_timed():
    half = cost_bubbles([model("a", milliseconds=3.0), model("b")])
    assert half.data[0].y == (4 * 10**6,) * 2
    assert half.layout.yaxis.title.text == "weights"
    timed = cost_bubbles([model("a", milliseconds=3.0), model("b", milliseconds=30.0)])
    assert timed.data[0].y == (3.0, 30.0)
    assert "milliseconds" in timed.layout.yaxis.title.text
    low, high = timed.layout.yaxis.range  # powers of ten
    assert low < math.log10(3)
    assert high > math.log10(30)


def test_names_cannot_be_markup():
    assert cost_bubbles([model("<b>a</b>")]).data[0].text == ("&lt;b&gt;a&lt;/b&gt;",)


def test_no_model_is_refused():
    with pytest.raises(ValueError, match="at least one model"):
        cost_bubbles([])
