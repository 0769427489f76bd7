"""Losses that Keras itself does not have: over embeddings and over pixels."""

from kerasface.losses.embeddings import ArcFace as ArcFace
from kerasface.losses.embeddings import ContrastiveLoss as ContrastiveLoss
from kerasface.losses.embeddings import CosFace as CosFace
from kerasface.losses.embeddings import SupConLoss as SupConLoss
from kerasface.losses.embeddings import TripletLoss as TripletLoss
from kerasface.losses.pixels import DiceLoss as DiceLoss
from kerasface.losses.pixels import FocalLoss as FocalLoss
from kerasface.losses.pixels import PixelCrossEntropy as PixelCrossEntropy
from kerasface.losses.pixels import SumOfLosses as SumOfLosses
