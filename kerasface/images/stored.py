"""A photo as its file has it: before it is turned upright, with what programs have written of it."""

import io
import os
from dataclasses import dataclass

from kerasface.images import headers
from kerasface.images.decoding import orientation_of, plugin_of, quiet_pillow, read_content, said_as_image_error
from kerasface.images.headers import format_of
from kerasface.images.values import pnm_size
from kerasface.terminal.streams import printable

_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274  # tags of TIFF


@dataclass(frozen=True)
class StoredForm:
    """How a photo lies in its file.

    Attributes:
        size: Width and height in pixels, before orientation.
        orientation: EXIF's, 1 to 8: how `decode` turns it.
        xmp: Its packet of XMP; `None` where there is none.
    """

    size: tuple[int, int]
    orientation: int
    xmp: bytes | None

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of what `decode` returns."""
        return self.size[::-1] if self.orientation >= 5 else self.size


def stored_form(path: str | os.PathLike) -> StoredForm:
    """Returns how a photo lies in its file; only the file's header is read, no pixel is decoded.

    Raises:
        ImageError: If it cannot be read, is too large, is no image or is damaged, as `decode` has it.
    """
    with said_as_image_error(printable(path)):
        return _form_of(read_content(path))


def _form_of(content: bytes) -> StoredForm:
    orientation = None
    if (file_format := format_of(content)) == "PNM":
        return StoredForm(pnm_size(content), 1, None)
    if file_format == "TIFF":
        content, orientation = headers.main_picture(content)
    with quiet_pillow():
        image = plugin_of(file_format)(io.BytesIO(content), "")
        xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
        size = image.size
        if orientation is None:
            orientation = orientation_of(image)
        else:  # Pillow turns a TIFF itself
            orientation, size = (
                image.tag_v2.get(_ORIENTATION, orientation),
                (image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]),
            )
    orientation = orientation if orientation in range(1, 9) else 1
    return StoredForm(size, orientation, xmp.encode() if isinstance(xmp, str) else xmp)
