"""Lecture D: deep networks, and what they learn."""
