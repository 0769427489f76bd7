"""Folders as trials of a trained model."""
