"""Lecture C: small networks, advice, segmentation, faces."""
