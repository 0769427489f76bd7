"""What in a picture made a channel answer, led back to the pixels: Zeiler and Fergus's deconvolution of one channel."""

from collections.abc import Sequence

import cv2
import keras
import numpy as np
from keras import ops

from kerasface.arrays import check_image
from kerasface.inspection.attribution.relus import deconvolved, rewired
from kerasface.inspection.layers.activations import tap
from kerasface.inspection.layers.maximization import value_and_gradient
from kerasface.inspection.layers.mosaics import mosaic
from kerasface.inspection.layers.top_crops import TopCrop
from kerasface.inspection.stitching import find_layer

_MIDDLE = 127.5


class ChannelDeconvolution:
    """Leads the largest answer of a channel back through the network, whose ReLUs let through what is positive.

    Where a convolution was, its transposed one takes the way back; max pooling goes back to where the largest value
    was. Kept for a layer, so that many pictures share one compiled graph.

    Args:
        model: Functional or sequential, with one image input and a ReLU.
        layer: Path as `list_layers` gives it.
        image_size: Height and width of the pictures.

    Raises:
        ValueError: If there is no such layer, or the model has no ReLU, to which the rule could apply.

    Reference:
        Zeiler, Fergus 2014, "Visualizing and Understanding Convolutional Networks" (arXiv:1311.2901), section 2.1.
    """

    def __init__(self, model: keras.Model, layer: str, image_size: tuple[int, int]):
        path = find_layer(model, layer)
        tapped = tap(rewired(model, deconvolved), [path], image_size)

        def largest(pictures, channel):
            maps = keras.tree.flatten(tapped(pictures, training=False))[0][:1]
            return ops.max(ops.take(maps, channel, axis=-1))

        self._graph = value_and_gradient(largest)

    def __call__(self, image: np.ndarray, channel: int) -> np.ndarray:
        """Returns what led to the largest answer of a channel, signed, float32, `(height, width, 3)`.

        Args:
            image: RGB uint8, of the size given.
            channel: Index of the channel.
        """
        check_image(image, "image")
        _, gradient = self._graph(image[None].astype(np.float32), np.int32(channel))
        return np.asarray(gradient[0], dtype=np.float32)


def deconvolved_patches(
    model: keras.Model, layer: str, channel: int, images: np.ndarray, crops: Sequence[TopCrop]
) -> list[np.ndarray]:
    """Returns, for each picture that excites a channel, what in it did, cut out as the picture is.

    Args:
        model: As in `top_crops`.
        layer: As there.
        channel: As there.
        images: The pictures that were searched, `(num_images, height, width, 3)` uint8.
        crops: What `top_crops` found for this channel.

    Returns:
        RGB uint8, each of the size of the crop's patch: mid-grey where nothing led to the answer.

    Raises:
        ValueError: As `ChannelDeconvolution`.
    """
    lead_back = ChannelDeconvolution(model, layer, images.shape[1:3])
    patches = []
    for crop in crops:
        x, y, width, height = crop.box
        patches.append(
            signed_picture(lead_back(np.asarray(images[crop.index]), channel)[y : y + height, x : x + width])
        )
    return patches


def signed_picture(values: np.ndarray) -> np.ndarray:
    """Turns signed values into a picture: 0 is mid-grey, the largest size is black or white.

    Args:
        values: Float, `(height, width, 3)`.

    Returns:
        RGB uint8 of the same shape.
    """
    largest = float(np.abs(values).max()) or 1.0
    return np.rint(_MIDDLE + _MIDDLE * values / largest).clip(0, 255).astype(np.uint8)


def patches_sheet(crops: Sequence[TopCrop], deconvolutions: Sequence[np.ndarray], *, side: int = 96) -> np.ndarray:
    """Lays patches next to one another, and below each what its deconvolution shows.

    Args:
        crops: What `top_crops` found for a channel, at least one.
        deconvolutions: What `deconvolved_patches` made of them.
        side: Side of each in pixels; they are enlarged.

    Returns:
        RGB uint8, two rows of squares.
    """
    rows = ([crop.patch for crop in crops], deconvolutions)
    tiles = [_square(picture, side) for row in rows for picture in row]
    return mosaic(np.stack(tiles), side=side, columns=len(crops))


def _square(picture: np.ndarray, side: int) -> np.ndarray:
    """Enlarges a picture of any sides into a square, what is left over mid-grey."""
    scale = side / max(picture.shape[:2])
    size = [max(1, round(scale * extent)) for extent in picture.shape[1::-1]]
    large = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    square = np.full((side, side, 3), round(_MIDDLE), np.uint8)
    top, left = ((side - extent) // 2 for extent in large.shape[:2])
    square[top : top + large.shape[0], left : left + large.shape[1]] = large
    return square
