"""The views of the page Lectures."""
