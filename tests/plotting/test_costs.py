import pytest

from kerasface.plotting.costs import layer_costs


def layer(name, parameters, multiply_adds, mebibytes):
    return {
        "name": name,
        "kind": "Conv2D",
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "activation_bytes": mebibytes * 2**20,
    }


def test_three_rows_of_bars_share_their_places():
    figure = layer_costs([layer("one", 5, 70, 1.5), layer("<b>", 6, None, 0.25)])
    assert {trace.name: list(trace.y) for trace in figure.data} == {
        "weights": [5, 6],
        "multiply-adds": [70, None],  # a gap: not known is not none
        "activations in MiB": [1.5, 0.25],
    }
    assert all(list(trace.x) == [1, 2] for trace in figure.data)
    assert figure.data[0].customdata[1] == "&lt;b&gt;<br>Conv2D"
    assert list(figure.layout.xaxis.ticktext) == ["one", "&lt;b&gt;"]
    domains = [figure.layout[axis].domain for axis in ("yaxis3", "yaxis2", "yaxis")]  # from below
    edges = [edge for domain in domains for edge in domain]
    assert edges == sorted(edges)
    assert min(edges) >= 0
    assert max(edges) <= 1
    assert [trace.yaxis for trace in figure.data] == ["y", "y2", "y3"]


def test_many_layers_are_numbered_and_none_are_refused():
    figure = layer_costs([layer(str(number), 1, 1, 1) for number in range(61)])
    assert figure.layout.xaxis.ticktext is None
    assert figure.layout.xaxis.title.text == "layer"
    with pytest.raises(ValueError, match="at least one layer"):
        layer_costs([])
