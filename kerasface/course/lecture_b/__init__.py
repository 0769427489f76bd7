"""Lecture B: from a linear classifier to AlexNet."""
