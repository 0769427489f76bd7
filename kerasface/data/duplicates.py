"""Finds pictures that are there twice, and sees to it that none of them stands on both sides of a split.

Exact duplicates are files of equal content. Near duplicates (recompressed, resized) are pictures whose perceptual hash
differs in few bits and whose 32 x 32 thumbnails agree. The hash alone takes small handwritten digits for one another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from kerasface.data.cache.store import StoredArray

MAX_DISTANCE = 4  # of 64 bits; at most 4 between 300 LFW photos and their JPEGs of quality 50, resized twice
# Grey levels, mean over a thumbnail: recompressed photos differ by up to 1.1, two prints of one photo in LFW by up to
# 4.8, different digits whose hashes agree by 7.8 and more.
MAX_DIFFERENCE = 6.0
_THUMBNAIL = 32  # pixels
_BLOCK = 256  # hashes compared with all others at a time: 256 * 20,000 * 8 bytes are 41 MB


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """What pictures are compared by.

    Attributes:
        hashes: Perceptual hashes, `(num_images,)` uint64.
        thumbnails: Grey thumbnails, `(num_images, 32, 32)` uint8.
    """

    hashes: np.ndarray
    thumbnails: np.ndarray


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Which pictures belong together.

    Attributes:
        content: Number of each file's content, `(num_images,)` int64; equal where the files are equal.
        group: Number of each picture's group of duplicates, exact and near, `(num_images,)` int64. Groups are closed:
            if A is like B and B is like C, all three are in one.
    """

    content: np.ndarray
    group: np.ndarray


@dataclass(frozen=True, eq=False)
class LeakReport:
    """What a split or its labels let through; rows of indices into all images.

    Attributes:
        exact: `(num, 2)`: a validation image and a training image of equal content.
        near: `(num, 2)`: a validation image and a training image of one group, but of no equal content.
        two_labels_exact: `(num, 2)`: two images of equal content under different labels.
        two_labels_near: `(num, 2)`: two images of one group, not of equal content, under different labels.
        shared_labels: Labels with images on both sides. In a split of strangers there must be none.
    """

    exact: np.ndarray
    near: np.ndarray
    two_labels_exact: np.ndarray
    two_labels_near: np.ndarray
    shared_labels: np.ndarray


def fingerprint(images: np.ndarray | StoredArray, *, block_size: int = 256) -> Fingerprints:
    """Computes hash and thumbnail of every image.

    The hash has one bit for each of the 64 lowest frequencies of the grey thumbnail in both directions, the constant
    ones left out: whether its coefficient lies above their median.

    Args:
        images: RGB uint8, shape `(num_images, height, width, 3)`.
        block_size: Images read at a time.
    """
    bits = np.zeros((len(images), 64), dtype=bool)
    thumbnails = np.zeros((len(images), _THUMBNAIL, _THUMBNAIL), dtype=np.uint8)
    for start in range(0, len(images), block_size):
        for index, image in enumerate(images[start : start + block_size], start=start):
            grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
            thumbnails[index] = cv2.resize(grey, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
            spectrum = cv2.dct(thumbnails[index].astype(np.float32))[1:9, 1:9].ravel()
            bits[index] = spectrum > np.median(spectrum)
    return Fingerprints(np.packbits(bits, axis=1).view(np.uint64)[:, 0], thumbnails)


def find_duplicates(keys: Sequence[str], prints: Fingerprints) -> Duplicates:
    """Groups equal and nearly equal pictures. Every picture is compared with every other: 20,000 take about a second.

    Args:
        keys: Content hash of each file, length `num_images`.
        prints: Fingerprints of the images, in the order of `keys`.

    Raises:
        ValueError: If the lengths differ.
    """
    if len(keys) != len(prints.hashes):
        raise ValueError(
            f"Every image needs a key and a hash. Received: {len(keys)} keys, {len(prints.hashes)} hashes."
        )
    count = len(keys)
    if count == 0:
        return Duplicates(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    content = np.unique(np.asarray(keys), return_inverse=True)[1].reshape(count)
    # Thousands of equal pictures (black frames) would make millions of pairs; one of each look stands for all.
    flat = np.ascontiguousarray(prints.thumbnails).reshape(count, -1)
    looks = flat.view(np.dtype((np.void, flat.shape[1])))[:, 0]
    _, first, look = np.unique(looks, return_index=True, return_inverse=True)
    near = near_pairs(prints.hashes[first], MAX_DISTANCE)
    difference = _mean_difference(flat, first[near])
    edges = [first[near[difference <= MAX_DIFFERENCE]], np.stack([np.arange(count), first[look]], axis=1)]
    edges.append(np.stack([np.arange(count), np.unique(content, return_index=True)[1][content]], axis=1))
    return Duplicates(content, _components(count, np.concatenate(edges)))


def near_pairs(hashes: np.ndarray, max_distance: int = MAX_DISTANCE) -> np.ndarray:
    """Returns all pairs `(first, second)`, `first < second`, of hashes that differ in at most `max_distance` bits.

    Args:
        hashes: `(num_images,)` uint64.
        max_distance: Largest number of differing bits.

    Returns:
        Indices, int64, shape `(num_pairs, 2)`, sorted.
    """
    found = [np.zeros((0, 2), dtype=np.int64)]
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK, None]
        distances = np.bitwise_count(block ^ hashes[None, start:])  # (block, num_images - start)
        pairs = np.argwhere(distances <= max_distance)
        found.append(start + pairs[pairs[:, 0] < pairs[:, 1]])
    return np.concatenate(found)


def leak_report(
    duplicates: Duplicates, labels: Sequence[int] | np.ndarray, train: np.ndarray, validation: np.ndarray
) -> LeakReport:
    """Lists what stands on both sides of a split, and what stands under two labels.

    Args:
        duplicates: Of all images.
        labels: Label of every image, integers, shape `(num_images,)`.
        train: Indices of the training images.
        validation: Indices of the validation images.
    """
    labels = np.asarray(labels)
    exact, near = (_partners(numbers, train, validation) for numbers in (duplicates.content, duplicates.group))
    conflicts, near_conflicts = (_conflicts(numbers, labels) for numbers in (duplicates.content, duplicates.group))
    return LeakReport(
        exact=exact,
        near=near[~np.isin(near[:, 0], exact[:, 0])],
        two_labels_exact=conflicts,
        two_labels_near=near_conflicts[~_same(duplicates.content, near_conflicts)],
        shared_labels=np.intersect1d(labels[train], labels[validation]),
    )


def keep_together(
    duplicates: Duplicates, train: np.ndarray, validation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moves validation images that have a duplicate in training to the training side.

    Returns:
        `(train, validation, moved)`: ascending indices; nothing is lost, and no group stands on both sides.
    """
    crosses = np.isin(duplicates.group[validation], duplicates.group[train])
    moved = np.sort(np.asarray(validation)[crosses])
    return np.sort(np.concatenate([train, moved])), np.sort(np.asarray(validation)[~crosses]), moved


def _mean_difference(flat: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Mean absolute difference of the thumbnails of each pair, `(num_pairs,)`, in grey levels."""
    result = np.empty(len(pairs))
    for start in range(0, len(pairs), 4096):  # 4096 * 1024 * 2 bytes: 8 MB
        first, second = flat[pairs[start : start + 4096].T].astype(np.int16)
        result[start : start + 4096] = np.abs(first - second).mean(axis=1)
    return result


def _components(count: int, edges: np.ndarray) -> np.ndarray:
    """Numbers the connected components of a graph with `count` nodes, `(count,)` int64."""
    parent = list(range(count))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in edges.tolist():
        parent[root(one)] = root(other)
    return np.unique([root(node) for node in range(count)], return_inverse=True)[1].astype(np.int64)


def _partners(numbers: np.ndarray, train: np.ndarray, validation: np.ndarray) -> np.ndarray:
    """Pairs every validation image with the first training image of the same number, `(num_pairs, 2)`."""
    known, first = np.unique(numbers[train], return_index=True)
    leaking = np.asarray(validation)[np.isin(numbers[validation], known)]
    partner = np.asarray(train)[first[np.searchsorted(known, numbers[leaking])]]
    return np.stack([leaking, partner], axis=1).astype(np.int64)


def _conflicts(numbers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Pairs the first image of each number with the first image of that number under each other label."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    representative = first[inverse]
    _, once = np.unique(np.stack([numbers, labels], axis=1), axis=0, return_index=True)
    other = np.sort(once[labels[once] != labels[representative[once]]])
    return np.stack([representative[other], other], axis=1).astype(np.int64)


def _same(numbers: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return numbers[pairs[:, 0]] == numbers[pairs[:, 1]]
