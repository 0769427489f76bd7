"""What changes many rows of a gallery at once."""
