"""Turns image files into RGB pixels, for training, command line and pages: the only place where bytes become pixels."""

import contextlib
import importlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image, ImageFile

from kerasface.streams import printable

FORMATS = ("JPEG", "PNG", "WebP", "BMP", "TIFF", "GIF", "HEIC", "AVIF")
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"}
    | {".heic", ".heif", ".hif", ".avif"}
)

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
}
_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"BM": "BMP",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}

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

_warning_filters = threading.Lock()


class ImageError(ValueError):
    """An image that cannot be used; the message is one line that names the file and the reason."""


def decode(
    source: bytes | str | os.PathLike,
    *,
    name: str | None = None,
    max_bytes: int = _MAX_BYTES,
    max_pixels: int = _MAX_PIXELS,
) -> np.ndarray:
    """Decodes an image file to upright RGB pixels.

    The format is told from the content, never from the suffix. Of an animation the first frame is read. EXIF
    orientation is applied, transparency is laid on white, and 16-bit values are scaled from 0-65535 to 0-255. Values of
    a float image are taken to span the smallest of 0-1, 0-255 and 0-65535 that holds them.

    Args:
        source: The file's content, or its path.
        name: What error messages call the image; the path by default, `"image"` for bytes.
        max_bytes: Largest accepted file, in bytes.
        max_pixels: Largest accepted width * height; checked in the header, before any pixel is decoded.

    Returns:
        RGB pixels, uint8, shape `(height, width, 3)`.

    Raises:
        ImageError: If the file cannot be read, is too large, is a single pixel, is not an image in one of
            `FORMATS`, or is damaged.
        TypeError: If `source` is neither bytes nor a path.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.new("L", (4, 3), 128).save(file, "PNG")
        >>> decode(file.getvalue()).shape
        (3, 4, 3)
    """
    if not isinstance(source, bytes | str | os.PathLike):
        raise TypeError(
            f"An image is given as bytes or as a path. Received: source of type {type(source).__name__}. "
            "Read a file object first: source.read()."
        )
    if name is None:
        name = "image" if isinstance(source, bytes) else printable(source)
    try:
        content = source if isinstance(source, bytes) else _read(source, max_bytes)
        _check_size_in_bytes(len(content), max_bytes)
        return np.array(_decode_upright(content, max_pixels))
    except MemoryError:
        raise
    except Exception as error:
        # Damaged content makes the codecs raise almost any type (struct.error, IndexError, SyntaxError, ...).
        raise ImageError(" ".join(f"{name}: {_reason(error)}".splitlines())) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ImageError):
        return str(error)
    if isinstance(error, Image.DecompressionBombError):
        return "The header declares too many pixels. Save it smaller."
    return f"Damaged or truncated ({str(error) or type(error).__name__})."


def _read(path: str | os.PathLike, max_bytes: int) -> bytes:
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


def _decode_upright(content: bytes, max_pixels: int) -> Image.Image:
    file_format = _sniff(content)
    with _quiet_pillow():
        image = _plugin(file_format)(io.BytesIO(content), "")
    _check_size_in_pixels(image.size, max_pixels)
    # Only TIFF reads metadata, about which Pillow warns, while it decodes; the others decode in parallel threads.
    with _quiet_pillow() if file_format == "TIFF" else contextlib.nullcontext():
        image.load()
    orientation = _orientation(image)
    rgb = _to_rgb(image)
    return rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb


@contextlib.contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Keeps warnings about malformed metadata to itself; one thread at a time, as the filters belong to the process."""
    with _warning_filters, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


def _sniff(content: bytes) -> str:
    for signature, file_format in _SIGNATURES.items():
        if content.startswith(signature):
            return file_format
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP"
    if content[4:8] == b"ftyp":  # ISO base media file: size, "ftyp", major brand, version, compatible brands
        brands = content[8 : min(int.from_bytes(content[:4]), 256)]
        if any(brands[i : i + 4] in (b"avif", b"avis") for i in range(0, len(brands), 4)):
            return "AVIF"
        if brands[:4] in _HEIC_BRANDS:
            return "HEIC"
    raise ImageError(f"Not an image. Supported are {', '.join(FORMATS)}.")


def _plugin(file_format: str) -> type[ImageFile.ImageFile]:
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


def _orientation(image: ImageFile.ImageFile) -> int:
    try:
        with _quiet_pillow():
            return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except MemoryError:
        raise
    except Exception:
        # Metadata of any malformation costs the orientation only, not the picture.
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return _scaled_to_8_bits(image).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        on_white = Image.new("RGB", image.size, "white")
        on_white.paste(rgba, mask=rgba)
        return on_white
    return image if image.mode == "RGB" else image.convert("RGB")


def _scaled_to_8_bits(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    largest = 65535
    if image.mode == "F":
        largest = next((limit for limit in (1, 255) if values.max() <= limit), largest)
    return Image.fromarray(np.rint(values.clip(0, largest) * (255 / largest)).astype(np.uint8))
