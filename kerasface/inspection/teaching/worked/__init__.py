"""What a network computes, with every number in between: arrays in, records of arrays out, by NumPy alone."""
