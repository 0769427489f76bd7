"""One decoder: every format, orientation and depth comes out upright as RGB uint8; all else is an ImageError."""

import contextlib
import io
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageFile

from kerasface.images.decoding import SUFFIXES, ImageError, decode

FORMATS = {
    "JPEG": {"quality": 98, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "BMP": {},
    "TIFF": {},
    "GIF": {},
    "AVIF": {"quality": 98, "subsampling": "4:4:4"},
    "JPEG2000": {},
    "PPM": {},
}


def quarters(height=48, width=64):
    """Four flat colours, so that lossy formats and a turned image can be told apart: red green / blue white."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (200, 0, 0)
    image[: height // 2, width // 2 :] = (0, 200, 0)
    image[height // 2 :, : width // 2] = (0, 0, 200)
    image[height // 2 :, width // 2 :] = (200, 200, 200)
    return image


def encoded(image, file_format, **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, file_format, **options)
    return file.getvalue()


def heic(image, **options):
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(image)).save(file, quality=95, **options)
    return file.getvalue()


def with_orientation(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def png_header(width, height):
    """The first chunk of a PNG, which declares the size, and an empty data chunk."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("file_format", FORMATS)
def test_formats(file_format):
    image = quarters()
    pixels = decode(encoded(image, file_format, **FORMATS[file_format]))
    assert pixels.dtype == np.uint8
    assert pixels.shape == image.shape
    inner = np.s_[4:20, 4:28]  # away from the edges between colours, where lossy formats ring
    np.testing.assert_allclose(pixels[inner].astype(int), image[inner].astype(int), atol=8)


def test_a_jpeg_that_is_only_shown_is_decoded_at_a_part_of_its_size():
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    Image.fromarray(quarters(480, 640)).save(file, "JPEG", quality=98, exif=exif)
    small, whole = decode(file.getvalue(), enough=100), decode(file.getvalue())
    assert (small.shape, whole.shape) == ((160, 120, 3), (640, 480, 3))
    assert np.abs(small.astype(float) - whole[::4, ::4]).mean() < 3
    assert decode(file.getvalue(), enough=481).shape == whole.shape
    png = io.BytesIO()
    Image.fromarray(quarters()).save(png, "PNG")
    assert decode(png.getvalue(), enough=10).shape == (48, 64, 3)


def test_heic():
    np.testing.assert_allclose(decode(heic(quarters())).astype(int)[10, 10], (200, 0, 0), atol=8)


def test_result_is_writable_and_contiguous():
    pixels = decode(encoded(quarters(), "PNG", exif=with_orientation(6)))
    pixels[0] = 0
    assert pixels.flags.c_contiguous


def test_phone_jpeg_with_a_second_picture_gives_the_first():
    second = Image.fromarray(quarters()[::-1].copy())
    content = encoded(quarters(), "MPO", save_all=True, append_images=[second])
    np.testing.assert_allclose(decode(content)[10, 10].astype(int), (200, 0, 0), atol=8)


def test_animation_gives_the_first_frame():
    second = Image.fromarray(quarters()[::-1].copy())
    content = encoded(quarters(), "GIF", save_all=True, append_images=[second], duration=100)
    np.testing.assert_array_equal(decode(content), quarters())


# EXIF 2.32: orientation n says which edges of the upright picture row 0 and column 0 of the stored one are.
STORED_AS = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: upright.transpose(1, 0, 2)[::-1],  # row 0 is the right edge, column 0 the top
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: upright.transpose(1, 0, 2)[:, ::-1],  # row 0 is the left edge, column 0 the bottom
}


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", STORED_AS)
def test_exif_orientation_is_applied_once(orientation, file_format):
    if orientation == 6:
        assert (STORED_AS[6](quarters())[0, -1] == quarters()[-1, -1]).all()  # row 0 holds the right edge, top first
    stored = np.ascontiguousarray(STORED_AS[orientation](quarters()))
    content = encoded(stored, file_format, exif=with_orientation(orientation))
    np.testing.assert_array_equal(decode(content), quarters())


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "AVIF"])
def test_exif_orientation_of_other_formats(file_format):
    stored = np.ascontiguousarray(STORED_AS[6](quarters()))
    pixels = decode(encoded(stored, file_format, exif=with_orientation(6)))
    assert pixels.shape == quarters().shape
    np.testing.assert_allclose(pixels[40, 10].astype(int), (0, 0, 200), atol=12)


def test_exif_orientation_of_heic():
    stored = np.ascontiguousarray(STORED_AS[6](quarters()))
    pixels = decode(heic(stored, exif=with_orientation(6).tobytes()))
    assert pixels.shape == quarters().shape
    np.testing.assert_allclose(pixels[40, 10].astype(int), (0, 0, 200), atol=12)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\x00\x00",
        b"Exif\x00\x00garbage that is no TIFF header",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x12\x01",  # promises 65,535 entries and ends in the first
        b"Exif\x00\x00II*\x00\xff\xff\xff\x7f",  # the directory lies past the end
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x02\x00\x04\x00\x00\x00abc\x00\x00\x00\x00\x00",  # text
    ],
)
def test_malformed_exif_costs_only_the_orientation(exif):
    np.testing.assert_allclose(decode(encoded(quarters(), "JPEG", exif=exif))[10, 10].astype(int), (200, 0, 0), atol=8)


def test_unknown_orientation_is_ignored():
    assert decode(encoded(quarters(), "PNG", exif=with_orientation(9))).shape == quarters().shape


def test_grey_and_one_bit():
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    np.testing.assert_array_equal(decode(encoded(ramp, "PNG")), np.repeat(ramp[..., None], 3, axis=-1))
    bits = encoded(Image.fromarray(np.uint8([[0, 255], [255, 0]])).convert("1"), "PNG")
    np.testing.assert_array_equal(decode(bits)[..., 0], [[0, 255], [255, 0]])


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_truncated(file_format):
    values = np.uint16([[0, 128, 257, 32768, 65278, 65535]])
    # 65535 / 255 = 257: 128 / 257 = 0.498 rounds to 0, 32768 / 257 = 127.5019 to 128.
    np.testing.assert_array_equal(decode(encoded(values, file_format))[0, :, 1], [0, 0, 1, 128, 254, 255])


def test_16_bits_big_endian():
    values = np.array([[0, 257 * 7, 65535]], dtype=">u2")
    image = Image.frombytes("I;16B", (3, 1), values.tobytes())
    np.testing.assert_array_equal(decode(encoded(image, "TIFF"))[0, :, 0], [0, 7, 255])


def test_32_bit_integers_span_16_bits():
    values = np.int32([[-5, 0, 257 * 9, 65535, 70000]])
    np.testing.assert_array_equal(decode(encoded(values, "TIFF"))[0, :, 2], [0, 0, 9, 255, 255])


@pytest.mark.parametrize("largest", [1, 255, 65535])
def test_floats_span_the_smallest_usual_range(largest):
    values = np.float32([[0, 0.2, 1.0]]) * largest
    np.testing.assert_array_equal(decode(encoded(values, "TIFF"))[0, :, 0], [0, 51, 255])


def test_floats_that_are_not_numbers_are_black():
    assert decode(encoded(np.float32([[np.nan, 1.0]]), "TIFF"))[0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_palette_with_and_without_transparency():
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([0, 1, 2])
    colors = [[10, 20, 30], [40, 50, 60], [70, 80, 90]]
    assert decode(encoded(image, "PNG"))[0].tolist() == colors
    assert decode(encoded(image, "PNG", transparency=1))[0].tolist() == [colors[0], [255, 255, 255], colors[2]]
    assert decode(encoded(image, "PNG", transparency=b"\xff\x00\xff"))[0].tolist()[1] == [255, 255, 255]


def test_alpha_is_laid_on_white():
    # c * a + 255 * (1 - a): at a = 51 / 255 = 0.2, 100 becomes 20 + 204 = 224.
    rgba = np.uint8([[[100, 0, 255, 255], [100, 0, 255, 0], [100, 0, 255, 51]]])
    expected = [[100, 0, 255], [255, 255, 255], [224, 204, 255]]
    assert decode(encoded(rgba, "PNG"))[0].tolist() == expected
    grey = Image.fromarray(np.uint8([[100, 100, 100]]))
    grey.putalpha(Image.fromarray(np.uint8([[255, 0, 51]])))
    assert grey.mode == "LA"
    assert decode(encoded(grey, "PNG"))[0].tolist() == [[100] * 3, [255] * 3, [224] * 3]


def test_cmyk():
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # full magenta and yellow: red
    np.testing.assert_allclose(decode(encoded(cmyk, "JPEG"))[8, 8].astype(int), (255, 0, 0), atol=4)
    np.testing.assert_allclose(decode(encoded(cmyk, "TIFF"))[8, 8].astype(int), (255, 0, 0), atol=4)


def test_paths_with_other_letters(tmp_path):
    path = tmp_path / "Zoë Müller 张伟" / "фото.png"
    path.parent.mkdir()
    path.write_bytes(encoded(quarters(), "PNG"))
    np.testing.assert_array_equal(decode(path), quarters())
    np.testing.assert_array_equal(decode(str(path)), quarters())
    path.write_bytes(b"")
    with pytest.raises(ImageError, match=r"张伟.*empty"):
        decode(path)


def test_format_is_told_from_the_content_not_the_suffix(tmp_path):
    (tmp_path / "really_png.jpg").write_bytes(encoded(quarters(), "PNG"))
    assert decode(tmp_path / "really_png.jpg").shape == quarters().shape


@pytest.mark.parametrize(
    "content", [b"", b"Dear all,\n this is text.", b"\x00" * 100, b"%PDF-1.7", b"BM", b"GIF89a", b"\xff\xd8\xff"]
)
def test_content_that_is_no_image(tmp_path, content):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"photo\.jpg: ") as caught:
        decode(path)
    assert "\n" not in str(caught.value)


def test_formats_outside_the_list_are_refused():
    with pytest.raises(ImageError, match="Supported are JPEG"):
        decode(encoded(quarters(), "PCX"))


def test_what_is_no_file(tmp_path):
    with pytest.raises(ImageError, match="folder"):
        decode(tmp_path)
    with pytest.raises(ImageError, match=r"absent\.png: Cannot be read: No such file"):
        decode(tmp_path / "absent.png")
    with pytest.raises(ImageError, match="Cannot be read"):
        decode("a\x00b.png")
    with pytest.raises(TypeError, match=r"Received: source of type BytesIO.*\.read\(\)"):
        decode(io.BytesIO())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need a POSIX system")
def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="regular"):
        decode(tmp_path / "pipe.jpg")


def test_names_are_printable_and_on_one_line(tmp_path):
    with pytest.raises(ImageError) as caught:
        decode(tmp_path / "two\nlines \udcff.jpg")
    assert len(str(caught.value).splitlines()) == 1
    str(caught.value).encode("utf-8")
    with pytest.raises(ImageError, match=r"^upload 3: "):
        decode(b"", name="upload 3")


@pytest.mark.parametrize("file_format", FORMATS)
def test_truncated_files_are_errors(file_format):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    content = encoded(noise, file_format)
    for share in (0.2, 0.5, 0.9):
        with pytest.raises(ImageError, match=r"^image: "):
            decode(content[: int(share * len(content))])


def test_truncated_heic_is_an_error():
    content = heic(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    with pytest.raises(ImageError, match=r"^image: "):
        decode(content[: len(content) // 2])


def test_limit_on_bytes_is_checked_before_reading(tmp_path):
    path = tmp_path / "large.png"
    with open(path, "wb") as file:
        file.truncate(2**30)  # a sparse gibibyte
    with pytest.raises(ImageError, match="33,554,432 bytes"):
        decode(path)
    with pytest.raises(ImageError, match="at most 10 bytes"):
        decode(encoded(quarters(), "PNG"), max_bytes=10)


@pytest.mark.parametrize("side", [10_000, 60_000])  # Pillow by itself warns at the first, and refuses the second
def test_limit_on_pixels_is_checked_in_the_header(side):
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(ImageError, match=f"Received: {side:,} x {side:,}"):
            decode(png_header(side, side))
    assert not caught
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))


def test_limit_on_pixels_of_a_format_that_pillow_checks_itself():
    content = bytearray(encoded(quarters(), "WEBP", lossless=True))
    content[21:25] = struct.pack(
        "<I", (16383 - 1) | (16383 - 1) << 14
    )  # VP8L: 14 bits of width - 1, then of height - 1
    with pytest.raises(ImageError, match=r"pixels.*Save it smaller") as caught:
        decode(bytes(content))
    assert "bomb" not in str(caught.value)


def test_limit_on_pixels_is_inclusive():
    content = encoded(quarters(10, 10), "PNG")
    assert decode(content, max_pixels=100).shape == (10, 10, 3)
    with pytest.raises(ImageError, match="megapixels"):
        decode(content, max_pixels=99)


def test_one_pixel_is_no_picture():
    with pytest.raises(ImageError, match="at least two pixels"):
        decode(encoded(np.uint8([[[1, 2, 3]]]), "PNG"))
    assert decode(encoded(np.uint8([[[1, 2, 3], [4, 5, 6]]]), "PNG")).tolist() == [[[1, 2, 3], [4, 5, 6]]]


def test_malformed_metadata_does_not_warn():
    content = bytearray(encoded(quarters(), "TIFF"))
    content[8:10] = b"\xff\xff"  # the directory promises 65,535 entries
    with pytest.warns(UserWarning, match="EXIF|[Tt]ag|[Mm]etadata"), Image.open(io.BytesIO(content)) as image:
        image.load()
    with warnings.catch_warnings(record=True) as caught, contextlib.suppress(ImageError):
        warnings.simplefilter("always")
        decode(bytes(content))
    assert not caught


def test_threads_leave_the_warning_filters_as_they_were():
    before = list(warnings.filters)
    content = encoded(quarters(), "TIFF")
    threads = [threading.Thread(target=lambda: [decode(content) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def test_decoding_works_in_a_fresh_process_without_tensorflow(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(quarters(), "JPEG", exif=with_orientation(6)))
    program = (
        "import sys; from kerasface.images.decoding import decode; print(decode('a.jpg').shape); "
        "sys.exit('tensorflow' in sys.modules or 'pillow_heif' in sys.modules)"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "(64, 48, 3)"


def test_a_missing_codec_is_named(monkeypatch):
    content = heic(quarters())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match="HEIC needs a package that is not installed: pillow_heif"):
        decode(content)


def test_suffixes_are_lower_case():
    assert {".jpg", ".heic", ".avif"} <= SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)


def mutated(content, generator):
    """Overwrites, cuts, drops or repeats parts of a file."""
    content = bytearray(content)
    for _ in range(generator.integers(1, 8)):
        position = int(generator.integers(len(content)))
        length = int(generator.integers(1, 32))
        match generator.integers(4):
            case 0:
                content[position : position + length] = generator.bytes(length)
            case 1:
                content[position] ^= 1 << int(generator.integers(8))
            case 2:
                del content[position : position + length]
            case 3:
                content[position:position] = content[position : position + length]
        content = content or bytearray(1)
    return bytes(content[: generator.integers(1, len(content) + 1)] if generator.random() < 0.1 else content)


@pytest.mark.parametrize("count", [80, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIC", "JPEG2000", "PPM"])
def test_mutated_files_decode_or_raise_image_error(file_format, count):
    generator = np.random.default_rng([count, *file_format.encode()])
    image = generator.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    options = {} if file_format in ("JPEG2000", "PPM") else {"exif": with_orientation(6)}
    content = heic(image) if file_format == "HEIC" else encoded(image, file_format, **options)
    for _ in range(count):
        pixels, message = None, ""
        try:
            pixels = decode(mutated(content, generator))
        except ImageError as error:
            message = str(error)
        if pixels is None:
            assert message.startswith("image: ")
            assert "\n" not in message
        else:
            assert (pixels.dtype, pixels.ndim, pixels.shape[-1]) == (np.uint8, 3, 3)
            assert pixels.size > 0
