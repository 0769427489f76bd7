"""HTML documents of what was measured or trained, readable without a network."""
