"""Folders of photo files, good and bad."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photo_folder(portrait, tmp_path):
    """`face.png`, `copy.png` (the same bytes), `turned.jpg` (mirrored), `wall.png` (no face), `cut.jpg`, `text.png`."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(portrait).save(folder / "face.png")
    (folder / "copy.png").write_bytes((folder / "face.png").read_bytes())
    Image.fromarray(portrait[:300, ::-1]).save(folder / "turned.jpg", quality=92)
    Image.fromarray(np.full((60, 80, 3), 150, dtype=np.uint8)).save(folder / "wall.png")
    whole = (folder / "turned.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("not an image")
    return folder
