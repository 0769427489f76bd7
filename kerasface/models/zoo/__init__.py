"""The architectures of the course, from scratch."""

from kerasface.models.zoo.architectures import ARCHITECTURES
from kerasface.models.zoo.building import (
    CHOICES,
    MIN_SIDE,
    ArchitectureOptions,
    build_architecture,
    build_features,
    supported_options,
)

__all__ = [
    "ARCHITECTURES",
    "CHOICES",
    "MIN_SIDE",
    "ArchitectureOptions",
    "build_architecture",
    "build_features",
    "supported_options",
]
