"""Features of a frozen backbone, computed once per image, and once per augmented copy of it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from kerasface.data.augmentation import augment_image, batch_key
from kerasface.data.cache.store import RecordStore, StoredArray
from kerasface.models.runtime import Network

Progress = Callable[[int, int], None]
_BLOCK = 256  # images computed and stored at a time


def cached_features(
    images: StoredArray | np.ndarray,
    keys: Sequence[str],
    network: Network,
    dim: int,
    folder: Path,
    *,
    copy: int = 0,
    policy: str = "none",
    flip: bool = True,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> StoredArray:
    """Computes the features of every image that is not stored yet.

    A copy is a function of seed, its number and the image's key alone, so features that an interrupted run has stored
    are those that an uninterrupted one computes.

    Args:
        images: RGB uint8, shape `(num_images, height, width, 3)`.
        keys: Key of each image's content, length `num_images`.
        network: From images to one array `(n, dim)`.
        dim: Length of a feature vector.
        folder: Folder of the stores; its name states what the images and the network are.
        copy: 0 for the images as they are; other numbers are augmented copies.
        policy: Augmentation of the copies, one of `augmentation.POLICIES`.
        flip: Whether mirroring is part of it.
        seed: Seed of the augmentation.
        on_progress: Called with the number of images done and their total.

    Returns:
        `(num_images, dim)` float32, on disk.
    """
    report = on_progress or (lambda done, total: None)
    name = "plain" if copy == 0 else f"{policy}-{'flip' if flip else 'noflip'}-seed{seed}-copy{copy}"
    with RecordStore(folder / name, (dim,), "float32") as store:
        first = {key: index for index, key in reversed(list(enumerate(keys))) if key not in store}
        todo = sorted(first.values())
        report(0, len(todo))
        done = 0
        for block in _blocks(todo):
            pictures = images[block]
            if copy:
                pictures = np.stack(
                    [
                        augment_image(picture, policy, _key(seed, copy, keys[index]), flip=flip)
                        for picture, index in zip(pictures, block, strict=True)
                    ]
                )
            (features,) = network(pictures)
            for index, vector in zip(block, features, strict=True):
                store.add(keys[index], vector)
            done += len(block)
            report(done, len(todo))
    return store.array(list(keys))


def _blocks(indices: list[int]) -> Iterator[np.ndarray]:
    for start in range(0, len(indices), _BLOCK):
        yield np.array(indices[start : start + _BLOCK])


def _key(seed: int, copy: int, content: str) -> np.ndarray:
    return batch_key(seed, copy, int(content[:12], 16))
