"""A folder of photos as one answer: looked at once, decided, asked about where it is doubtful, and out of the program.

What leaves is a table, copies and links in a folder per person, or XMP, as which names of other programs come in, too.
"""
