"""Trains embedders: from a folder per person to a run."""
