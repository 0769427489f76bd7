"""What is asked of arrays before anything is computed from them: the rule, what was received, and the way out."""

import os
from collections.abc import Sequence

import numpy as np

UNIT_TOLERANCE = 1e-3
_PHOTOS = "Photos must be uint8 arrays (height, width, 3), RGB"


def check_image(image: np.ndarray, name: str = "image") -> None:
    """Refuses what is no decoded photo.

    Args:
        image: RGB `(height, width, 3)` uint8.
        name: What an error calls it.

    Raises:
        ValueError: If it is anything else.
    """
    if not isinstance(image, np.ndarray):
        raise ValueError(f"{_PHOTOS}. Received: {name}={described(image)}. {_array_of(image)}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"{_PHOTOS}. Received: {name}={described(image)}. {_photo_of(image)}")


def check_images(images: Sequence[np.ndarray], name: str = "images") -> None:
    """Refuses what is no sequence of decoded photos; one without photos passes.

    Args:
        images: RGB, each `(height, width, 3)` uint8; sizes may differ.
        name: What an error calls them.

    Raises:
        ValueError: If it is anything else; the error tells which photo.
    """
    rule = f"{_PHOTOS}, in a list. Received: {name}={described(images)}."
    if isinstance(images, np.ndarray):
        if images.ndim < 4 and images.dtype != object:
            raise ValueError(f"{rule} Put a single photo into a list: [image].")
    elif not isinstance(images, Sequence) or isinstance(images, str | bytes):
        single = isinstance(images, str | bytes | os.PathLike) or images is None or _is_foreign_image(images)
        raise ValueError(f"{rule} {_array_of(images) if single else 'Make a list of them: list(images).'}")
    for index, image in enumerate(images):
        check_image(image, f"{name}[{index}]")


def check_crops(crops: np.ndarray, image_size: tuple[int, int], name: str = "crops") -> None:
    """Refuses what are no aligned crops.

    Args:
        crops: RGB `(num_crops, *image_size, 3)` uint8.
        image_size: Their height and width.
        name: What an error calls them.

    Raises:
        ValueError: If they are anything else.
    """
    height, width = image_size
    rule = f"Crops are RGB uint8, shape (num_crops, {height}, {width}, 3). Received: {name}={described(crops)}."
    if not isinstance(crops, np.ndarray):
        raise ValueError(f"{rule} {_array_of(crops)}")
    if crops.shape == (height, width, 3):
        raise ValueError(f"{rule} Of a single crop: crop[None].")
    if crops.ndim != 4 or crops.shape[1:] != (height, width, 3):
        raise ValueError(f"{rule} FaceEmbedder.crop cuts them out of a photo.")
    if crops.dtype != np.uint8:
        raise ValueError(f"{rule} {_as_uint8(crops)}")


def check_crop(crop: np.ndarray, image_size: tuple[int, int], name: str = "crop") -> None:
    """Refuses what is no aligned crop, `(*image_size, 3)` uint8, RGB.

    Raises:
        ValueError: If it is anything else.
    """
    check_image(crop, name)
    if crop.shape[:2] != tuple(image_size):
        raise ValueError(
            f"A crop has {image_size[0]} x {image_size[1]} pixels. Received: {name}={described(crop)}. "
            "FaceEmbedder.crop cuts it out of a photo."
        )


def check_array(array: np.ndarray, rule: str, name: str = "image") -> None:
    """Refuses what is no array of numbers, such as a path or an opened picture.

    Args:
        array: Of any shape.
        rule: What it must be: the first part of an error.
        name: What an error calls it.

    Raises:
        ValueError: If it is anything else.
    """
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise ValueError(f"{rule}. Received: {name}={described(array)}. {_array_of(array)}")


def as_embeddings(
    embeddings: np.ndarray, embedding_dim: int | None = None, name: str = "embeddings", *, unit: bool = True
) -> np.ndarray:
    """Returns embeddings as an array of floating numbers, in the precision they have.

    Args:
        embeddings: `(num_embeddings, embedding_dim)`.
        embedding_dim: Their length, if it is known.
        name: What an error calls them.
        unit: Whether each must have length 1.

    Raises:
        ValueError: If the shape is another, or a number is not finite, or a length is not 1.
    """
    rule = f"{name} must have shape (n, {embedding_dim or 'embedding_dim'})"
    array = as_numbers(embeddings, rule, name)
    if array.ndim != 2 or array.shape[1] != (embedding_dim or array.shape[1]) or not array.shape[1]:
        single = array.ndim == 1 and array.size > 1
        way = (
            "Of a single one: embedding[None]."
            if single
            else "Those of another embedder cannot be compared with these."
        )
        raise ValueError(f"{rule}. Received: {name}={described(array)}. {way}")
    squares = np.vecdot(array, array)
    wrong = np.flatnonzero(~(np.abs(squares - 1) <= 2 * UNIT_TOLERANCE) if unit else ~np.isfinite(squares))
    if len(wrong):
        length = np.sqrt(squares[wrong[0]])
        raise ValueError(
            f"{name} must {'have length 1' if unit else 'be finite'}. Received: {len(wrong)} of {len(array)} that "
            f"{'have' if unit else 'are'} not, the first at {wrong[0]} with a length of {length:g}. "
            + ("Divide them by their lengths." if np.isfinite(length) else "Leave out what is NaN or infinite.")
        )
    return array


def as_numbers(values, rule: str, name: str) -> np.ndarray:
    """Returns values as an array of floating numbers, float64 unless they have another precision.

    Args:
        values: An array, or what NumPy makes one of.
        rule: What they must be: the first part of an error.
        name: What an error calls them.

    Raises:
        ValueError: If they are no numbers.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"no numbers: {array.dtype}")
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError) as error:  # of unequal lengths, objects, text
        raise ValueError(f"{rule}. Received: {name}={described(values)}. Make an array of numbers of it.") from error


def described(value: object) -> str:
    """Returns what a value is, for an error: type, and shape and range or the beginning of it."""
    if isinstance(value, np.ndarray):
        text = f"array of shape {value.shape}, {value.dtype}"
        if value.size and value.dtype.kind in "fiu":
            text += f", values {value.min():g} to {value.max():g}"
        return text
    if value is None or isinstance(value, str | bytes | bool | int | float | os.PathLike):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}".removeprefix("builtins.")
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{kind} of shape {tuple(shape)}"
    return f"{kind} of length {len(value)}" if hasattr(value, "__len__") else kind


def _array_of(value: object) -> str:
    """Tells how to make an array of what somebody may have instead."""
    if isinstance(value, str | os.PathLike):
        return f"Open it with kerasface.images.decoding.decode({os.fspath(value)!r})."
    if isinstance(value, bytes | bytearray | memoryview):
        return "Decode it with kerasface.images.decoding.decode(content)."
    if value is None:
        return "cv2.imread returns None for what it cannot read; kerasface.images.decoding.decode says why."
    if hasattr(value, "convert"):
        return "Make an array of it: np.asarray(image.convert('RGB'))."
    if hasattr(value, "__array__"):
        return "Make a NumPy array of it: np.asarray(image)."
    return "Make an array of it: np.asarray(image, dtype=np.uint8)."


def _is_foreign_image(value: object) -> bool:
    return hasattr(value, "convert") or hasattr(value, "__array__")


def _photo_of(array: np.ndarray) -> str:
    """Tells how to make a photo of an array that is none."""
    if not array.size:
        return "It has no pixels."
    if array.ndim == 4 and len(array) == 1:
        return "It is a batch of one: take image[0]."
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1):
        return "It is grey: np.stack([image.reshape(image.shape[:2])] * 3, axis=-1)."
    if array.ndim == 3 and array.shape[2] == 4:
        return "It has a fourth channel, of transparency: image[..., :3]."
    if array.ndim == 3 and array.shape[0] == 3 != array.shape[2]:
        return "Its channels come first: np.moveaxis(image, 0, -1)."
    if array.ndim == 3 and array.shape[2] == 3:
        return _as_uint8(array)
    return "kerasface.images.decoding.decode(path) gives one."


def _as_uint8(array: np.ndarray) -> str:
    if array.dtype.kind not in "fiu":
        return "Convert it: image.astype(np.uint8)."
    low, high = float(array.min(initial=0)), float(array.max(initial=0))
    if not np.isfinite([low, high]).all():
        return "It holds values that are NaN or infinite."
    if low < 0:
        return "It is normalized already, with values below 0: pass the pixels as they were decoded."
    if array.dtype.kind == "f" and high <= 1:
        return "Its values seem to lie in [0, 1]: np.rint(255 * image).astype(np.uint8)."
    if high <= 255:
        return "Its values lie in [0, 255]: np.rint(image).astype(np.uint8)."
    return "Its values go beyond 255: bring them to [0, 255] first."
