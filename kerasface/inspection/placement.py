"""Where in the image the cells of a map look, and maps brought to the image's pixels accordingly.

Convolutions that do not pad move a map's cells away from where an even division of the image would put them: by ten
pixels of 150 in `face_resnet`, from an eye to its brow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import keras
import numpy as np
from keras import layers

from kerasface.inspection.cost.receptive_field import WINDOWED, window
from kerasface.inspection.stitching import output_shapes, run_through
from kerasface.models.layers import AddMirrored, AddZoomed, CropLike, MeanOfMirrored, MeanOfViews, PadToMultiple


@dataclass(frozen=True)
class Axis:
    """Where the cells along one side of a map are centred: cell `i` at `start + i * step`, in pixels of the image.

    Attributes:
        start: Centre of the first cell; pixel `i` has its centre at `i`.
        step: Pixels between neighbouring cells.
        cells: Number of cells.
    """

    start: float
    step: float
    cells: int

    @classmethod
    def even(cls, cells: int, size: int) -> "Axis":
        """Divides `size` pixels evenly among the cells."""
        return cls(size / cells / 2 - 0.5, size / cells, cells)

    def resized(self, cells: int) -> "Axis":
        """Divides what these cells cover evenly among others."""
        step = self.step * self.cells / cells
        return Axis(self.start + (step - self.step) / 2, step, cells)


@dataclass(frozen=True)
class Placement:
    """Where a layer's map looks.

    Attributes:
        rows: Its rows; `None` where the layer gives no map.
        cols: Its columns.
        views: The layers that appended views of the image to the batch and whose views are still apart, in forward
            order.
    """

    rows: Axis | None
    cols: Axis | None
    views: tuple[keras.layers.Layer, ...] = ()


def placements(model: keras.Model, image_size: tuple[int, int]) -> dict[str, Placement]:
    """Follows the cells of every map through a model.

    Args:
        model: Functional or sequential, with one image input.
        image_size: Height and width of the image.

    Returns:
        For each operation, by its path, where its map looks.
    """
    shapes = output_shapes(model, image_size)
    found = {}

    def place(path, operation, *args, **kwargs):
        inputs = [value for value in keras.tree.flatten((args, kwargs)) if isinstance(value, Placement)]
        found[path] = _placed(operation, inputs, shapes[path])
        count = len(keras.tree.flatten(operation.output))
        return found[path] if count == 1 else [found[path]] * count

    height, width = image_size
    run_through(model, Placement(Axis(0.0, 1.0, height), Axis(0.0, 1.0, width)), place)
    return found


def to_image(cells: np.ndarray, rows: Axis, cols: Axis, image_size: tuple[int, int]) -> np.ndarray:
    """Interpolates between the centres of a map's cells; beyond the outermost centres their values go on.

    Args:
        cells: `(rows, cols)`.
        rows: Where the rows are centred.
        cols: Where the columns are centred.
        image_size: Height and width of the image.

    Returns:
        `image_size` float32.
    """
    down, across = (_weights(axis, size) for axis, size in zip((rows, cols), image_size, strict=True))
    return (down @ cells @ across.T).astype(np.float32)


def merge_views(maps: np.ndarray, views: Sequence[keras.layers.Layer]) -> np.ndarray:
    """Averages maps over the views of an image, each brought back to where it came from.

    Args:
        maps: `(views, height, width)` in the order in which the layers make them.
        views: The layers that made the views, in forward order.

    Returns:
        `(height, width)`.
    """
    for layer in reversed(views):
        if isinstance(layer, AddMirrored):
            straight, mirrored = np.split(maps, 2)
            maps = (straight + mirrored[..., ::-1]) / 2
        else:
            straight, smaller, larger = np.split(maps, 3)
            unzoomed = [
                [_unzoomed(view, by) for view in part] for part, by in ((smaller, layer.border), (larger, -layer.cut))
            ]
            maps = (straight + unzoomed[0] + unzoomed[1]) / 3
    return maps[0]


def _placed(operation: keras.Operation, inputs: list[Placement], shape: tuple) -> Placement:
    views = max((placement.views for placement in inputs), key=len, default=())
    if isinstance(operation, (AddMirrored, AddZoomed)):
        views = (*views, operation)
    elif isinstance(operation, (MeanOfViews, MeanOfMirrored)):
        views = ()
    maps = [placement for placement in inputs if placement.rows is not None]
    if len(shape) != 4 or not maps:
        return Placement(None, None, views)
    # Where maps meet, smaller ones are stretched or padded to the size of the largest.
    fitting = [one for one in maps if (one.rows.cells, one.cols.cells) == tuple(shape[1:3])]
    one = (fitting or maps)[0]
    rows, cols = (_along(axis, operation, before, shape[1 + axis]) for axis, before in enumerate((one.rows, one.cols)))
    return Placement(rows, cols, views)


def _along(axis: int, operation: keras.Operation, before: Axis, cells: int) -> Axis:
    if isinstance(operation, WINDOWED):
        kernel, strides, dilation = (numbers[axis] for numbers in window(operation))
        span = dilation * (kernel - 1)
        padded = operation.padding == "same"
        # TensorFlow pads so that every window fits, the odd pixel at the end.
        added = max((cells - 1) * strides + span + 1 - before.cells, 0) // 2 if padded else 0
        return Axis(before.start + before.step * (span / 2 - added), before.step * strides, cells)
    if isinstance(operation, layers.ZeroPadding2D):
        return replace(before, start=before.start - before.step * operation.padding[axis][0], cells=cells)
    if isinstance(operation, layers.Cropping2D):
        return replace(before, start=before.start + before.step * operation.cropping[axis][0], cells=cells)
    if isinstance(operation, (PadToMultiple, CropLike)):
        return replace(before, cells=cells)
    return before if before.cells == cells else before.resized(cells)


def _weights(axis: Axis, size: int) -> np.ndarray:
    """How much each cell counts at each pixel, `(size, cells)`."""
    places = np.clip((np.arange(size) - axis.start) / axis.step, 0, axis.cells - 1)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(axis.cells)))


def _unzoomed(view: np.ndarray, border: int) -> np.ndarray:
    """Undoes a border that was added on every side before the view was brought back to its size; below 0 a cut."""
    height, width = view.shape
    whole = cv2.resize(view, (width + 2 * border, height + 2 * border), interpolation=cv2.INTER_LINEAR)
    if border >= 0:
        return whole[border : border + height, border : border + width]
    return np.pad(whole, -border)
