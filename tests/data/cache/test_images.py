"""The image cache: every file once, in its right shape, and nothing lost in silence, a full disk included."""

import errno
import shutil
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from kerasface.data.cache import images as image_cache
from kerasface.data.cache.images import cache_images, cache_resized, channel_statistics
from kerasface.data.cache.store import RecordStore
from kerasface.images.decoding import decode
from kerasface.images.squares import fit_square

SIZE = 16


@pytest.fixture
def files(tmp_path):
    """Pictures of 60 x 30, 20 x 50 and 4 x 4 pixels, a copy of the first, a file of text, and a missing one."""
    folder = tmp_path / "files"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, (width, height) in {"wide.png": (60, 30), "tall.png": (20, 50), "tiny.png": (4, 4)}.items():
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(folder / name)
    shutil.copy(folder / "wide.png", folder / "copy.png")
    (folder / "bad.jpg").write_text("not an image")
    return [folder / name for name in ("wide.png", "bad.jpg", "tall.png", "copy.png", "gone.png", "tiny.png")]


def test_every_file_is_there_or_rejected_with_its_reason(files, tmp_path):
    reports = []
    found = cache_images(files, SIZE, tmp_path / "cache", lambda *counts: reports.append(counts))
    assert found.positions.tolist() == [0, 2, 3, 5]
    assert found.images.shape == (4, SIZE, SIZE, 3)
    assert found.images.dtype == np.uint8
    assert found.num_computed == 3  # copy.png has the content of wide.png
    assert found.keys[0] == found.keys[2]
    assert [path.name for path, _ in found.rejected] == ["bad.jpg", "gone.png"]
    assert all(str(path) in reason for path, reason in found.rejected)
    assert reports[-1] == (6, 6)
    for position, image in zip(found.positions, found.images[:], strict=True):
        np.testing.assert_array_equal(image, fit_square(decode(files[position]), SIZE))


def test_the_second_time_nothing_is_decoded(files, tmp_path):
    first = cache_images(files, SIZE, tmp_path / "cache")
    again = cache_images(files[::-1], SIZE, tmp_path / "cache")
    assert again.num_computed == 0
    np.testing.assert_array_equal(again.images[:], first.images[::-1])
    assert cache_images(files, SIZE + 1, tmp_path / "cache").num_computed == 3  # another size is another cache


def test_a_changed_file_is_decoded_again(files, tmp_path):
    cache_images(files, SIZE, tmp_path / "cache")
    Image.new("RGB", (20, 20), (200, 10, 10)).save(files[0])
    found = cache_images(files, SIZE, tmp_path / "cache")
    assert found.num_computed == 1
    np.testing.assert_array_equal(found.images[:1], np.full((1, SIZE, SIZE, 3), (200, 10, 10)))


def test_a_bad_file_that_is_there_twice_is_named_twice(files, tmp_path):
    shutil.copy(files[1], files[1].with_name("worse.jpg"))
    found = cache_images([files[1], files[0], files[1].with_name("worse.jpg")], SIZE, tmp_path / "cache")
    assert [path.name for path, _ in found.rejected] == ["bad.jpg", "worse.jpg"]
    assert all(str(path) in reason for path, reason in found.rejected)


def test_of_a_wide_picture_the_middle_is_taken():
    image = np.zeros((10, 30, 3), dtype=np.uint8)
    image[:, 10:20] = 200
    np.testing.assert_array_equal(fit_square(image, 5), np.full((5, 5, 3), 200))
    np.testing.assert_array_equal(fit_square(image.transpose(1, 0, 2), 20), np.full((20, 20, 3), 200))


def test_shrinking_averages_all_pixels():
    """A checkerboard of single pixels becomes even grey; interpolation between neighbours would keep a pattern."""
    image = np.indices((64, 64)).sum(axis=0) % 2 * 255
    shrunk = fit_square(np.repeat(image[..., None], 3, axis=2).astype(np.uint8), 8)
    assert ((shrunk >= 127) & (shrunk <= 128)).all()


def test_an_extremely_long_picture_needs_no_memory():
    assert fit_square(np.zeros((2, 100_000, 3), dtype=np.uint8), 112).shape == (112, 112, 3)


def test_a_disk_too_small_is_named_before_anything_is_decoded(files, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1000, 900, 100))
    monkeypatch.setattr(image_cache, "read_photos", lambda paths: pytest.fail("decoded before the check"))
    with pytest.raises(OSError, match=r"The images need 0.1 MiB; 0.0 MiB are free.*KERASFACE_CACHE") as caught:
        cache_images(files, 100, tmp_path / "cache")
    assert caught.value.errno == errno.ENOSPC
    assert not (tmp_path / "cache").exists()


def test_a_disk_that_fills_up_leaves_a_cache_that_can_be_continued(files, tmp_path):
    """A file may not grow past two records: the third image does not fit, like on a full disk."""
    resource = pytest.importorskip("resource", reason="File sizes can be limited on Unix only.")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * SIZE * SIZE * 3 + 100, limit[1]))
    try:
        with pytest.raises(OSError, match=r"cannot be written.*Free space.*KERASFACE_CACHE") as caught:
            cache_images(files, SIZE, tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "\n" not in str(caught.value)
    found = cache_images(files, SIZE, tmp_path / "cache")
    assert found.num_computed == 1
    for position, image in zip(found.positions, found.images[:], strict=True):
        np.testing.assert_array_equal(image, fit_square(decode(files[position]), SIZE))


def test_a_store_goes_on_after_a_failed_record(tmp_path):
    """What is added after a torn record must not be read from where the torn one lies."""
    resource = pytest.importorskip("resource", reason="File sizes can be limited on Unix only.")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    one, two = (np.full((100,), value, dtype=np.uint8) for value in (1, 2))
    with RecordStore(tmp_path, (100,), "uint8") as store:
        store.add("one", one)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150, limit[1]))
        try:
            with pytest.raises(OSError, match=r"File too large.*Free space.*KERASFACE_CACHE"):
                store.add("torn", two)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        store.add("two", two)
        assert "torn" not in store
        np.testing.assert_array_equal(store.array(["two", "one"])[:], [two, one])
    store = RecordStore(tmp_path, (100,), "uint8")
    np.testing.assert_array_equal(store.array(["two", "one"])[:], [two, one])
    assert "torn" not in store


def test_an_array_on_disk_is_indexed_like_one_in_memory(tmp_path):
    for keys in ("abc", "def"):
        with RecordStore(tmp_path, (2,), "uint8") as store:
            for key in keys:
                store.add(key, np.full(2, ord(key), dtype=np.uint8))
    store = RecordStore(tmp_path, (2,), "uint8")
    array, whole = store.array(list("dafceb")), np.array([[ord(key)] * 2 for key in "dafceb"])
    assert len(array) == 6
    assert array.shape == (6, 2)
    for indices in (np.array([5, 0, 0]), np.array([-1]), np.array([], dtype=int), slice(1, 4), slice(None)):
        np.testing.assert_array_equal(array[indices], whole[indices])


def test_a_note_alone_is_no_record(tmp_path):
    with RecordStore(tmp_path, (2,), "uint8") as store:
        store.add("a", None, {"problem": "no face"})
        with pytest.raises(KeyError):
            store.array(["a"])


def test_no_file_at_all_is_an_empty_array(tmp_path):
    found = cache_images([], SIZE, tmp_path / "cache")
    assert found.images.shape == (0, SIZE, SIZE, 3)
    assert found.rejected == []


def test_the_size_is_checked(tmp_path):
    with pytest.raises(ValueError, match="image_size=0"):
        cache_images([], 0, tmp_path)


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 5), st.integers(1, 5), st.just(3))), st.integers(1, 4)
)
def test_statistics_in_blocks_are_those_of_all_pixels(images, block_size):
    mean, variance = channel_statistics(images, block_size=block_size)
    np.testing.assert_allclose(mean, images.mean(axis=(0, 1, 2)), atol=1e-8)
    np.testing.assert_allclose(variance, images.var(axis=(0, 1, 2)), atol=1e-6)


def test_statistics_of_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one image"):
        channel_statistics(np.zeros((0, 4, 4, 3), dtype=np.uint8))


def test_resampling_a_square_of_the_same_size_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    np.testing.assert_array_equal(fit_square(image, SIZE), image)


def test_stored_images_are_resized_once(files, tmp_path, monkeypatch):
    """Beside the folder they came from, under its name and the size, keyed as before."""
    found = cache_images(files, SIZE, tmp_path / "cache")
    resized = cache_resized(found.images, found.keys, 7, tmp_path / "cache" / "squares")
    assert (resized.shape, resized.dtype) == ((4, 7, 7, 3), np.uint8)
    np.testing.assert_array_equal(resized[:], [fit_square(image, 7) for image in found.images[:]])
    assert len(RecordStore(tmp_path / "cache" / "squares-7", (7, 7, 3), "uint8").read(found.keys[:1])) == 1
    monkeypatch.setattr(image_cache, "fit_square", lambda *arguments: pytest.fail("resized again"))
    again = cache_resized(found.images, found.keys, 7, tmp_path / "cache" / "squares")
    np.testing.assert_array_equal(again[:], resized[:])


def test_nothing_to_resize_is_an_empty_array(files, tmp_path):
    found = cache_images([], SIZE, tmp_path / "cache")
    assert cache_resized(found.images, [], 7, tmp_path / "cache" / "squares").shape == (0, 7, 7, 3)


def test_sixteen_bits_and_print_colours_become_rgb(tmp_path):
    """16 bits: 65535 / 2 is 127.5 of 255. CMYK without ink is white, with cyan alone it is (0, 255, 255)."""
    Image.fromarray(np.full((4, 4), 32768, dtype=np.uint16)).save(tmp_path / "grey16.png")
    Image.new("CMYK", (4, 4), (0, 0, 0, 0)).save(tmp_path / "white.tif")
    Image.new("CMYK", (4, 4), (255, 0, 0, 0)).save(tmp_path / "cyan.tif")
    files = [tmp_path / name for name in ("grey16.png", "white.tif", "cyan.tif")]
    found = cache_images(files, 2, tmp_path / "cache")
    assert found.rejected == []
    expected = np.array([[128, 128, 128], [255, 255, 255], [0, 255, 255]])
    np.testing.assert_array_equal(found.images[:], np.broadcast_to(expected[:, None, None], (3, 2, 2, 3)))
