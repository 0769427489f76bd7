"""Views of the page Architectures."""
