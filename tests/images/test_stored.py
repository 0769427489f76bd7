"""How a photo lies in its file, against what `decode` makes of it: one area is the same in both."""

import io

import numpy as np
import pytest
from PIL import Image

from kerasface.images.decoding import ImageError, decode
from kerasface.images.stored import stored_form
from kerasface.images.xmp.regions import Region


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_area_of_the_upright_photo_is_found_in_the_stored_one(tmp_path, suffix, orientation):
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[4:12, 6:22] = 255  # x 6 to 22 of 60, y 4 to 12 of 40, as stored
    photo, exif = Image.fromarray(pixels), Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photo.{suffix}"
    photo.save(path, exif=exif, **({"quality": 95} if suffix == "jpg" else {}))
    upright = decode(path)
    form = stored_form(path)
    assert (form.size, form.orientation) == ((60, 40), orientation)
    assert form.upright_size == upright.shape[1::-1]
    rows, columns = np.nonzero(upright.mean(axis=2) > 128)
    height, width = upright.shape[:2]
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    box = ((left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height)
    region = Region("Ada", tuple(map(float, box)))
    assert region.stored(orientation).box == pytest.approx((14 / 60, 8 / 40, 16 / 60, 8 / 40), abs=0.03)
    assert region.stored(orientation).upright(orientation).box == pytest.approx(region.box)


def test_xmp_is_given_as_it_stands(tmp_path):
    Image.new("RGB", (8, 9)).save(tmp_path / "a.jpg", xmp=b"<x/>")
    assert stored_form(tmp_path / "a.jpg").xmp == b"<x/>"
    (tmp_path / "a.ppm").write_bytes(b"P6 3 2 255\n" + bytes(18))
    assert stored_form(tmp_path / "a.ppm").size == (3, 2)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 9)).save(buffer, "JPEG")
    (tmp_path / "b.jpg").write_bytes(buffer.getvalue())
    assert stored_form(tmp_path / "b.jpg").xmp is None


@pytest.mark.parametrize("file_format", ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WebP", "PPM"])
def test_a_damaged_file_is_an_image_error_whatever_pillow_raises(tmp_path, file_format):
    buffer, path = io.BytesIO(), tmp_path / "photo.any"
    Image.effect_noise((40, 30), 50).convert("RGB").save(buffer, file_format)
    content, messages = buffer.getvalue(), []
    for place in range(1, 64):  # cut there, and from there on of other bytes
        for damaged in (content[:place], content[:place] + b"\xa5" * 64):
            path.write_bytes(damaged)
            try:
                stored_form(path)
            except ImageError as error:
                messages.append(str(error))
    assert messages
    assert all(message.startswith(f"{path}: ") for message in messages)


def test_what_decode_refuses_for_its_size_is_not_read(tmp_path):
    path = tmp_path / "large.bmp"
    with path.open("wb") as file:
        file.write(b"BM")
        file.truncate(32 * 2**20 + 1)  # a hole: it takes no room on the disk
    with pytest.raises(ImageError, match="has at most 33,554,432 bytes"):
        stored_form(path)
    with pytest.raises(ImageError, match=r"gone\.jpg: Cannot be read"):
        stored_form(tmp_path / "gone.jpg")
