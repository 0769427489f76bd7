"""Views of the page Evaluate."""
