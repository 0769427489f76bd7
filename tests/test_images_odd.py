"""Files that other programs write and a decoder meets rarely: deep values, RAW, cut and crafted ones."""

import io
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin, TiffImagePlugin

from kerasface.images.decoding import ImageError, decode


def encoded(image, file_format, **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, file_format, **options)
    return file.getvalue()


def ramp(largest, dtype, height=4, width=64):
    """Values from 0 to `largest`, the same in each row."""
    return np.tile(np.linspace(0, largest, width), (height, 1)).astype(dtype)


def png(values):
    """A PNG of 16 bits a channel, which Pillow cannot write in colour; `(height, width[, channels])` uint16."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    kind = {1: 0, 2: 4, 3: 2, 4: 6}[1 if values.ndim == 2 else values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(directories, order="<"):
    """A TIFF of directories, each a dict of `{tag: numbers}` with the picture under `"data"`; `"below"` nests them."""
    content = bytearray(b"II*\0\0\0\0\0" if order == "<" else b"MM\0*\0\0\0\0")

    def write(directory):
        entries = {tag: numbers for tag, numbers in directory.items() if isinstance(tag, int)}
        if "data" in directory:
            entries |= {273: (len(content),), 279: (len(directory["data"]),)}
            content.extend(directory["data"])
        if "below" in directory:
            entries[330] = tuple(write(one)[0] for one in directory["below"])
        packed = b""
        for tag, numbers in sorted(entries.items()):
            value = struct.pack(f"{order}{len(numbers)}I", *numbers)
            if len(value) > 4:
                content.extend(value)
                value = struct.pack(f"{order}I", len(content) - len(value))
            packed += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + value
        offset = len(content)
        content.extend(struct.pack(f"{order}H", len(entries)) + packed + bytes(4))
        return offset, len(content) - 4

    place = 4
    for directory in directories:
        offset, following = write(directory)
        content[place : place + 4] = struct.pack(f"{order}I", offset)
        place = following
    return bytes(content)


def grey_picture(width, height, level, **tags):
    picture = {256: (width,), 257: (height,), 258: (8,), 259: (1,), 262: (1,), 277: (1,), 278: (height,)}
    return picture | {"data": bytes([level]) * (width * height)} | {int(tag[1:]): value for tag, value in tags.items()}


# Values of any range


@pytest.mark.parametrize("largest", [255, 1023, 4095, 16_383, 65_535])
@pytest.mark.parametrize("write", [lambda v: encoded(v, "PNG"), lambda v: encoded(v, "TIFF"), png], ids=range(3))
def test_grey_of_8_to_16_bits_in_16_spans_black_to_white(largest, write):
    pixels = decode(write(ramp(largest, np.uint16)))[0, :, 0]
    np.testing.assert_allclose(pixels, ramp(largest, np.uint16)[0] * (255 / largest), atol=0.51)


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("largest", [1023, 4095, 16_383, 65_535])
def test_colours_of_10_to_16_bits_in_16_span_black_to_white(largest, channels):
    values = np.stack([ramp(largest, np.uint16)] * channels, axis=-1)
    if channels in (2, 4):
        values[..., -1] = 65_535  # opaque
    pixels = decode(png(values))[0].astype(float)
    # Pillow keeps the high bytes of grey with transparency: of 10 bits, four levels.
    step = 255 / (largest // 256) if channels == 2 else 1.01
    np.testing.assert_allclose(pixels[:, 0], values[0, :, 0] * (255 / largest), atol=step)
    assert pixels.max() >= 255 - step


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [1, 8])
def test_colours_of_12_bits_in_a_tiff_span_black_to_white(order, compression):
    values = np.stack([ramp(4095, np.uint16), ramp(4095, np.uint16)[:, ::-1], ramp(0, np.uint16)], axis=-1)
    data = values.astype(f"{order}u2").tobytes()
    tags = {256: (64,), 257: (4,), 258: (16, 16, 16), 259: (compression,), 262: (2,), 277: (3,), 278: (4,)}
    content = tiff([tags | {"data": zlib.compress(data) if compression == 8 else data}], order)
    np.testing.assert_allclose(decode(content), values * (255 / 4095), atol=0.51)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1, 1), (0, 1.05), (-0.02, 1), (0, 0.003), (-128, 127), (-1000, 3000), (0, 1e9), (30_000, 30_500)],
)
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_floats_and_signed_integers_of_any_range_are_visible(low, high, dtype):
    values = np.tile(np.linspace(low, high, 64), (4, 1)).astype(dtype)
    if values.min() == values.max():
        return
    pixels = decode(encoded(values, "TIFF"))[0, :, 0].astype(int)
    assert (np.diff(pixels) >= 0).all()
    assert pixels[-1] - pixels[0] >= 120
    assert len(np.unique(pixels)) >= min(30, len(np.unique(values)))


def test_floats_that_are_missing_or_infinite_leave_the_others_visible():
    values = ramp(1, np.float32)
    values[:2, :20] = np.nan
    values[2, 5], values[2, 6], values[2, 7] = np.inf, -np.inf, -9999
    pixels = decode(encoded(values, "TIFF"))[..., 0]
    np.testing.assert_array_equal(pixels[3], np.rint(ramp(1, np.float32)[0] * 255))
    assert (pixels[:2, :20] == 0).all()
    assert pixels[2, 5:8].tolist() == [255, 0, 0]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e7, -5.0])
def test_floats_that_show_nothing_are_an_error(value):
    with pytest.raises(ImageError, match="nothing to see"):
        decode(encoded(np.full((4, 4), value, np.float32), "TIFF"))


def test_black_and_dark_pictures_stay_what_they_are():
    assert decode(encoded(np.zeros((4, 4), np.uint16), "PNG")).max() == 0
    assert decode(png(np.zeros((4, 4, 3), np.uint16))).max() == 0
    np.testing.assert_array_equal(decode(encoded(ramp(60, np.uint8), "PNG"))[0, :, 0], ramp(60, np.uint8)[0])


def test_white_is_zero_in_some_tiffs():
    values = ramp(65_535, np.uint16)
    tags = {256: (64,), 257: (4,), 258: (16,), 259: (1,), 262: (0,), 277: (1,), 278: (4,), "data": values.tobytes()}
    np.testing.assert_allclose(decode(tiff([tags]))[0, :, 0], 255 - values[0] / 257, atol=0.51)


def test_lab_has_its_colours():
    rgb = Image.new("RGB", (8, 8), (200, 40, 40))
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(rgb, *profiles, outputMode="LAB")
    np.testing.assert_allclose(decode(encoded(lab, "TIFF"))[4, 4].astype(int), (200, 40, 40), atol=6)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_picture_that_is_wholly_transparent_is_an_error(mode):
    with pytest.raises(ImageError, match="transparent: there is nothing to see"):
        decode(encoded(Image.new(mode, (8, 8)), "PNG"))


# PBM, PGM and PPM


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
@pytest.mark.parametrize("plain", [False, True])
def test_netpbm_plain_and_raw(mode, plain):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (5, 11, 3), dtype=np.uint8)).convert(mode)
    content = encoded(image, "PPM")
    if plain:
        values = np.asarray(image).astype(int)
        numbers = " ".join(map(str, (1 - values if mode == "1" else values).ravel()))
        kind, largest = {"1": ("P1", ""), "L": ("P2", "255"), "RGB": ("P3", "255")}[mode]
        content = f"{kind}\n# drawn by hand\n11 5\n{largest}\n{numbers}\n".encode()
    np.testing.assert_array_equal(decode(content), np.asarray(image.convert("RGB")))


def test_netpbm_of_other_depths():
    assert decode(b"P2 2 1 15\n0 15\n")[0, :, 0].tolist() == [0, 255]
    assert decode(b"P5 2 1 4095\n\x00\x00\x0f\xff")[0, :, 0].tolist() == [0, 255]
    assert decode(b"P5 3 1 65535\n\x00\x00\x08\x00\x0f\xff")[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"P5 4 4 255\n" + bytes(15), "15 of 16 values"),
        (b"P4 9 4\n" + bytes(7), "truncated"),
        (b"P2 2 2 255\n1 2 3", "3 of 4 values"),
        (b"P2 2 1 255\n1 -2", "whole numbers"),
        (b"P2 2 1 15\n1 16", "outside of 0 to 15"),
        (b"P5 60000 60000 255\n", "60,000 x 60,000"),
        (b"P5 2 2 70000\n" + bytes(8), "largest value"),
        (b"P5 rather a text", "Not an image"),
        (b"P5", "Not an image"),
        (b"P1 2 2\n", "0 of 4 values"),
    ],
)
def test_netpbm_that_is_none(content, message):
    with pytest.raises(ImageError, match=message):
        decode(content)


def test_jpeg_2000_cut_anywhere_is_an_error():
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for options in ({}, {"no_jp2": True}):
        content = encoded(noise, "JPEG2000", **options)
        np.testing.assert_array_equal(decode(content), noise)
        for length in (*range(20, len(content) - 1, len(content) // 23), len(content) - 1):
            with pytest.raises(ImageError, match=r"^image: "):
                decode(content[:length])


# RAW


def test_a_small_copy_is_not_taken_for_the_picture():
    main = grey_picture(200, 150, 90, t254=(0,))
    thumbnail = grey_picture(20, 15, 30, t254=(1,))
    assert decode(tiff([thumbnail | {"below": [main]}])).shape == (150, 200, 3)
    assert decode(tiff([thumbnail | {"below": [thumbnail, main]}], ">"))[0, 0, 0] == 90
    assert decode(tiff([thumbnail, main])).shape == (150, 200, 3)
    assert decode(tiff([main | {"below": [thumbnail]}])).shape == (150, 200, 3)
    assert decode(tiff([main, grey_picture(300, 300, 7)])).shape == (150, 200, 3)  # the first page of several
    turned = thumbnail | {274: (6,), "below": [main]}
    assert decode(tiff([turned])).shape == (200, 150, 3)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [32_803, 34_892])
def test_what_a_sensor_saw_is_refused_and_not_answered_from_a_preview(order, photometric):
    preview = grey_picture(160, 120, 30, t254=(1,))
    sensor = grey_picture(2000, 1500, 90, t254=(0,), t262=(photometric,))
    for content in (
        tiff([preview | {"below": [sensor]}], order),
        tiff([preview | {50_706: (0x01040000,), "below": [sensor]}], order),
        tiff([preview, sensor], order),
        tiff([grey_picture(160, 120, 30) | {"below": [sensor]}], order),
    ):
        with pytest.raises(ImageError, match=r"a\.tif: A RAW file .*Save it as JPEG or PNG"):
            decode(content, name="a.tif")


@pytest.mark.parametrize(
    "content",
    [b"II*\0\x10\0\0\0CR\2\0" + bytes(200), b"IIRO\x08\0\0\0", b"FUJIFILMCCD-RAW 0201", b"\0\0\0\x18ftypcrx \0\0\0\1"],
)
def test_raw_files_of_other_kinds_are_called_so(content):
    with pytest.raises(ImageError, match="RAW file" if content[:3] != b"II*" else "RAW file|Damaged"):
        decode(content)


# JPEGs that were cut


def cut_jpegs():
    noise = np.random.default_rng(0).integers(0, 255, (40, 56, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(noise[:5, :7]).resize((56, 40)))
    yield "baseline", encoded(smooth, "JPEG", quality=90)
    yield "noise", encoded(noise, "JPEG", quality=100, subsampling=0)
    yield "progressive", encoded(smooth, "JPEG", quality=90, progressive=True)
    yield "grey", encoded(Image.fromarray(smooth).convert("L"), "JPEG", quality=90)
    yield "restarts", encoded(smooth, "JPEG", quality=90, restart_marker_blocks=2)
    yield "cmyk", encoded(Image.fromarray(smooth).convert("CMYK"), "JPEG", quality=90)


CUT_JPEGS = dict(cut_jpegs())


@pytest.mark.parametrize("name", CUT_JPEGS)
def test_a_jpeg_without_its_end_marker_alone_is_read_with_a_note(name):
    content = CUT_JPEGS[name]
    whole, notes = decode(content), []
    assert not notes
    for rest in (content[:-2], content[:-1], content[:-2] + bytes(100)):
        notes = []
        np.testing.assert_array_equal(decode(rest, name="a.jpg", on_note=notes.append), whole)
        assert len(notes) == 1
        assert notes[0].startswith("a.jpg: The file's end is missing; all pixels are there.")


@pytest.mark.parametrize("name", CUT_JPEGS)
def test_a_jpeg_cut_anywhere_has_all_its_pixels_or_is_an_error(name):
    content = CUT_JPEGS[name]
    whole = decode(content)
    errors = 0
    for length in (*range(3, len(content) - 40, max(1, len(content) // 60)), *range(len(content) - 40, len(content))):
        notes = []
        try:
            pixels = decode(content[:length], on_note=notes.append)
        except ImageError:
            errors += 1
            continue
        np.testing.assert_array_equal(pixels, whole)
        assert len(notes) == 1
    assert errors > 60


# Crafted files


def test_a_jpeg_of_a_thousand_scans_is_refused_before_it_is_decoded(monkeypatch):
    content = encoded(np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8), "JPEG", progressive=True)
    place = content.rindex(b"\xff\xda")
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ImageError, match="at most 200 passes"):
        decode(content[:-2] + content[place:-2] * 1000 + b"\xff\xd9")


def test_metadata_that_promise_more_than_the_file_are_refused_before_they_are_read(monkeypatch):
    large = 100_000
    entry = struct.pack("<HHII", 40_000, 7, large, 8)  # undefined bytes: all of the file
    directory = struct.pack("<H", 2000) + entry * 2000 + bytes(4)
    content = b"II*\0" + struct.pack("<I", 8 + large) + bytes(large) + directory
    monkeypatch.setattr(TiffImagePlugin.ImageFileDirectory_v2, "load", lambda self, file: pytest.fail("read"))
    with pytest.raises(ImageError, match="promise"):
        decode(content)
    whole = encoded(np.zeros((8, 8, 3), np.uint8), "JPEG")
    parts = [content[start : start + 60_000] for start in range(0, len(content), 60_000)]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 8) + b"Exif\0\0" + part for part in parts)
    with pytest.raises(ImageError, match="promise"):
        decode(whole[:2] + segments + whole[2:])


def test_a_bmp_of_many_runs_is_refused_before_it_is_decoded():
    image = encoded(Image.new("P", (64, 64)), "BMP")
    crafted = image[:30] + b"\1\0\0\0" + image[34:] + bytes(5 * 2**20)
    with pytest.raises(ImageError, match="run-length"):
        decode(crafted)


def test_two_photos_are_decoded_side_by_side(monkeypatch):
    """Each waits in the decoder for the other; whoever holds a lock there waits in vain."""
    both = threading.Barrier(2)
    results = []
    plugin = TiffImagePlugin.TiffImageFile

    def meeting(original):
        def meet(self):
            both.wait(timeout=20)
            return original(self)

        return meet

    monkeypatch.setattr(plugin, "_open", meeting(plugin._open))
    monkeypatch.setattr(plugin, "load", meeting(plugin.load))
    content = encoded(ramp(255, np.uint8), "TIFF")

    def work():
        try:
            results.append(decode(content).shape)
        except ImageError as error:
            results.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(4, 64, 3)] * 2
