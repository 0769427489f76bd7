"""Folders of pictures and masks: what belongs together, what a mask may hold, and what comes onto the canvas."""

import re
import shutil
import struct
import zlib
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kerasface.data.masks import cache as mask_cache
from kerasface.data.masks.augmentation import OUTSIDE
from kerasface.data.masks.cache import MaskedImages, check_classes, load_pairs, on_canvas
from kerasface.data.masks.reading import default_colors, read_classes, read_mask, read_mask_folders
from kerasface.images.decoding import ImageError

CLASSES = ("background", "skin", "hair")
COLORS = ((0, 0, 0), (255, 128, 0), (0, 0, 255))
IDS = np.random.default_rng(0).integers(0, 3, (6, 9)).astype(np.uint8)
IDS[0, 0] = 0


def save(pixels, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **options)
    return path


def add_pair(root, name, ids=IDS, picture=None):
    picture = np.full((*ids.shape, 3), 200, np.uint8) if picture is None else picture
    return save(picture, root / "images" / f"{name}.jpg"), save(ids, root / "masks" / f"{name}.png")


@pytest.fixture
def root(tmp_path):
    """Pairs `a` and `b` of 9 x 6 pixels, three classes in `classes.txt`."""
    for name in "ba":
        add_pair(tmp_path / "data", name)
    (tmp_path / "data" / "classes.txt").write_text("background\nskin #ff8000\nhair #0000FF\n")
    return tmp_path / "data"


def test_pairs_are_sorted_by_stem_and_the_classes_come_from_the_file(root):
    folders = read_mask_folders(str(root))
    assert folders.names == ["a", "b"]
    assert folders.images == [root / "images" / "a.jpg", root / "images" / "b.jpg"]
    assert folders.masks == [root / "masks" / "a.png", root / "masks" / "b.png"]
    assert folders.classes == CLASSES
    assert folders.colors == COLORS
    assert folders.rejected == []


def test_everything_else_is_rejected_with_its_reason(root):
    save(IDS, root / "masks" / "alone.png")
    save(IDS, root / "images" / "bare.png")
    (root / "images" / "notes.txt").write_text("words")
    (root / "masks" / "old").mkdir()
    (root / "masks" / ".hidden.png").write_text("")
    folders = read_mask_folders(root)
    assert folders.names == ["a", "b"]
    told = {
        "notes.txt": "Not an image.",
        "bare.png": "No mask of this name.",
        "old": "A folder, where an image file is needed.",
        "alone.png": "No picture of this name.",
    }
    assert {path.name for path, _ in folders.rejected} == set(told)
    assert all(reason.startswith(f"{path}: {told[path.name]}") for path, reason in folders.rejected)


def test_reading_the_folders_opens_no_picture(root):
    for path in [*root.glob("images/*"), *root.glob("masks/*")]:
        path.write_bytes(b"")
    assert read_mask_folders(root).names == ["a", "b"]


@pytest.mark.parametrize("missing", ["", "images", "masks"])
def test_a_missing_folder_is_named(root, missing):
    shutil.rmtree(root / missing)
    with pytest.raises(ValueError, match=re.escape(f"{root / missing} does not exist. Put the pictures into")):
        read_mask_folders(root)


def test_no_pair_shows_how_the_names_differ(root):
    for path in root.glob("masks/*"):
        path.rename(path.with_stem(f"{path.stem}_mask"))
    with pytest.raises(ValueError, match=r"2 files, such as a\.jpg, in images, 2 files, such as a_mask\.png, in masks"):
        read_mask_folders(root)
    shutil.rmtree(root / "masks")
    (root / "masks").mkdir()
    with pytest.raises(ValueError, match="no file in masks"):
        read_mask_folders(root)


@pytest.mark.parametrize("folder", ["images", "masks"])
def test_two_files_of_one_stem_are_named(root, folder):
    save(IDS, root / folder / "a.bmp")
    with pytest.raises(ValueError, match=rf"Received: a\.bmp and a\.\w+ in .*{folder}"):
        read_mask_folders(root)


def test_without_names_the_classes_are_numbered_up_to_the_largest_id(root):
    (root / "classes.txt").unlink()
    add_pair(root, "c", np.where(IDS == 1, 4, IDS).astype(np.uint8))
    (root / "masks" / "b.png").write_text("damaged")
    folders = read_mask_folders(root)
    assert folders.classes == ("class 0", "class 1", "class 2", "class 3", "class 4")
    assert folders.colors[0] == (0, 0, 0)
    assert len(set(folders.colors)) == 5


def test_masks_in_colours_need_their_classes(root):
    (root / "classes.txt").unlink()
    for path in root.glob("masks/*"):
        save(np.full((6, 9, 3), (1, 2, 3), np.uint8), path)
    with pytest.raises(ValueError, match=r"holds class ids. Name the classes in classes.txt.*a\.png.*#010203"):
        read_mask_folders(root)


def test_the_caller_can_name_the_classes_of_a_folder_without_names(root):
    (root / "classes.txt").unlink()
    folders = read_mask_folders(root, classes=list(CLASSES))
    assert folders.classes == CLASSES
    assert folders.colors == default_colors(3)
    assert read_mask_folders(root, CLASSES, COLORS).colors == COLORS


def test_the_file_and_the_caller_must_agree(root):
    assert read_mask_folders(root, classes=CLASSES).colors == COLORS
    with pytest.raises(
        ValueError, match=r"names other classes\. Received: background, hair, skin; there: background, s"
    ):
        read_mask_folders(root, classes=("background", "hair", "skin"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("background\nskin #12\n", "line 2, 'skin #12'"),
        ("background\nskin#ff0000\n", "line 2, 'skin#ff0000'"),
        ("background\n\nskin\n", "line 2, ''"),
        ("#000000\nskin\n", "line 1, '#000000'"),
        ("a #000000 #ffffff\nb", "line 1, 'a #000000 #ffffff'"),
        ("background\n", "1 names"),
        ("", "0 names"),
        ("skin\nhair\nskin\n", "3 names, 2 of them different"),
        ("skin #ff0000\nhair #FF0000\n", "same colour"),
        ("\n".join(f"c{index}" for index in range(256)), "256 names"),
    ],
)
def test_a_bad_list_of_classes_is_explained(root, text, message):
    (root / "classes.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_mask_folders(root)


def test_a_list_of_classes_that_is_no_text_is_named(root):
    (root / "classes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"classes\.txt: Cannot be read as UTF-8 text"):
        read_mask_folders(root)


def test_names_may_hold_spaces_and_any_letters_and_some_may_lack_a_colour(root):
    text = "\ufeffbackground\n  upper lip  #E69F00\nHaar über Ohr\nc \n\n"
    (root / "classes.txt").write_text(text, encoding="utf-8")
    folders = read_mask_folders(root)
    assert folders.classes == ("background", "upper lip", "Haar über Ohr", "c")
    assert folders.colors[1] == (230, 159, 0)
    assert len(set(folders.colors)) == 4  # although that is the first of the default colours, too


def test_default_colours_are_distinct_up_to_the_largest_number_of_classes():
    colors = default_colors(255)
    assert len(set(colors)) == 255
    assert colors[0] == (0, 0, 0)
    assert all(0 <= channel <= 255 for color in colors for channel in color)
    assert colors[:6] == default_colors(6)  # whatever the number, a class keeps its colour
    others = default_colors(12, taken=colors[:20])
    assert len({*others, *colors[:20]}) == 32


def palette_image():
    """Ids as palette indices, under colours that have nothing to do with them."""
    image = Image.frombytes("P", (9, 6), IDS.tobytes())
    image.putpalette([9, 9, 9, 9, 9, 9, 200, 100, 50])
    return image


@pytest.mark.parametrize(
    ("suffix", "make"),
    [
        ("png", lambda: Image.fromarray(IDS)),
        ("png", palette_image),
        ("png", lambda: Image.fromarray(IDS.astype(np.uint16))),
        ("png", lambda: Image.merge("LA", [Image.fromarray(IDS), Image.new("L", (9, 6), 255)])),
        ("bmp", lambda: Image.fromarray(IDS)),
        ("gif", palette_image),
        ("tif", lambda: Image.fromarray(IDS)),
        ("tif", lambda: Image.fromarray(IDS.astype(np.int32))),
    ],
    ids=["L", "P", "16 bits", "LA", "BMP", "GIF", "TIFF", "TIFF of 32 bits"],
)
def test_one_channel_holds_ids(tmp_path, suffix, make):
    mask = read_mask(save(make(), tmp_path / f"mask.{suffix}"), CLASSES)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, IDS)


def test_one_bit_is_two_classes(tmp_path):
    image = Image.fromarray(IDS == 1)
    assert image.mode == "1"
    path = save(image, tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(path, CLASSES), IDS == 1)


def test_grey_of_two_and_four_bits_holds_ids(tmp_path):
    """Written by hand: 4 x 1 pixels of ids 0, 1, 2, 1; a reader of pictures would spread them over 0 to 255."""
    for depth, row in {2: b"\x19", 4: b"\x01\x21"}.items():
        header = struct.pack(">IIBBBBB", 4, 1, depth, 0, 0, 0, 0)
        chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]
        content = b"\x89PNG\r\n\x1a\n"
        for kind, data in chunks:
            content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        (tmp_path / "mask.png").write_bytes(content)
        assert read_mask(tmp_path / "mask.png", CLASSES).tolist() == [[0, 1, 2, 1]]


@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("bmp", {}), ("webp", {"lossless": True})])
def test_colours_become_ids(tmp_path, suffix, options):
    path = save(np.uint8(COLORS)[IDS], tmp_path / f"mask.{suffix}", **options)
    np.testing.assert_array_equal(read_mask(path, CLASSES, COLORS), IDS)


def test_what_is_transparent_is_class_0_whatever_its_colour(tmp_path):
    pixels = np.dstack([np.uint8(COLORS)[IDS], np.full(IDS.shape, 255, np.uint8)])
    pixels[2, 3:5] = (77, 88, 99, 0)
    expected = IDS.copy()
    expected[2, 3:5] = 0
    np.testing.assert_array_equal(read_mask(save(pixels, tmp_path / "mask.png"), CLASSES, COLORS), expected)
    pixels[1, 1, 3] = 100
    with pytest.raises(ImageError, match="1 pixels are half transparent"):
        read_mask(save(pixels, tmp_path / "mask.png"), CLASSES, COLORS)


def test_the_orientation_of_a_camera_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stands upright once turned clockwise by 90 degrees
    path = save(Image.fromarray(IDS), tmp_path / "mask.png", exif=exif)
    np.testing.assert_array_equal(read_mask(path, CLASSES), np.rot90(IDS, -1))


def test_unknown_ids_are_counted(tmp_path):
    ids = np.where(IDS == 2, 7, 1).astype(np.uint8)
    ids[0, :2] = 255
    count = (ids == 7).sum()
    assert count > 2
    with pytest.raises(
        ImageError, match=rf"mask.png: .*0 to 2. Received: id 7 \({count} pixels\), id 255 \(2 pixels\)"
    ):
        read_mask(save(ids, tmp_path / "mask.png"), CLASSES)
    with pytest.raises(ImageError, match=r"id 258 \(54 pixels\)"):  # which is 2 in 8 bits
        read_mask(save(np.full((6, 9), 258, np.uint16), tmp_path / "mask.png"), CLASSES)
    with pytest.raises(ImageError, match=r"id -1 \(54 pixels\)"):
        read_mask(save(np.full((6, 9), -1, np.int32), tmp_path / "mask.tif"), CLASSES)


def test_unknown_colours_are_counted_the_most_frequent_first(tmp_path):
    pixels = np.uint8(COLORS)[IDS]
    pixels[0, :5] = [[0, 0, 254], [1, 0, 0], [0, 10, 171], [0, 10, 171], [5, 5, 5]]
    with pytest.raises(
        ImageError, match=r"#000aab \(2 pixels\), #0000fe \(1 pixels\), #010000 \(1 pixels\) and 1 more"
    ):
        read_mask(save(pixels, tmp_path / "mask.png"), CLASSES, COLORS)


@pytest.mark.parametrize("suffix", ["jpg", "png", "heic", "avif"])
@pytest.mark.parametrize("channels", ["RGB", "L"])
def test_a_photo_is_told_to_be_one(portrait, tmp_path, suffix, channels):
    path = tmp_path / f"photo.{suffix}"
    photo = Image.fromarray(portrait[:200, :200]).convert(channels)
    if suffix == "heic":
        import pillow_heif

        pillow_heif.from_pillow(photo).save(path)
    else:
        photo.save(path)
    with pytest.raises(ImageError, match=rf"photo\.{suffix}: Looks like a photo.*save.* as PNG"):
        read_mask(path, CLASSES)


@pytest.mark.parametrize("mode", ["CMYK", "F"])
def test_other_channels_are_refused(tmp_path, mode):
    with pytest.raises(ImageError, match=f"mask.tif: A mask has one channel, RGB or RGBA. Received: mode {mode}"):
        read_mask(save(Image.new(mode, (9, 6)), tmp_path / "mask.tif"), CLASSES)


@pytest.mark.parametrize("content", [b"", b"words", b"\x89PNG\r\n\x1a\n"])
def test_what_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "mask.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"mask\.png"):
        read_mask(path, CLASSES)
    with pytest.raises(ImageError, match=r"gone\.png"):
        read_mask(tmp_path / "gone.png", CLASSES)


def test_a_picture_of_the_canvas_size_stays_as_it_is():
    image = np.random.default_rng(1).integers(0, 256, (4, 8, 3), dtype=np.uint8)
    ids = np.arange(32, dtype=np.uint8).reshape(4, 8)
    canvas = on_canvas(image, ids, 8)
    np.testing.assert_array_equal(canvas[2:6], np.dstack([image, ids]))
    np.testing.assert_array_equal(canvas[[0, 1, 6, 7]], np.full((4, 8, 4), (128, 128, 128, OUTSIDE)))


def test_shrinking_averages_the_picture_and_takes_the_class_of_most_pixels():
    """3 x 3 pixels become one: of the ids 5 of 9, though the middle one is another."""
    tile = np.uint8([[1, 2, 1], [1, 2, 1], [2, 2, 1]])
    image = np.repeat(np.where(tile == 1, 90, 0)[..., None], 3, axis=2).astype(np.uint8)
    canvas = on_canvas(np.tile(image, (4, 4, 1)), np.tile(tile, (4, 4)), 4)
    assert (canvas == (50, 50, 50, 1)).all()  # 5 / 9 of 90


def test_enlarging_leaves_the_border_between_classes_in_the_middle():
    ids = np.uint8([[1, 2], [1, 2]])
    canvas = on_canvas(np.zeros((2, 2, 3), np.uint8), ids, 8)
    np.testing.assert_array_equal(canvas[..., 3], np.tile(np.repeat(np.uint8([1, 2]), 4), (8, 1)))


@given(height=st.integers(1, 60), width=st.integers(1, 60), side=st.integers(1, 40), seed=st.integers(0, 99))
def test_a_canvas_holds_the_whole_picture_in_its_middle(height, width, side, seed):
    """Only ids that were there, no unlabelled pixel inside, and the picture's proportions to within half a pixel."""
    ids = np.random.default_rng(seed).integers(0, 5, (height, width)).astype(np.uint8)
    canvas = on_canvas(np.full((height, width, 3), 77, np.uint8), ids, side)
    inside = canvas[..., 3] != OUTSIDE
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    assert inside.sum() == len(rows) * len(cols)
    assert max(len(rows), len(cols)) == side
    assert abs(min(len(rows), len(cols)) - max(side * min(height, width) / max(height, width), 0.5)) <= 0.5
    assert abs(rows[0] - (side - 1 - rows[-1])) <= 1
    assert abs(cols[0] - (side - 1 - cols[-1])) <= 1
    assert set(np.unique(canvas[inside][:, 3])) <= set(np.unique(ids))
    assert (canvas[inside][:, :3] == 77).all()
    assert (canvas[~inside] == (128, 128, 128, OUTSIDE)).all()


def test_picture_and_mask_stay_together(portrait):
    """A mask that is drawn as the picture: after shrinking both, bright pixels are those of class 1."""
    bright = portrait[..., 0] > 128
    canvas = on_canvas(np.repeat(bright[..., None], 3, axis=2).astype(np.uint8) * 255, bright.astype(np.uint8), 100)
    inside = canvas[..., 3] != OUTSIDE
    np.testing.assert_array_equal(canvas[inside][:, 0] >= 128, canvas[inside][:, 3] == 1)


def test_every_pair_is_loaded_or_rejected_with_its_reason(root, tmp_path):
    add_pair(root, "lying", np.zeros((6, 9), np.uint8), np.zeros((9, 6, 3), np.uint8))
    add_pair(root, "other", np.full((4, 4), 9, np.uint8))
    add_pair(root, "torn")
    (root / "images" / "torn.jpg").write_text("no picture")
    add_pair(root, "z", np.full((2, 4), 2, np.uint8))
    reports = []
    folders = read_mask_folders(root)
    found = load_pairs(folders, 9, tmp_path / "cache", lambda *counts: reports.append(counts))
    assert isinstance(found, MaskedImages)
    assert folders.names == ["a", "b", "lying", "other", "torn", "z"]
    assert found.positions.tolist() == [0, 1, 5]
    assert found.images.shape == (3, 9, 9, 4)
    assert found.images.dtype == np.uint8
    assert [path.name for path, _ in found.rejected] == ["lying.jpg", "other.jpg", "torn.jpg"]
    reasons = [reason for _, reason in found.rejected]
    assert re.search(r"lying.png: .*9 x 6 pixels, the picture lying.jpg has 6 x 9", reasons[0])
    assert re.search(r"other.png: .*id 9 \(16 pixels\)", reasons[1])
    assert "torn.jpg: Not an image" in reasons[2]
    assert found.num_computed == 2  # a and b are the same
    assert reports == [(count, 6) for count in range(7)]
    np.testing.assert_array_equal(found.images[:1][0, 1:7, :, 3], IDS)
    counts = 2 * np.bincount(IDS.ravel(), minlength=3)
    counts[2] += (found.images[2:][..., 3] == 2).sum()
    assert found.class_counts.tolist() == counts.tolist()


def test_the_second_time_nothing_is_decoded(root, tmp_path, monkeypatch):
    add_pair(root, "c", IDS[:4])
    folders = read_mask_folders(root)
    first = load_pairs(folders, 12, tmp_path / "cache")
    assert first.num_computed == 2
    with monkeypatch.context() as patch:
        patch.setattr(mask_cache, "decode", lambda path: pytest.fail("decoded again"))
        again = load_pairs(read_mask_folders(root), 12, tmp_path / "cache")
    assert again.num_computed == 0
    assert again.keys == first.keys
    np.testing.assert_array_equal(again.images[:], first.images[:])
    np.testing.assert_array_equal(again.class_counts, first.class_counts)
    assert load_pairs(folders, 13, tmp_path / "cache").num_computed == 2  # another size is another cache


@pytest.mark.parametrize("changed", ["picture", "mask", "classes"])
def test_a_change_of_any_part_is_seen(root, tmp_path, changed):
    before = load_pairs(read_mask_folders(root), 9, tmp_path / "cache")
    if changed == "picture":
        save(np.zeros((6, 9, 3), np.uint8), root / "images" / "a.jpg")
    elif changed == "mask":
        save(2 - IDS, root / "masks" / "a.png")
    else:
        (root / "classes.txt").write_text("background\nskin #ff8000\nhair #00ff00\n")
    after = load_pairs(read_mask_folders(root), 9, tmp_path / "cache")
    assert after.num_computed == 1
    assert after.keys[0] != before.keys[0]


def test_a_pair_that_was_refused_is_read_again_once_it_is_mended(root, tmp_path):
    save(np.full((6, 9), 9, np.uint8), root / "masks" / "a.png")
    folders = read_mask_folders(root)
    assert [path.name for path, _ in load_pairs(folders, 9, tmp_path / "cache").rejected] == ["a.jpg"]
    save(IDS, root / "masks" / "a.png")
    assert load_pairs(folders, 9, tmp_path / "cache").rejected == []


def test_files_that_have_gone_since_the_folders_were_read_are_named(root, tmp_path):
    folders = read_mask_folders(root)
    (root / "masks" / "a.png").unlink()
    found = load_pairs(folders, 9, tmp_path / "cache")
    assert found.positions.tolist() == [1]
    assert re.search(r"a\.png: Cannot be read", found.rejected[0][1])


def test_a_disk_too_small_is_named_before_anything_is_decoded(root, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1000, 900, 100))
    monkeypatch.setattr(mask_cache, "decode", lambda path: pytest.fail("decoded before the check"))
    with pytest.raises(OSError, match=r"KERASFACE_CACHE"):
        load_pairs(read_mask_folders(root), 100, tmp_path / "cache")


def test_a_side_of_nothing_is_refused(root, tmp_path):
    with pytest.raises(ValueError, match="side=0"):
        load_pairs(read_mask_folders(root), 0, tmp_path / "cache")


def test_a_class_that_no_mask_has_is_named(root, tmp_path):
    found = load_pairs(read_mask_folders(root), 9, tmp_path / "cache")
    check_classes(found, CLASSES)
    with (root / "classes.txt").open("a") as file:
        file.write("nose\n")
    folders = read_mask_folders(root)
    with pytest.raises(ValueError, match=r"Received: 2 masks without 'nose' \(id 3\). Draw the class"):
        check_classes(load_pairs(folders, 9, tmp_path / "cache"), folders.classes)


def test_no_usable_pair_is_an_error_with_the_first_reason(root, tmp_path):
    for path in root.glob("images/*"):
        path.write_text("no picture")
    folders = read_mask_folders(root)
    found = load_pairs(folders, 9, tmp_path / "cache")
    assert found.class_counts.tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match=r"Received: 2 rejected; the first: .*a\.jpg: Not an image"):
        check_classes(found, folders.classes)


@pytest.mark.data
@pytest.mark.slow
def test_fasseg_is_read_as_it_is(fasseg_dir, tmp_path):
    classes = ("background", "skin", "hair", "eyes", "nose", "mouth")
    folders = read_mask_folders(fasseg_dir / "validation", classes=classes)
    found = load_pairs(folders, 128, tmp_path / "cache")
    assert (len(folders.names), len(found.images), found.rejected, folders.rejected) == (25, 25, [], [])
    check_classes(found, classes)
    assert found.class_counts.argmax() in (1, 2)  # faces fill these pictures


BLOB = np.array([[0, 0, 1, 1], [0, 1, 1, 0]], np.uint8)
GRAY = ((0, 0, 0), (255, 255, 255))


def as_grey(mode, levels, ids=BLOB):
    """The ids as shades of grey in a picture of a mode."""
    shades = np.uint8(levels)[ids]
    if mode == "P":
        image = Image.fromarray(np.where(ids == 1, 200, 3).astype(np.uint8), "L").convert("P")
        palette = np.zeros((256, 3), np.uint8)
        palette[3], palette[200] = levels
        image.putpalette(palette.tobytes())
        return image
    if mode == "16":
        return Image.fromarray(shades.astype(np.uint16) * 257)
    if mode == "LA":
        return Image.merge("LA", [Image.fromarray(shades), Image.new("L", shades.shape[::-1], 255)])
    return Image.fromarray(shades).convert(mode)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "1", "16"])
@pytest.mark.parametrize("levels", [(0, 255), (255, 0), (40, 200)])
def test_shades_of_grey_follow_the_colours_of_the_classes(tmp_path, mode, levels):
    if mode == "1" and levels != (0, 255):
        return  # its two values are the ids 0 and 1
    colors = [(level,) * 3 for level in levels]
    path = save(as_grey(mode, levels), tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(path, ("background", "blob"), colors), BLOB)
    empty = save(as_grey("L", levels, np.ones_like(BLOB)), tmp_path / "one.png")
    np.testing.assert_array_equal(read_mask(empty, ("background", "blob"), colors), 1)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "P"])
@pytest.mark.parametrize(
    ("levels", "classes"), [((0, 255), ("background", "blob")), ((17, 99), ("a", "b", "c")), ((0, 128), ("x", "y"))]
)
def test_the_remedy_named_in_the_error_works(tmp_path, mode, levels, classes):
    path = save(as_grey(mode, levels), tmp_path / "mask.png")
    with pytest.raises(ImageError, match=r"Write classes\.txt with the lines") as caught:
        read_mask(path, classes)
    lines = re.findall("`([^`]*)`", str(caught.value))
    (tmp_path / "classes.txt").write_text("\n".join(lines))
    names, colors = read_classes(tmp_path / "classes.txt")
    others = iter(default_colors(len(names), [color for color in colors if color]))
    ids = read_mask(path, names, [color or next(others) for color in colors])
    assert set(names) >= set(classes)
    assert len(np.unique(ids)) == 2


def test_shades_of_grey_without_names_are_told_with_the_lines_that_name_them(root):
    (root / "classes.txt").unlink()
    for name, levels in {"a": (0, 128), "b": (0, 255)}.items():
        save(np.uint8(levels)[IDS.clip(0, 1)], root / "masks" / f"{name}.png")
    with pytest.raises(ValueError, match=r"grey values 0, 128, 255") as caught:
        read_mask_folders(root)
    lines = re.findall("`([^`]*)`", str(caught.value))
    assert lines == ["class 0 #000000", "class 1 #808080", "class 2 #ffffff"]
    (root / "classes.txt").write_text("\n".join(lines), encoding="utf-16")
    folders = read_mask_folders(root)
    for path, level in zip(folders.masks, (1, 2), strict=True):
        expected = np.where(IDS > 0, level, 0)
        np.testing.assert_array_equal(read_mask(path, folders.classes, folders.colors), expected)


def test_a_mask_that_is_transparent_all_over_is_class_0(tmp_path):
    path = save(Image.new("RGBA", (4, 3)), tmp_path / "mask.png")
    assert read_mask(path, CLASSES).tolist() == [[0] * 4] * 3
