"""Views of the page Unlock."""
