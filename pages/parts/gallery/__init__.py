"""Views of the page Gallery."""
