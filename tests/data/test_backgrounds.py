"""Pictures that may stand behind faces."""

import numpy as np
import pytest
from PIL import Image

from kerasface.data.backgrounds import installed_backgrounds, read_backgrounds


def test_installed_backgrounds_are_different_pictures_in_colour():
    found = installed_backgrounds()
    assert len(found) >= 10
    for picture in found:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert min(picture.shape[:2]) >= 100
        assert max(picture.shape[:2]) <= 512
        assert picture.std() > 5
    assert len({picture.tobytes() for picture in found}) == len(found)


def test_a_folder_is_read_down_to_its_last_picture(tmp_path):
    (tmp_path / "deeper").mkdir()
    Image.new("RGB", (1000, 400), (10, 20, 30)).save(tmp_path / "wide.png")
    Image.new("L", (20, 30), 7).save(tmp_path / "deeper" / "grey.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    small, wide = sorted(read_backgrounds(tmp_path), key=len)
    assert small.shape == (30, 20, 3)
    assert wide.shape == (205, 512, 3)
    np.testing.assert_array_equal(wide[100, 100], (10, 20, 30))


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No picture that can be read"):
        read_backgrounds(tmp_path)
