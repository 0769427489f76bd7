"""Lecture A: who is it? Classifying faces."""
