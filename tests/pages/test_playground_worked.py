"""Topics of the playground that work something out: the lectures' numbers on the page, and what buttons do."""

import numpy as np
import pytest

from pages.parts.playground.experiments import depth as depth_topic
from tests.pages.test_playground import MINUS, go_to, grids, metric, open_topic  # noqa: F401


def written(page):
    return "\n".join(text.value for text in page.markdown)


def test_the_four_pixels_of_the_lectures(open_topic):  # noqa: F811
    page = open_topic("linear-classifier")
    assert f"= **{MINUS}96.8**" in written(page)
    assert "= **437.9**" in written(page)
    assert "= **60.75**" in written(page)
    assert "dog" in page.success[0].value
    assert any("61.95" in caption.value for caption in page.caption)
    page.slider(key="pixel_1").set_value(0).run()  # the dog's ink is gone: 84 + 50.4 + 3.2 is still the most
    assert "= **137.6**" in written(page)
    page.button[-1].click().run()
    assert not page.exception
    assert float(metric(page, "On their own side").split()[0]) > 95


def test_the_transposed_convolution_of_the_lecture(open_topic):  # noqa: F811
    page = open_topic("transposed-convolution")
    (drawn,) = [grid for grid in grids(page) if len(grid) == 16]
    assert drawn[8:] == ["15", "22", "15", "35", "4", "22", "11", "5"]
    assert "23, 24 and 12" in page.info[0].value
    page.slider(key="transposed_padding").set_value(2).run()
    assert "Take at most 1" in page.error[0].value.replace("\\", "")
    page.slider(key="transposed_padding").set_value(1).run()
    assert not page.error


def test_a_kernel_of_one_by_one(open_topic):  # noqa: F811
    page = open_topic("one-by-one")
    assert grids(page)[-1] == ["6", "0", "2", "2", "10", "16", "4", "14", "4"]


def test_a_stride_that_does_not_fit_is_helped_on(open_topic):  # noqa: F811
    page = open_topic("channels")
    page.slider(key="channels_stride").set_value(3).run()
    assert "= 1.67 places" in page.warning[0].value
    assert "stride 2 with padding 0" in page.warning[0].value
    page.slider(key="channels_stride").set_value(2).run()
    assert not page.warning
    assert not page.exception


def test_steps_lower_the_loss_and_reset_begins_anew(open_topic):  # noqa: F811
    page = open_topic("backpropagation")

    def loss():
        (line,) = [text.value for text in page.markdown if text.value.startswith("Step ")]
        return float(line.rpartition("**")[0].rpartition("**")[2].rstrip("."))

    losses = [loss()]
    for _ in range(3):
        page.button(key="network_step").click().run()
        losses.append(loss())
    assert (np.diff(losses) < 0).all()
    page.button(key="network_reset").click().run()
    assert loss() == losses[0]
    page.selectbox(key="network_activation").set_value("ReLU").run()
    assert not page.exception


@pytest.mark.slow
def test_triplets_are_pulled_step_by_step(open_topic):  # noqa: F811
    page = open_topic("triplets")
    first = float(metric(page, "Loss"))
    for _ in range(3):
        page.button(key="triplet_step").click().run()
    assert metric(page, "Step") == "3"
    assert float(metric(page, "Loss")) < first
    page.slider(key="triplet_each").set_value(1).run()
    assert "take at least 2" in page.warning[0].value
    page.slider(key="triplet_each").set_value(2).run()
    page.button(key="triplet_run").click().run()  # without a browser each run is a slice
    assert int(metric(page, "Step")) > 0
    assert not page.exception


def test_semi_hard_mining_says_which_triplets_it_leaves(open_topic):  # noqa: F811
    page = open_topic("triplets")
    page.slider(key="triplet_each").set_value(2).run()
    page.slider(key="triplet_margin").set_value(0.1).run()
    page.button_group(key="mining").set_value("semi-hard").run()
    for _ in range(2):
        page.button(key="triplet_step").click().run()
    assert metric(page, "Triplets that pull").startswith("0 of")
    assert "9 of all still do" in page.info[0].value  # as all triplets of these points have it
    assert not page.success


def test_a_rate_that_is_too_large_is_said(open_topic, tables):  # noqa: F811
    page = open_topic("gradient-descent")
    page.select_slider(key="descent_rate").set_value(0.25).run()
    (sgd, _) = tables(page)[0]
    assert sgd["at this rate"].startswith("diverges")
    page.button_group(key="descent_optimizers").set_value([]).run()
    assert "Choose an optimizer" in page.info[0].value


@pytest.mark.slow
def test_depths_are_trained_when_asked_for(open_topic, tables, monkeypatch):  # noqa: F811
    monkeypatch.setattr(depth_topic, "DEPTHS", (2, 3))
    page = open_topic("depth")
    assert not tables(page)
    (begin,) = [button for button in page.button if button.label == "Train these 8 networks"]
    begin.click().run()
    rows = tables(page)[0]
    assert [row["network"] for row in rows] == list(depth_topic.KINDS)
    assert float(rows[-1]["3 layers"].split()[0]) > 80
    page.button_group(key="depth_kinds").set_value([]).run()
    assert "Choose at least one" in page.info[0].value


@pytest.mark.parametrize(("count", "named"), [(0, "100.0 %"), (300, None)])
def test_strangers_tighten_the_boundary(open_topic, count, named):  # noqa: F811
    page = open_topic("open-set")
    page.select_slider(key="open_strangers").set_value(count).run()
    passed = metric(page, "Other strangers who get a name")
    assert passed == named if named else float(passed.split()[0]) < 12


def test_a_turned_kernel_changes_the_signs_of_edges(open_topic):  # noqa: F811
    page = open_topic("convolution")
    before = grids(page)[1]
    page.toggle(key="flip").set_value(True).run()
    after = grids(page)[1]
    assert [text.replace(MINUS, "-") for text in after] == [
        f"{-float(text.replace(MINUS, '-')) + 0.0:.3g}" for text in before
    ]


def edit(page, key, row, column, value):
    """As a user edits a cell of a grid."""
    page.session_state[key] = {"edited_rows": {row: {column: value}}, "added_rows": [], "deleted_rows": []}
    return page.run()


def test_an_edited_number_is_followed_and_kept_and_an_empty_cell_is_a_sentence(open_topic):  # noqa: F811
    page = open_topic("unpooling")
    edit(page, "unpooling_picture", 0, "1", 7.0)

    def largest():
        return grids(page)[0]

    assert largest() == ["9", "2", "6", "3"]
    edit(page, "unpooling_picture", 1, "2", 0.0)  # the 9 is gone
    assert largest() == ["3", "2", "6", "3"]
    go_to(page, "softmax")
    go_to(page, "unpooling")
    assert largest() == ["3", "2", "6", "3"]
    edit(page, "unpooling_picture", 0, "1", None)
    assert not page.exception
    assert "Fill it in" in page.error[0].value
