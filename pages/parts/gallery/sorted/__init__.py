"""The view "Sort photos" of the page Gallery: who is on the photos of a folder, and what is done with the answers."""
