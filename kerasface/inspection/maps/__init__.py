"""Embeddings as points on a map."""
