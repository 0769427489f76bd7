"""Image files of any size to squares of one size, decoded and resized once per file content."""

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kerasface.data.cache.store import RecordStore, StoredArray, unwritable
from kerasface.data.photos import read_photos
from kerasface.files.writing import sha256
from kerasface.images.squares import fit_square

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class CachedImages:
    """The images of many files, ready for training.

    Attributes:
        images: `(num_usable, image_size, image_size, 3)` RGB uint8, read from disk when indexed.
        keys: SHA-256 of each usable file, in the order of `images`; equal for files of equal content.
        positions: For each usable file, its position among the paths asked for, `(num_usable,)` int64.
        rejected: `(path, reason)` of the files that cannot be used.
        num_computed: How many images were decoded now; the others were there already.
    """

    images: StoredArray
    keys: list[str]
    positions: np.ndarray
    rejected: list[tuple[Path, str]]
    num_computed: int


def cache_images(
    paths: Sequence[Path], image_size: int, cache: str | os.PathLike, on_progress: Progress | None = None
) -> CachedImages:
    """Decodes every file, fits it into a square and stores it, unless its content is stored already.

    Args:
        paths: The image files.
        image_size: Height and width of the stored images in pixels.
        cache: Folder of the caches.
        on_progress: Called with the number of files done and their total.

    Raises:
        ValueError: If `image_size` is below 1.
        OSError: If the cache cannot be written; for want of space, as far as possible before anything is decoded.
    """
    if image_size < 1:
        raise ValueError(f"image_size must be at least 1 pixel. Received: image_size={image_size}.")
    # The name states the preprocessing: change one, change the other.
    folder = Path(cache) / f"images-{image_size}-centre-square-v1"
    keys, problems = content_keys(paths)
    first = {key: position for position, key in reversed(list(enumerate(keys))) if key is not None}
    store = RecordStore(folder, (image_size, image_size, 3), "uint8")
    todo = sorted(position for key, position in first.items() if key not in store)
    check_space(folder, len(todo) * image_size**2 * 3)
    with store:
        problems |= _store_images(paths, keys, todo, store, on_progress or (lambda done, total: None))
    usable = []
    for position, key in enumerate(keys):
        if key in store:
            usable.append(position)
        elif position not in problems:  # the same content as an earlier file, which could not be decoded
            problems[position] = problems[first[key]].replace(str(paths[first[key]]), str(paths[position]), 1)
    usable_keys = [keys[position] for position in usable]
    return CachedImages(
        images=store.array(usable_keys),
        keys=usable_keys,
        positions=np.array(usable, dtype=np.int64),
        rejected=[(paths[position], problems[position]) for position in sorted(problems)],
        num_computed=len(todo) - sum(position in problems for position in todo),
    )


def cache_resized(images: StoredArray, keys: Sequence[str], image_size: int, folder: str | os.PathLike) -> StoredArray:
    """Resizes square images that are stored already, and stores the result, unless it is there.

    Args:
        images: `(num_images, side, side, 3)` RGB uint8.
        keys: Key of each image.
        image_size: Height and width wanted, in pixels.
        folder: The store goes beside this folder, whose name states how the images were made.

    Returns:
        `(num_images, image_size, image_size, 3)` RGB uint8.
    """
    folder = Path(folder)
    with RecordStore(folder.with_name(f"{folder.name}-{image_size}"), (image_size, image_size, 3), "uint8") as store:
        for index, key in enumerate(keys):
            if key not in store:
                store.add(key, fit_square(images[index : index + 1][0], image_size))
    return store.array(keys)


def content_keys(paths: Sequence[Path]) -> tuple[list[str | None], dict[int, str]]:
    """Returns the SHA-256 of every file, `None` where it cannot be read, and the problems by position."""
    keys: list[str | None] = []
    problems = {}
    for position, path in enumerate(paths):
        try:
            keys.append(sha256(path))
        except OSError as error:
            keys.append(None)
            problems[position] = f"{path}: Cannot be read: {error.strerror}."
    return keys, problems


def channel_statistics(images: np.ndarray | StoredArray, *, block_size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Measures mean and variance of each channel over all pixels of all images, in the memory of one block.

    Args:
        images: RGB uint8, shape `(num_images, height, width, 3)`.
        block_size: Images read at a time.

    Returns:
        `(mean, variance)`, float64, shape `(3,)` each; values from 0 to 255, the variance's squared.

    Raises:
        ValueError: If there is no image.
    """
    if len(images) == 0:
        raise ValueError("Statistics need at least one image. Received: 0 images.")
    sums = np.zeros((2, 3))  # of the values, of their squares
    for start in range(0, len(images), block_size):
        block = np.ascontiguousarray(images[start : start + block_size])
        mean, deviation = cv2.meanStdDev(block.reshape(-1, block.shape[2], 3))  # (rows of all images, width, 3)
        sums += len(block) * np.stack([mean[:, 0], deviation[:, 0] ** 2 + mean[:, 0] ** 2])
    mean, mean_square = sums / len(images)
    return mean, np.maximum(mean_square - mean**2, 0)


def _store_images(
    paths: Sequence[Path], keys: list[str | None], todo: list[int], store: RecordStore, report: Progress
) -> dict[int, str]:
    """Decodes and stores the files at the positions `todo`; returns the problems by position."""
    problems = {}
    done = len(paths) - len(todo)
    report(done, len(paths))
    remaining = iter(todo)
    for batch in read_photos([paths[position] for position in todo]):
        for photo in batch:
            position = next(remaining)
            if photo.problem is None:
                store.add(keys[position], fit_square(photo.image, store.shape[0]))
            else:
                problems[position] = photo.problem
        done += len(batch)
        report(done, len(paths))
    return problems


def check_space(folder: Path, needed: int) -> None:
    """Raises OSError if fewer than `needed` bytes are free where `folder` is or will be."""
    if needed == 0:
        return
    existing = next(parent for parent in [folder.absolute(), *folder.absolute().parents] if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        missing = f"The images need {needed / 2**20:,.1f} MiB; {free / 2**20:,.1f} MiB are free"
        raise unwritable(folder, OSError(errno.ENOSPC, missing))
