"""Trains classifiers: from a folder per class to a run."""
