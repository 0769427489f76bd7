"""Engines: what computes a network. Each makes a callable of it; `kerasface.models.runtime` decides which one does."""
