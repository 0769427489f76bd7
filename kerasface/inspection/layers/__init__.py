"""What the layers of a model answer, and what they look for."""
