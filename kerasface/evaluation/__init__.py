"""Error rates and their intervals: arrays in, records out."""
