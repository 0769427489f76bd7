"""From a photo to aligned crops and embeddings."""
