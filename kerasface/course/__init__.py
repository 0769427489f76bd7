"""The course: four lectures on networks for pictures and faces, each item with what shows it and an exercise."""
