"""Duplicates: found, told from look-alikes, and kept off the other side of a split."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from kerasface.data.duplicates import (
    Fingerprints,
    find_duplicates,
    fingerprint,
    keep_together,
    leak_report,
    near_pairs,
)
from kerasface.data.folders import split_holdout


@pytest.fixture(scope="module")
def scenes(portrait):
    """Twelve different pictures of 112 x 112 pixels, cut from the portrait."""
    corners = [(y, x) for y in (0, 120, 240) for x in (0, 110, 220, 330)]
    return np.stack(
        [cv2.resize(portrait[y : y + 180, x : x + 180], (112, 112), interpolation=cv2.INTER_AREA) for y, x in corners]
    )


def recompressed(image):
    """The picture at another size and as a JPEG of low quality, brought back."""
    other = cv2.resize(image, (90, 90), interpolation=cv2.INTER_AREA)
    other = cv2.imdecode(cv2.imencode(".jpg", other, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    return cv2.resize(other, (112, 112), interpolation=cv2.INTER_LINEAR)


def prints_of(hashes):
    """Fingerprints with these hashes and thumbnails that never disagree enough to matter, but are all different."""
    thumbnails = np.zeros((len(hashes), 32, 32), dtype=np.uint8)
    thumbnails[:, 0, 0] = np.arange(len(hashes)) % 256
    thumbnails[:, 0, 1] = np.arange(len(hashes)) // 256
    return Fingerprints(np.array(hashes, dtype=np.uint64), thumbnails)


def test_a_recompressed_picture_is_found_and_different_ones_are_not(scenes):
    images = np.concatenate([scenes, [recompressed(image) for image in scenes], scenes[:1]])
    keys = [*map(str, range(24)), "0"]
    found = find_duplicates(keys, fingerprint(images, block_size=7))
    assert len(np.unique(found.group)) == 12
    np.testing.assert_array_equal(found.group[:12], found.group[12:24])
    assert found.group[24] == found.group[0]
    assert len(np.unique(found.content)) == 24
    assert found.content[24] == found.content[0]


def test_different_digits_are_not_taken_for_one_another():
    """All 1,797 are different drawings, and the hashes of some agree in 60 of 64 bits."""
    digits = [cv2.resize((image * 15.9).astype(np.uint8), (32, 32)) for image in load_digits().images]
    images = np.repeat(np.stack(digits)[..., None], 3, axis=3)
    found = find_duplicates([*map(str, range(len(images)))], fingerprint(images))
    assert len(np.unique(found.group)) == len(images)


def test_plain_pictures_are_duplicates_only_of_their_own_colour():
    images = np.stack([np.full((8, 8, 3), grey, dtype=np.uint8) for grey in (0, 100, 200, 100)])
    found = find_duplicates(list("abcd"), fingerprint(images))
    assert found.group[1] == found.group[3]
    assert len(np.unique(found.group)) == 3


@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.sets(st.integers(0, 63), max_size=6)), max_size=12),
    st.integers(0, 6),
)
@pytest.mark.slow
def test_near_pairs_are_those_of_a_plain_count(hashes, changes, max_distance):
    """Random hashes never come near one another, so copies with some bits turned are added."""
    hashes = hashes + [hashes[of % len(hashes)] ^ sum(1 << bit for bit in bits) for of, bits in changes if hashes]
    expected = [
        [first, second]
        for first in range(len(hashes))
        for second in range(first + 1, len(hashes))
        if (hashes[first] ^ hashes[second]).bit_count() <= max_distance
    ]
    assert near_pairs(np.array(hashes, dtype=np.uint64), max_distance).tolist() == expected


def test_pairs_are_found_across_blocks():
    hashes = np.random.default_rng(0).integers(0, 2**63, 700, dtype=np.uint64)
    hashes[[10, 300, 699]] = hashes[5]
    assert near_pairs(hashes, 0).tolist() == [[5, 10], [5, 300], [5, 699], [10, 300], [10, 699], [300, 699]]


def test_groups_are_closed():
    """0 and 7 bits differ too much, but 4 bits lie between them."""
    found = find_duplicates(list("abcd"), prints_of([0, 0b1111, 0b1111111, 2**63 - 1]))
    assert found.group[0] == found.group[1] == found.group[2] != found.group[3]
    assert len(np.unique(found.content)) == 4


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=4, max_size=40), st.integers(0, 9), st.data())
def test_after_keeping_together_nothing_leaks(pictures, seed, data):
    """Pictures are `(content, label)`; contents 4 and 5 are near duplicates of each other, the others far apart."""
    content, labels = np.array(pictures).T
    far = [0, 0x5555_5555_0000_0000, 0x0000_0000_5555_5555, 2**64 - 1, 0xFF00FF00FF00FF00, 0xFF00FF00FF00FF01]
    prints = Fingerprints(np.array(far, dtype=np.uint64)[content], np.zeros((len(content), 32, 32), dtype=np.uint8))
    prints.thumbnails[:, 0, 0] = content
    duplicates = find_duplicates([str(number) for number in content], prints)
    train, validation = split_holdout(labels, 0.4, seed)
    report = leak_report(duplicates, labels, train, validation)

    groups = np.minimum(content, 4)
    leaking = {index for index in validation if content[index] in content[train]}
    assert set(report.exact[:, 0]) == leaking
    assert (content[report.exact[:, 0]] == content[report.exact[:, 1]]).all()
    near = {index for index in validation if groups[index] in groups[train]} - leaking
    assert set(report.near[:, 0]) == near
    assert np.isin(report.near[:, 1], train).all()
    assert set(report.shared_labels) == set(labels[train]) & set(labels[validation])
    two_labels = {number for number in content if len(set(labels[content == number])) > 1}
    assert {content[first] for first, _ in report.two_labels_exact} == two_labels
    assert (labels[report.two_labels_exact[:, 0]] != labels[report.two_labels_exact[:, 1]]).all()
    assert (content[report.two_labels_near[:, 0]] != content[report.two_labels_near[:, 1]]).all()

    kept_train, kept_validation, moved = keep_together(duplicates, train, validation)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept_train, kept_validation])), np.arange(len(content)))
    assert set(moved) == leaking | near
    after = leak_report(duplicates, labels, kept_train, kept_validation)
    assert len(after.exact) == len(after.near) == 0


@pytest.mark.slow
def test_two_of_twenty_thousand_are_found():
    hashes = np.random.default_rng(0).integers(0, 2**63, 20_000, dtype=np.uint64)
    hashes[19_999] = hashes[0] ^ np.uint64(0b1011)
    found = find_duplicates([*map(str, range(20_000))], prints_of(hashes))
    assert found.group[0] == found.group[19_999]
    assert len(np.unique(found.group)) == 19_999


def test_thousands_of_equal_pictures_are_one_group():
    prints = Fingerprints(np.zeros(5000, dtype=np.uint64), np.zeros((5000, 32, 32), dtype=np.uint8))
    assert len(np.unique(find_duplicates([*map(str, range(5000))], prints).group)) == 1


def test_no_picture_at_all_has_no_duplicate():
    found = find_duplicates([], fingerprint(np.zeros((0, 8, 8, 3), dtype=np.uint8)))
    assert len(found.group) == len(found.content) == 0


def test_keys_and_hashes_go_together():
    with pytest.raises(ValueError, match="1 keys, 2 hashes"):
        find_duplicates(["a"], prints_of([1, 2]))
