"""Class activation maps: a layer's activations, weighted by what their gradients say about a target."""

from collections.abc import Callable

import numpy as np

from kerasface.inspection.attribution.maps import Attribution
from kerasface.inspection.attribution.targets import Target
from kerasface.inspection.placement import merge_views, to_image
from kerasface.inspection.stitched import Stitched


def grad_cam(stitched: Stitched, image: np.ndarray, target: Target, *, signed: bool = False) -> Attribution:
    """Weights each channel of the layer's map by the mean of its gradient and adds the channels up.

    Args:
        stitched: The model with its layer.
        image: RGB `(height, width, 3)`, of the model's size.
        target: What is explained.
        signed: Keep what speaks against the target; without, only what speaks for it is left, as in the paper.

    Raises:
        ValueError: If the layer gives no map, the image does not fit, or the target does not fit the output.

    Reference:
        Selvaraju et al. 2017, "Grad-CAM" (arXiv:1610.02391), equations 1 and 2.
    """

    def cells(activations, gradients):
        importance = gradients.mean(axis=(1, 2), keepdims=True)
        return (importance * activations).sum(axis=-1)

    return _activation_map("grad-cam", cells, stitched, image, target, signed)


def grad_cam_plus_plus(stitched: Stitched, image: np.ndarray, target: Target) -> Attribution:
    """Grad-CAM with weights that count several places of one kind as fully as a single one.

    The derivatives are those of the exponential of the score, whose common factor is left out. Arguments and errors are
    those of `grad_cam`; the map is 0 or more.

    Reference:
        Chattopadhay et al. 2018, "Grad-CAM++" (arXiv:1710.11063), equations 5, 6 and 19.
    """

    def cells(activations, gradients):
        squares, total = gradients**2, activations.sum(axis=(1, 2), keepdims=True)
        below = 2 * squares + total * gradients**3
        alpha = np.divide(squares, below, out=np.zeros_like(squares), where=below != 0)
        importance = (alpha * np.maximum(gradients, 0)).sum(axis=(1, 2), keepdims=True)
        return (importance * activations).sum(axis=-1)

    return _activation_map("grad-cam++", cells, stitched, image, target, signed=False)


def layer_cam(stitched: Stitched, image: np.ndarray, target: Target, *, signed: bool = False) -> Attribution:
    """Weights every value of the layer's map by its own gradient: finer than Grad-CAM on layers that are not deep.

    Arguments and errors are those of `grad_cam`. As in the paper only positive gradients count; with `signed` all do.

    Reference:
        Jiang et al. 2021, "LayerCAM", IEEE Transactions on Image Processing 30, equations 6 and 7.
    """

    def cells(activations, gradients):
        importance = gradients if signed else np.maximum(gradients, 0)
        return (importance * activations).sum(axis=-1)

    return _activation_map("layer-cam", cells, stitched, image, target, signed)


def _activation_map(
    method: str, cells: Callable, stitched: Stitched, image: np.ndarray, target: Target, signed: bool
) -> Attribution:
    """Computes a map by `cells`, a function from activations and gradients `(views, rows, cols, channels)`."""
    stitched.check_image(image)
    _ = stitched.map_shape  # refuses a layer without a map
    weights = stitched.weights(image, target)
    activations, gradients, score = stitched.layer_gradients(image, weights)
    raw = cells(activations, gradients)  # (views, rows, cols)
    raw = raw if signed else np.maximum(raw, 0)
    placement = stitched.placement(image.shape[:2])
    maps = np.stack([to_image(view, placement.rows, placement.cols, image.shape[:2]) for view in raw])
    return Attribution(method, merge_views(maps, placement.views).astype(np.float32), raw[0], signed, score)
