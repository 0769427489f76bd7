"""Reads folders of people and lists of pairs, and turns them into training data."""
