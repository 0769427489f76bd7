"""Losses that Keras itself does not have: over embeddings and over pixels."""
