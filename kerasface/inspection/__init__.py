"""Looks inside models: what every layer costs, and how far it sees."""
