"""Trainings as processes: who holds a name, how they are started, followed, stopped and found again."""
