"""Small trainings that are looked at while they run: their pictures, their layers, and the steps."""
