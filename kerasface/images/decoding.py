"""Turns image files into RGB pixels, for training, command line and pages: the only place where bytes become pixels."""

import importlib
import io
import os
import re
import stat
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps

from kerasface.arrays import check_image
from kerasface.files.paths import user_path
from kerasface.images import headers
from kerasface.images.headers import FORMATS as FORMATS
from kerasface.images.headers import HeaderError, RawFileError, exif_orientation, format_of
from kerasface.images.values import ValuesError, pnm_size, read_pnm, to_8_bits
from kerasface.terminal.streams import printable

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"}
    | {".heic", ".heif", ".hif", ".avif", ".jp2", ".j2k", ".pbm", ".pgm", ".ppm", ".pnm"}
)
SIGNATURE_BYTES = 256  # of a file's beginning, by which its format is told
_LEFT_BEHIND = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir"}
_MAX_BYTES = 32 * 2**20  # 32 MiB
_MAX_PIXELS = 64_000_000  # 64 MP: 192 MB as RGB uint8

# The plug-in classes are called directly: `Image.open` would first warn about, or refuse, large images by limits that
# are global to the process. An MPO (phone JPEG) is read by its primary image, which comes first as an ordinary JPEG.
_PLUGINS = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "HEIC": ("pillow_heif", "HeifImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "JPEG 2000": ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
}

# EXIF 2.32, tag 0x0112: how the stored image must be turned to stand upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_XMP_ORIENTATION = re.compile(r"tiff:Orientation(?:=\"|>)([0-9])")
_WHITE_IS_ZERO = 0  # of a TIFF's tag 262
_DEEP = 64  # high bytes of 16-bit channels that stay below it are of pictures with 14 bits or fewer
# What is put after a JPEG without an end marker, before the marker: where no pixel depends on it, none was missing.
_AFTER_END = (b"", b"\xff\0" * 64, b"\x55" * 64, b"\x93\x2e\xc7\x61" * 16, b"\x0d\xb4\x7a\xe9" * 16)
# Pillow warns about malformed metadata. Its own mark tells this filter from one that somebody else has set.
_FILTER_MARK = r"PIL\b(?#KerasFace decodes)"
_filter_lock = threading.Lock()
_num_quiet = 0  # threads that decode now


class ImageError(ValueError):
    """An image that cannot be used; the message is one line that names the file and the reason."""


class EmptyImageError(ImageError):
    """An image that is sound and shows nothing: every pixel is transparent."""


def decode(
    source: bytes | str | os.PathLike,
    *,
    name: str | None = None,
    on_note: Callable[[str], None] | None = None,
    max_bytes: int = _MAX_BYTES,
    max_pixels: int = _MAX_PIXELS,
    enough: int | None = None,
) -> np.ndarray:
    """Decodes an image file to upright RGB pixels.

    The format is told from the content, never from the suffix. Of an animation the first frame is read, of a TIFF with
    smaller copies the main picture. EXIF orientation is applied, and transparency is laid on white. Values of more than
    8 bits and floats are scaled by the range that they fill (`values.to_8_bits`): the smallest of 0-1 (floats
    only), 0-255, 0-1023, 0-4095, 0-16383 and 0-65535 that holds them, else from their smallest to their largest.

    Args:
        source: The file's content, or its path.
        name: What messages call the image; the path by default, `"image"` for bytes.
        on_note: Called with a sentence about a file that has a fault, though all its pixels are there.
        max_bytes: Largest accepted file, in bytes.
        max_pixels: Largest accepted width * height; checked in the header, before any pixel is decoded.
        enough: Pixels of each side that suffice: a JPEG is then decoded at a half, a quarter or an eighth of its size,
            in a fraction of the time, as long as neither side is shorter. For pictures that are only shown.

    Returns:
        RGB pixels, uint8, shape `(height, width, 3)`.

    Raises:
        ImageError: If the file cannot be read, is too large, is a single pixel, is not an image in one of
            `FORMATS`, is a RAW file, shows nothing, or is damaged.
        TypeError: If `source` is neither bytes nor a path.

    Example:
        ```python
        >>> kf.decode("ada.jpg").shape
        (512, 512, 3)

        ```
    """
    if not isinstance(source, bytes | str | os.PathLike):
        raise TypeError(
            f"An image is given as bytes or as a path. Received: source of type {type(source).__name__}. "
            "Read a file object first: source.read()."
        )
    if name is None:
        name = "image" if isinstance(source, bytes) else printable(source)
    with said_as_image_error(name):
        content = source if isinstance(source, bytes) else read_content(source, max_bytes)
        _check_size_in_bytes(len(content), max_bytes)
        rgb, note = _decode_upright(content, max_pixels, enough)
        if note and on_note:
            on_note(" ".join(f"{name}: {note}".splitlines()))
        return np.array(rgb)


@contextmanager
def said_as_image_error(name: str) -> Iterator[None]:
    """Turns whatever an image file makes Pillow raise into one sentence that names the file.

    Raises:
        ImageError: In place of any other error but that memory is short.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        # Damaged content makes the codecs raise almost any type (struct.error, IndexError, SyntaxError, ...).
        kind = EmptyImageError if isinstance(error, EmptyImageError) else ImageError
        raise kind(" ".join(f"{name}: {_reason(error)}".splitlines())) from error


def as_image(photo: "str | os.PathLike | bytes | np.ndarray | Image.Image") -> np.ndarray:
    """Returns the RGB pixels of a photo in any form, `(height, width, 3)` uint8.

    Args:
        photo: The path or the content of a file, a Pillow image, or an array that is one already.

    Raises:
        ImageError: If it is a file or a Pillow image that cannot be used.
        ValueError: If it is an array of another shape or dtype, or something else.

    Example:
        >>> as_image(Image.new("L", (4, 3), 128)).shape
        (3, 4, 3)
    """
    if isinstance(photo, bytes):
        return decode(photo)
    if isinstance(photo, str | os.PathLike):
        return decode(user_path(photo))
    if isinstance(photo, Image.Image):
        try:
            upright = ImageOps.exif_transpose(photo)
            return np.array(_to_rgb(upright, upright.mode, lambda: upright))
        except EmptyImageError:
            raise
        except Exception as error:  # an image that Pillow has opened and not read yet: as in `decode`
            raise ImageError(f"image: {_reason(error)}") from error
    check_image(photo, "photo")
    return photo


def reason_against(path: str | os.PathLike) -> str | None:
    """Tells by its first bytes why a file cannot be a picture, in a sentence that names it; None where it may be one.

    What has the suffix of a picture may be one, and so may a RAW file: what is wrong shows when it is decoded.
    """
    if Path(path).suffix.lower() in SUFFIXES:
        return None
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return f"{printable(path)}: Not a regular file."
        with open(path, "rb") as file:
            format_of(file.read(SIGNATURE_BYTES))
    except RawFileError:
        return None  # which is said when it is decoded
    except HeaderError as error:
        return f"{printable(path)}: {error}"
    except OSError as error:
        return f"{printable(path)}: Cannot be read: {error.strerror}."
    return None


def is_left_behind(name: str) -> bool:
    """Tells whether a file or folder is one that systems leave behind unasked, of which nobody wants to hear."""
    return name.startswith(".") or name.casefold() in _LEFT_BEHIND


def _reason(error: Exception) -> str:
    if isinstance(error, ImageError | HeaderError | ValuesError):
        return str(error)
    if "unknown pixel mode" in str(error):
        return "Its kind of pixels is not supported. Save it with 8 bits a channel."
    if isinstance(error, Image.DecompressionBombError):
        return "The header declares too many pixels. Save it smaller."
    return f"Damaged or truncated ({str(error) or type(error).__name__})."


def read_content(path: str | os.PathLike, max_bytes: int = _MAX_BYTES) -> bytes:
    """Reads an image file of a size that `decode` accepts.

    Raises:
        ImageError: If it cannot be read, is no regular file, is empty or is too large; the message does not name it.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a zero character in the path
        raise ImageError(f"Cannot be read: {getattr(error, 'strerror', error)}.") from error
    if stat.S_ISDIR(status.st_mode):
        raise ImageError("A folder, where an image file is needed.")
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("Not a regular file.")
    _check_size_in_bytes(status.st_size, max_bytes)
    try:
        with open(path, "rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        raise ImageError(f"Cannot be read: {error.strerror}.") from error


def _check_size_in_bytes(size: int, max_bytes: int) -> None:
    if size == 0:
        raise ImageError("The file is empty (0 bytes).")
    if size > max_bytes:
        raise ImageError(f"An image file has at most {max_bytes:,} bytes. Received: {size:,} or more. Save it smaller.")


def _decode_upright(content: bytes, max_pixels: int, enough: int | None) -> tuple[Image.Image, str | None]:
    """Decodes to upright RGB, and says what is wrong with a file whose pixels are all there."""
    file_format, orientation, note = format_of(content), None, None
    if file_format == "PNM":
        _check_size_in_pixels(pnm_size(content), max_pixels)
        return Image.fromarray(read_pnm(content)).convert("RGB"), None
    frame = headers.read_jpeg(content) if file_format == "JPEG" else None
    if file_format == "TIFF":
        content, orientation = headers.main_picture(content)
    elif file_format == "BMP":
        headers.check_bmp(content)
    elif file_format == "JPEG 2000":
        headers.check_jpeg_2000(content)
    plugin = plugin_of(file_format)
    with quiet_pillow():
        image = plugin(io.BytesIO(content), "")
        _check_size_in_pixels(image.size, max_pixels)
        raw_mode = _raw_mode(image)
        if frame is None or frame.ended:
            if enough is not None:
                image.draft(image.mode, (enough, enough))
            image.load()
        else:
            image = _without_end_marker(plugin, content, frame)
            note = "The file's end is missing; all pixels are there. It was cut or not fully copied: save it anew."
        if orientation is None:  # Pillow has turned a TIFF already
            orientation = orientation_of(image)
        rgb = _to_rgb(image, raw_mode, lambda: plugin(io.BytesIO(content), ""))
    return rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb, note


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keeps Pillow's warnings about malformed metadata to itself while any thread decodes.

    The filters belong to the process. The lock is held while one is put there or taken away, never while a file is
    read: one that takes long would stop all others.
    """
    global _num_quiet
    with _filter_lock:
        _num_quiet += 1
        warnings.filterwarnings("ignore", module=_FILTER_MARK)  # again: somebody may have set the filters back
    try:
        yield
    finally:
        with _filter_lock:
            _num_quiet -= 1
            if not _num_quiet:
                with suppress(ValueError):  # somebody has set them back meanwhile
                    warnings.filters.remove(("ignore", None, Warning, re.compile(_FILTER_MARK), 0))


def _without_end_marker(plugin: type[ImageFile.ImageFile], content: bytes, frame: headers.Jpeg) -> Image.Image:
    """Decodes a JPEG that has no end marker, if all of its pixels are there.

    Raises:
        ImageError: If some are missing: then they depend on what is put after the end.
    """
    first = None
    for filling in _AFTER_END:
        image = plugin(io.BytesIO(content.rstrip(b"\xff") + filling + b"\xff\xd9"), "")
        image.load()
        first = first or image
        if not frame.is_whole() or image.tobytes() != first.tobytes():
            raise ImageError("Damaged or truncated (the picture's end is missing).")
    return first


def plugin_of(file_format: str) -> type[ImageFile.ImageFile]:
    module, plugin = _PLUGINS[file_format]
    try:
        return getattr(importlib.import_module(module), plugin)
    except ImportError as error:
        raise ImageError(f"{file_format} needs a package that is not installed: {error.name or module}.") from error


def _check_size_in_pixels(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height < 2:
        raise ImageError(f"An image has at least two pixels. Received: {width} x {height}.")
    if width * height > max_pixels:
        raise ImageError(
            f"An image has at most {max_pixels / 1e6:g} megapixels. "
            f"Received: {width:,} x {height:,} = {width * height / 1e6:,.1f} megapixels. Save it smaller."
        )


def orientation_of(image: ImageFile.ImageFile) -> int:
    """The orientation that metadata state; malformed ones cost the orientation only, not the picture."""
    exif = image.info.get("exif") or b""
    if not exif and (profile := image.info.get("Raw profile type exif")):  # of ImageMagick, in a PNG
        with suppress(ValueError, AttributeError):
            exif = bytes.fromhex("".join(profile.split("\n")[3:]))
    orientation = exif_orientation(exif)
    if orientation == 1:
        xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or ""
        match = _XMP_ORIENTATION.search(xmp.decode("latin-1") if isinstance(xmp, bytes) else str(xmp))
        orientation = int(match[1]) if match else 1
    return orientation


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """How the file stores its pixels, in Pillow's words such as `RGB;16B`; empty where that is not known."""
    arguments = image.tile[0].args if image.tile else ""
    return arguments if isinstance(arguments, str) else str(arguments[0] if arguments else "")


def _to_rgb(image: Image.Image, raw_mode: str, reopen: Callable[[], ImageFile.ImageFile]) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        grey = to_8_bits(np.asarray(image), whole=image.mode.startswith("I;16"))
        if getattr(image, "tag_v2", {}).get(262) == _WHITE_IS_ZERO:
            grey = 255 - grey
        return Image.fromarray(grey).convert("RGB")
    if ";16" in raw_mode:
        image = _brightened(image, raw_mode, reopen)
    if image.has_transparency_data:
        rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        if rgba.getextrema()[3][1] == 0:
            raise EmptyImageError("Every pixel is transparent: there is nothing to see.")
        on_white = Image.new("RGB", image.size, "white")
        on_white.paste(rgba, mask=rgba)
        return on_white
    return image if image.mode == "RGB" else image.convert("RGB")


def _brightened(image: Image.Image, raw_mode: str, reopen: Callable[[], ImageFile.ImageFile]) -> Image.Image:
    """Scales 16-bit channels that fill a part of their range: Pillow keeps their high bytes only, which are near 0."""
    highest = [high for _, high in image.getextrema()]
    alpha = highest.pop() if image.mode == "RGBA" else None
    if max(highest) >= _DEEP or alpha == 0:
        return image
    high, low = np.asarray(image).astype(np.uint16), _low_bytes(raw_mode, reopen)
    values = high << 8 | (high if low is None else low)
    scaled = np.empty(values.shape, dtype=np.uint8)
    scaled[..., :3] = to_8_bits(values[..., :3], whole=True)
    if image.mode == "CMYK":
        scaled[..., 3] = to_8_bits(values[..., 3], whole=True)
    elif alpha is not None:
        scaled[..., 3] = high[..., 3] if alpha >= _DEEP else to_8_bits(values[..., 3], whole=True)
    return Image.frombytes(image.mode, image.size, scaled.tobytes())


def _low_bytes(raw_mode: str, reopen: Callable[[], ImageFile.ImageFile]) -> np.ndarray | None:
    """The low bytes of 16-bit channels: what Pillow reads when it is told the other byte order; None if it cannot."""
    other = raw_mode[:-1] + {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}[raw_mode[-1]]
    again = reopen()
    again.tile = [
        tile._replace(args=other if isinstance(tile.args, str) else (other, *tile.args[1:])) for tile in again.tile
    ]
    with suppress(ValueError, OSError):
        again.load()
        return np.asarray(again).astype(np.uint16)
    return None
