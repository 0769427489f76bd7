"""Views of the page Recognize."""
