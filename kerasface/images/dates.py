"""When a photo was taken, as its camera wrote it."""

import os
from datetime import datetime

from PIL import Image

_EXIF_PART, _TAKEN, _CHANGED = 0x8769, 0x9003, 0x0132  # numbers of Exif 2.32: its part of the tags, and two of them


def date_taken(path: str | os.PathLike) -> str | None:
    """Returns the time in a photo's EXIF data as `YYYY-MM-DDTHH:MM:SS`; `None` where there is none.

    It is what the camera's clock said, in a time zone that it did not tell. Only for files that have been decoded
    before: they are known to be harmless then.
    """
    try:
        with Image.open(path) as image:
            tags = image.getexif()
            text = tags.get_ifd(_EXIF_PART).get(_TAKEN) or tags.get(_CHANGED)
        return datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S").isoformat()
    except Exception:  # whatever else stands there: a date is a help, and its absence no fault
        return None
