"""XMP: what programs write of a photo, among it names and places of the faces on it, in the photo or beside it."""
