"""The course in numbers to play with."""
