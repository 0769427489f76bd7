"""Trains segmentations: from pictures and masks to a run."""
