"""Views of the page Segment."""
