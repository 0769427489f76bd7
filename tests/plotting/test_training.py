import numpy as np
import pytest

from kerasface.plotting import training


def test_curves_hold_the_history():
    history = [{"loss": 2.0, "val_loss": 2.5, "accuracy": 0.2}, {"loss": 1.0, "val_loss": 1.5, "accuracy": 0.6}]
    figure = training.training_curves(history)
    assert {trace.name: list(trace.y) for trace in figure.data} == {
        "training loss": [2.0, 1.0],
        "validation loss": [2.5, 1.5],
        "training accuracy": [0.2, 0.6],
    }
    assert not figure.layout.annotations
    with pytest.raises(ValueError, match="at least one epoch"):
        training.training_curves([])


def test_curves_mark_where_a_stage_ends():
    history = [{"stage": stage, "loss": 1.0} for stage in ("head", "head", "fine_tune")]
    figure = training.training_curves(history)
    assert [annotation.text for annotation in figure.layout.annotations] == ["head", "fine-tune"]
    assert [shape.x0 for shape in figure.layout.shapes] == [2.5]
    assert list(training.training_curves(history[:1]).data[0].x) == [1]
    assert "markers" in training.training_curves(history[:1]).data[0].mode


def test_class_balance_names_few_classes_and_counts_many():
    rows = [{"name": f"<b>{size}</b>", "num_train": size, "num_validation": 1} for size in range(2, 7)]
    few = training.class_balance(rows)
    assert [list(trace.y) for trace in few.data] == [[6, 5, 4, 3, 2], [1] * 5]
    assert few.data[0].x[0] == "&lt;b&gt;6&lt;/b&gt;"
    many = training.class_balance([*rows * 20, rows[0] | {"num_train": 17}])
    assert list(many.data[0].x) == ["1", "2", "3 to 4", "5 to 8", "9 to 16", "17 to 32"]
    assert list(many.data[0].y) == [0, 20, 40, 40, 0, 1]
    with pytest.raises(ValueError, match="at least one class"):
        training.class_balance([])


def test_a_search_shows_its_losses_and_the_suggestion_on_a_logarithmic_axis():
    rates, losses, smoothed = np.geomspace(1e-4, 1, 5), np.array([2.0, 1.8, 1.0, 1.2, 9.0]), np.linspace(2, 1, 5)
    figure = training.learning_rate_search(rates, losses, smoothed, 0.01)
    assert figure.layout.xaxis.type == "log"
    assert [list(trace.x) for trace in figure.data] == [list(rates), list(rates)]
    assert [list(trace.y) for trace in figure.data] == [list(losses), list(smoothed)]
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (0.01, 0.01)
    (label,) = figure.layout.annotations
    assert (label.x, label.text) == (pytest.approx(-2), "<b>suggested 0.01</b>")
    assert figure.layout.yaxis.range == pytest.approx((0.9, 2.1))  # of the smoothed losses, with a tenth of room
    with pytest.raises(ValueError, match="5 rates, 4 losses, 5 smoothed"):
        training.learning_rate_search(rates, losses[:4], smoothed, 0.01)


def test_trainings_are_drawn_over_one_another():
    judged = [{"loss": 2.0, "val_loss": 2.5, "val_accuracy": 0.2}, {"loss": 1.0, "val_loss": 1.5, "val_accuracy": 0.6}]
    figure = training.compared_learning({"A <b>": judged, "B": [{"loss": 3.0}], "none": []})
    assert [(line.name, line.yaxis, list(line.y)) for line in figure.data] == [
        ("A &lt;b&gt;", "y", [2.5, 1.5]),
        ("A &lt;b&gt;", "y2", [0.2, 0.6]),
        ("B", "y", [3.0]),
    ]
    assert [line.showlegend for line in figure.data] == [True, False, True]
    looks = {(line.line.color, line.line.dash) for line in figure.data}
    assert len(looks) == 2
    many = training.compared_learning({str(number): judged for number in range(training.MOST_COMPARED)})
    assert len({(line.line.color, line.line.dash) for line in many.data}) == training.MOST_COMPARED


@pytest.mark.parametrize("histories", [{}, {"A": []}, {str(number): [{"loss": 1.0}] for number in range(9)}])
def test_nothing_and_too_much_are_not_drawn(histories):
    with pytest.raises(ValueError, match="One to 8 trainings"):
        training.compared_learning(histories)
