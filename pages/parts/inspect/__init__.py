"""Views of the page Inspect."""
