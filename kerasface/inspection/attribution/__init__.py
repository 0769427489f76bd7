"""Which places of a picture an answer comes from, and whether that can be believed."""
