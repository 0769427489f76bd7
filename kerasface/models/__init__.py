"""Keras functional models and the pretrained weights they are filled with."""
