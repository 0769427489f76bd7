"""What `identify` found leaves the program: as a table, or as copies and links in a folder per person."""
