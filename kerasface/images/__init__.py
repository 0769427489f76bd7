"""From the bytes of image files to RGB pixels."""
