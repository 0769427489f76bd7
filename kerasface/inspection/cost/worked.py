"""Where the numbers of a table of layers come from: weights and multiply-adds as sums and products of shapes."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from kerasface.inspection.cost.arithmetic import LayerRecord
from kerasface.inspection.stitching import leaves

_FLOOR = re.compile(r"floor\(\((.+?)\) / (\d+)\)")


@dataclass(frozen=True)
class Worked:
    """How the numbers of one layer come about; empty where that is no simple product.

    Attributes:
        parameters: Such as `5·5·3·10 + 10 = 760`: the sizes of each of its weights multiplied, and added up.
        multiply_adds: Such as `32·32 places · 5·5·3·10 = 768,000`: the kernel once at every place of the output, of
            every view that the model makes of its image.
    """

    parameters: str = ""
    multiply_adds: str = ""


def worked_sums(model: keras.Model, records: Sequence[LayerRecord]) -> dict[str, Worked]:
    """Spells out weights and multiply-adds of the layers of a model.

    A sum is given only where it comes to the record's own number: not for weights that an earlier layer counted, nor
    for layers whose multiply-adds are more than one product.

    Args:
        model: The one that was listed.
        records: From `arithmetic.layer_table`.

    Returns:
        For each record, by its name, what is known.
    """
    operations = leaves(model)
    return {record.name: _worked(operations.get(record.name.partition("#")[0]), record) for record in records}


def latex(formula: str) -> str:
    """Turns the formula of a `LayerRecord` into LaTeX, one line per axis where rows and columns differ."""
    text = _FLOOR.sub(r"\\left\\lfloor \\frac{\1}{\2} \\right\\rfloor", formula).replace("*", r" \cdot ")
    axes = re.fullmatch(r"rows (.+), columns (.+)", text)
    if axes is None:
        return text
    rows, columns = axes.groups()
    return rf"\begin{{aligned}} \text{{rows: }} & {rows} \\ \text{{columns: }} & {columns} \end{{aligned}}"


def _worked(operation: keras.Operation | None, record: LayerRecord) -> Worked:
    shapes = [tuple(weight.shape) for weight in getattr(operation, "weights", ())]
    parameters = multiply_adds = ""
    if shapes and sum(map(math.prod, shapes)) == record.parameters:
        parameters = f"{' + '.join(map(_times, shapes))} = {record.parameters:,}"
    kernels = [shape for shape in shapes if len(shape) > 1]
    if record.multiply_adds and len(kernels) == 1:
        places = record.output_shape[:-1]
        views, rest = divmod(record.multiply_adds, math.prod(places) * math.prod(kernels[0]))
        if views and not rest:
            factors = [f"{views} views"] * (views > 1) + [f"{_times(places)} places"] * bool(places)
            multiply_adds = f"{' · '.join([*factors, _times(kernels[0])])} = {record.multiply_adds:,}"
    return Worked(parameters, multiply_adds)


def _times(shape: tuple[int, ...]) -> str:
    return "·".join(map(str, shape))
