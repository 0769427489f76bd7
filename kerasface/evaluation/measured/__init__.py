"""Operating points of an embedder, measured on people: thresholds, what happens there, and how sure that is."""
