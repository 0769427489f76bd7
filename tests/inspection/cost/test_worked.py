"""Worked sums: each is the number of the table, spelt out; none is given where it would not be."""

import re

import keras
import pytest

from kerasface.inspection.cost.arithmetic import layer_table
from kerasface.inspection.cost.worked import Worked, latex, worked_sums
from kerasface.models.layers import AddMirrored


def sums_of(model):
    records = layer_table(model)
    return records, worked_sums(model, records)


def number(text):
    return int(text.rpartition(" = ")[2].replace(",", ""))


def evaluated(text):
    """The left side of a sum as Python has it."""
    return eval(re.sub(r"[^\d·+ ]", "", text.rpartition(" = ")[0]).replace("·", "*"))


@pytest.fixture
def model():
    """Ten 5x5 filters on 32x32x3 with two pixels of padding, as the slide has it; then what else there is."""
    inputs = keras.Input((32, 32, 3), name="image")
    x = keras.layers.Conv2D(10, 5, padding="same", name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.DepthwiseConv2D(3, name="depthwise")(x)
    inner = keras.Input((30, 30, 10))
    nested = keras.Model(inner, keras.layers.GlobalAveragePooling2D(name="pool")(inner), name="nested")
    dense = keras.layers.Dense(10, name="dense")
    return keras.Model(inputs, dense(dense(nested(x))))


def test_sums_of_the_slide(model):
    _, sums = sums_of(model)
    assert sums["conv"] == Worked("5·5·3·10 + 10 = 760", "32·32 places · 5·5·3·10 = 768,000")
    assert sums["norm"] == Worked("10 + 10 + 10 + 10 = 40")
    assert sums["depthwise"] == Worked("3·3·10·1 + 10 = 100", "30·30 places · 3·3·10·1 = 81,000")
    assert sums["dense"] == Worked("10·10 + 10 = 110", "10·10 = 100")
    assert sums["nested/pool"] == sums["image"] == Worked()


def test_weights_that_were_counted_before_are_not_worked_out_again(model):
    _, sums = sums_of(model)
    assert sums["dense#2"] == Worked("", "10·10 = 100")


def test_every_sum_comes_to_its_own_number(model):
    records, sums = sums_of(model)
    assert list(sums) == [record.name for record in records]
    for record in records:
        worked = sums[record.name]
        if worked.parameters:
            assert evaluated(worked.parameters) == number(worked.parameters) == record.parameters
        if worked.multiply_adds:
            text = worked.multiply_adds.replace(" places", "")
            assert evaluated(text.replace(" · ", "·")) == number(text) == record.multiply_adds


def test_views_count_as_often_as_they_are_computed():
    inputs = keras.Input((8, 8, 3))
    x = AddMirrored(name="mirrored")(inputs)
    _, sums = sums_of(keras.Model(inputs, keras.layers.Conv2D(4, 3, name="conv")(x)))
    assert sums["conv"].multiply_adds == f"2 views · 6·6 places · 3·3·3·4 = {2 * 36 * 108:,}"


def test_what_is_no_single_product_is_left_out():
    """Every input pixel of a transposed convolution is spread once; separable kernels are two."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2DTranspose(4, 2, strides=2, name="up")(inputs)
    _, sums = sums_of(keras.Model(inputs, keras.layers.SeparableConv2D(5, 3, name="separable")(x)))
    assert sums["up"] == Worked("2·2·4·3 + 4 = 52")
    assert sums["separable"] == Worked("3·3·4·1 + 1·1·4·5 + 5 = 61")


def test_formulas_become_latex():
    assert latex("floor((7 + 2 - 1*(3 - 1) - 1) / 2) + 1 = 4") == (
        r"\left\lfloor \frac{7 + 2 - 1 \cdot (3 - 1) - 1}{2} \right\rfloor + 1 = 4"
    )
    assert latex("(4 - 1)*2 + 1*(2 - 1) + 1 - 0 = 8") == r"(4 - 1) \cdot 2 + 1 \cdot (2 - 1) + 1 - 0 = 8"
    both = latex("rows floor((7 + 0 - 1*(1 - 1) - 1) / 1) + 1 = 7, columns floor((9 + 0 - 1*(3 - 1) - 1) / 1) + 1 = 7")
    assert both.count(r"\frac") == 2
    assert both.startswith(r"\begin{aligned} \text{rows: } & \left\lfloor \frac{7 + 0")
    assert r" = 7 \\ \text{columns: } & \left\lfloor \frac{9 + 0" in both
    assert both.endswith(r"= 7 \end{aligned}")
