"""Pictures with their masks, brought onto one canvas and stored once per content."""

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kerasface.data.cache.images import Progress, check_space, content_keys
from kerasface.data.cache.store import RecordStore, StoredArray
from kerasface.data.masks.augmentation import OUTSIDE
from kerasface.data.masks.reading import CLASSES_FILE, MaskFolders, read_mask
from kerasface.images.decoding import ImageError, decode

_GREY = 128  # of the canvas around a picture
_AHEAD = 4  # pairs decoded before they are asked for


@dataclass(frozen=True, eq=False)
class MaskedImages:
    """Pictures with their masks, ready for training.

    Attributes:
        images: `(num_usable, side, side, 4)` uint8, read from disk when indexed: RGB, then the class id, which is
            `OUTSIDE` where there is no picture.
        keys: One key per usable pair, in the order of `images`; equal for pairs of equal content.
        positions: For each usable pair, its position in the folders that were read, `(num_usable,)` int64.
        rejected: `(path of the picture, reason)` of the pairs that cannot be used.
        num_computed: How many pairs were decoded now; the others were there already.
        class_counts: Pixels of each class in all of `images`, `(num_classes,)` int64.
    """

    images: StoredArray
    keys: list[str]
    positions: np.ndarray
    rejected: list[tuple[Path, str]]
    num_computed: int
    class_counts: np.ndarray


def load_pairs(
    folders: MaskFolders, side: int, cache: str | os.PathLike, on_progress: Progress | None = None
) -> MaskedImages:
    """Decodes every pair, brings it onto a canvas and stores it, unless files and colours are stored already.

    Args:
        folders: The pairs and their classes.
        side: Height and width of the canvas in pixels.
        cache: Folder of the caches.
        on_progress: Called with the number of pairs done and their total.

    Raises:
        ValueError: If `side` is below 1.
        OSError: If the cache cannot be written; for want of space, as far as possible before anything is decoded.
    """
    if side < 1:
        raise ValueError(f"side must be at least 1 pixel. Received: side={side}.")
    report = on_progress or (lambda done, total: None)
    # The name states the preprocessing: change one, change the other.
    folder = Path(cache) / f"masks-{side}-whole-v1"
    keys, problems = _pair_keys(folders)
    num_computed = 0
    with RecordStore(folder, (side, side, 4), "uint8") as store:
        todo = [position for position, key in enumerate(keys) if position not in problems and key not in store]
        check_space(folder, len(todo) * side**2 * 4)
        report(len(keys) - len(todo), len(keys))
        for number, (position, canvas) in enumerate(_canvases(folders, todo, side), len(keys) - len(todo) + 1):
            if isinstance(canvas, str):
                problems[position] = canvas
            elif keys[position] not in store:  # pairs of the same content are stored once
                counts = np.bincount(canvas[..., 3].ravel(), minlength=OUTSIDE)[: len(folders.classes)]
                store.add(keys[position], canvas, {"counts": counts.tolist()})
                num_computed += 1
            report(number, len(keys))
    positions = [position for position in range(len(keys)) if position not in problems]
    usable = [keys[position] for position in positions]
    counts = [store.note(key)["counts"] for key in usable]
    return MaskedImages(
        images=store.array(usable),
        keys=usable,
        positions=np.array(positions, dtype=np.int64),
        rejected=[(folders.images[position], problems[position]) for position in sorted(problems)],
        num_computed=num_computed,
        class_counts=np.array(counts, dtype=np.int64).reshape(-1, len(folders.classes)).sum(axis=0),
    )


def check_classes(found: MaskedImages, classes: Sequence[str]) -> None:
    """Checks that there is something to learn about every class.

    Raises:
        ValueError: If no pair can be used, or a class has no pixel in any mask.
    """
    check_usable(found)
    empty = [f"{name!r} (id {index})" for index, name in enumerate(classes) if found.class_counts[index] == 0]
    if empty:
        raise ValueError(
            f"Every class needs pixels in some mask. Received: {len(found.images)} masks without {', '.join(empty)}. "
            f"Draw the class in a mask, or take it out of {CLASSES_FILE} and out of the ids."
        )


def check_usable(found: MaskedImages) -> None:
    """Raises ValueError if no pair can be used; the first reason is given."""
    if len(found.images) == 0:
        first = f"; the first: {found.rejected[0][1]}" if found.rejected else ""
        raise ValueError(f"No picture with its mask can be used. Received: {len(found.rejected)} rejected{first}")


def on_canvas(image: np.ndarray, mask: np.ndarray, side: int) -> np.ndarray:
    """Scales a picture and its mask until their longer side is `side`, and puts them into the middle of a square.

    Args:
        image: RGB uint8, `(height, width, 3)`.
        mask: Class ids uint8, `(height, width)`.
        side: Height and width of the result in pixels.

    Returns:
        RGB and class id, uint8, `(side, side, 4)`; grey and `OUTSIDE` where there is no picture.
    """
    height, width = mask.shape
    scale = side / max(height, width)
    rows, cols = max(round(height * scale), 1), max(round(width * scale), 1)
    # INTER_AREA averages all source pixels, so a large photo does not alias.
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    top, left = (side - rows) // 2, (side - cols) // 2
    canvas = np.full((side, side, 4), (_GREY, _GREY, _GREY, OUTSIDE), dtype=np.uint8)
    part = canvas[top : top + rows, left : left + cols]
    part[..., :3] = cv2.resize(image, (cols, rows), interpolation=interpolation)
    part[..., 3] = _resized_mask(mask, (cols, rows), interpolation)
    return canvas


def _pair_keys(folders: MaskFolders) -> tuple[list[str], dict[int, str]]:
    """Keys of the pairs: of both files' contents, and of the colours, which stand for the classes; and the problems."""
    image_keys, problems = content_keys(folders.images)
    mask_keys, mask_problems = content_keys(folders.masks)
    keys = [
        hashlib.sha256(f"{image} {mask} {folders.colors}".encode()).hexdigest()
        for image, mask in zip(image_keys, mask_keys, strict=True)
    ]
    return keys, mask_problems | problems


def _canvases(folders: MaskFolders, todo: list[int], side: int) -> Iterator[tuple[int, np.ndarray | str]]:
    """Yields the position of each pair with its canvas or its problem, read in two threads a few pairs ahead."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting: deque[tuple[int, Future]] = deque()
        for position in todo:
            waiting.append((position, pool.submit(_read_pair, folders, position, side)))
            if len(waiting) > _AHEAD:
                position, future = waiting.popleft()
                yield position, future.result()
        for position, future in waiting:
            yield position, future.result()


def _read_pair(folders: MaskFolders, position: int, side: int) -> np.ndarray | str:
    try:
        image = decode(folders.images[position])
        mask = read_mask(folders.masks[position], folders.classes, folders.colors)
    except ImageError as error:
        return str(error)
    if mask.shape != image.shape[:2]:
        sizes = [f"{width} x {height}" for height, width in (mask.shape, image.shape[:2])]
        return (
            f"{folders.masks[position]}: A mask is as large as its picture. Received: {sizes[0]} pixels, the picture "
            f"{folders.images[position].name} has {sizes[1]}. Draw or export it at the picture's size."
        )
    return on_canvas(image, mask, side)


def _resized_mask(mask: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    """Gives each pixel the class that has the largest share of it; `size` is `(width, height)`."""
    if mask.shape[::-1] == size:
        return mask
    largest = np.zeros(size[::-1], dtype=np.uint8)
    result = np.zeros(size[::-1], dtype=np.uint8)
    for class_id in np.flatnonzero(cv2.calcHist([mask], [0], None, [256], [0, 256])):
        share = cv2.resize(255 * (mask == class_id).astype(np.uint8), size, interpolation=interpolation)
        result[share > largest] = class_id
        largest = np.maximum(largest, share)
    return result
