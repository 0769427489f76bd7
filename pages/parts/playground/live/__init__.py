"""Parts of the topic Live training."""
