"""What tells that somebody without the key has changed a gallery: sums of its rows, and what this machine has seen."""
