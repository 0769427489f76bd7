"""Views of the page Home."""
