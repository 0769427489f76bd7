"""Keras layers that Keras itself does not have."""

from kerasface.models.layers.sizes import CropLike, PaddedAdd, PadToMultiple, ResizeLike
from kerasface.models.layers.units import CosineLogits, DropBlock2D, Maxout, ReverseChannels
from kerasface.models.layers.unpooling import UnpoolByIndex, UnpoolToCorner
from kerasface.models.layers.views import AddMirrored, AddZoomed, MeanOfMirrored, MeanOfViews

__all__ = [
    "AddMirrored",
    "AddZoomed",
    "CosineLogits",
    "CropLike",
    "DropBlock2D",
    "Maxout",
    "MeanOfMirrored",
    "MeanOfViews",
    "PadToMultiple",
    "PaddedAdd",
    "ResizeLike",
    "ReverseChannels",
    "UnpoolByIndex",
    "UnpoolToCorner",
]
