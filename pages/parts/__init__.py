"""What the pages are made of: a folder of views for each, and what several share."""
