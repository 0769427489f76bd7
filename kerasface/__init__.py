"""KerasFace: train, verify, recognise, segment and explain faces in pure Keras 3."""

__version__ = "0.1.0"
