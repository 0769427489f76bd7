"""Many photo files to pixels, decoded ahead of their use and in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from kerasface.images.decoding import ImageError, decode

# Pixels of one batch: 12 megapixels are 36 MB of RGB.
_BATCH_PIXELS = 12_000_000
_AHEAD = 4  # photos decoded before they are asked for
_LOOKERS = 2  # batches or frames looked at side by side

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Photo:
    """One photo file.

    Attributes:
        path: The file.
        image: RGB `(height, width, 3)` uint8, or `None` where it could not be decoded.
        problem: Why not, in one sentence that names the file; else `None`.
        notes: What is to be known of a file that could be decoded, each a sentence that names it.
    """

    path: Path
    image: np.ndarray | None
    problem: str | None
    notes: tuple[str, ...] = ()


def read_photos(paths: Sequence[Path], *, batch_size: int = 32) -> Iterator[list[Photo]]:
    """Yields the photos in order, in batches of at most `batch_size` files and about 12 megapixels.

    Files that cannot be decoded come along with their problem; none is dropped.
    """
    batch, pixels = [], 0
    for photo in _decoded_ahead(paths):
        batch.append(photo)
        pixels += 0 if photo.image is None else photo.image.shape[0] * photo.image.shape[1]
        if len(batch) == batch_size or pixels >= _BATCH_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def looked_at(paths: Sequence[Path], look: Callable[[list[Photo]], Result]) -> Iterator[tuple[list[Photo], Result]]:
    """Yields the batches of `read_photos` in order, each with what `look` makes of it.

    Two batches are looked at side by side: detection and embedding leave a core idle in turns.

    Args:
        paths: The files.
        look: Takes a batch; it is called in threads of their own.
    """
    yield from side_by_side(read_photos(paths), look)


def side_by_side(items: Iterable[Item], work: Callable[[Item], Result]) -> Iterator[tuple[Item, Result]]:
    """Yields items in order, each with what `work` makes of it in threads of their own, two at a time."""
    with ThreadPoolExecutor(_LOOKERS) as pool:
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) == _LOOKERS:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


def _decoded_ahead(paths: Iterable[Path]) -> Iterator[Photo]:
    """Decodes in two threads (decoders release the interpreter lock), a few photos ahead of the consumer."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting: deque[Future[Photo]] = deque()
        for path in paths:
            waiting.append(pool.submit(_read, path))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read(path: Path) -> Photo:
    notes: list[str] = []
    try:
        return Photo(path, decode(path, on_note=notes.append), None, tuple(notes))
    except ImageError as error:
        return Photo(path, None, str(error))
