"""Views of the page Verify."""
