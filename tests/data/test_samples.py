"""Sample data: images as said, the same every time, and nothing of the user's is overwritten."""

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_digits

from kerasface.data.folders import read_about, read_identity_folders
from kerasface.data.samples import write_digits
from kerasface.images.decoding import decode


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("samples") / "new" / "digits")


def test_the_folders_are_ready_to_train_on(digits):
    found = read_identity_folders(digits.folder)
    assert found.identities == digits.classes == tuple("0123456789")
    assert len(found.samples) == digits.num_images == 1797
    assert np.bincount(found.labels).tolist() == np.bincount(load_digits().target).tolist()
    assert found.rejected == ()


def test_an_image_is_dark_ink_on_white_paper(digits):
    """Shrunk to the 8 x 8 places where ink was counted, the middle of a page is about that ink: 16 is black."""
    found = read_identity_folders(digits.folder)
    names = [path.name for path in found.paths]
    for index in (0, 7, 1796):
        image = decode(found.paths[names.index(f"digit_{index + 1:04d}.png")])
        assert image.shape == (*digits.image_size, 3)
        assert (image == image[..., :1]).all()
        blocks = cv2.resize(image[5:27, 5:27, 0], (8, 8), interpolation=cv2.INTER_AREA)
        ink = load_digits().images[index]
        assert np.corrcoef(blocks.ravel(), ink.ravel())[0, 1] < -0.95
        assert blocks[ink == 0].mean() > 225


@pytest.mark.slow
def test_the_same_files_every_time(digits, tmp_path):
    again = write_digits(tmp_path)
    pairs = zip(*(read_identity_folders(folder).paths for folder in (digits.folder, again.folder)), strict=True)
    assert all(first.read_bytes() == second.read_bytes() for first, second in pairs)


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="which is not empty"):
        write_digits(tmp_path)
    with pytest.raises(ValueError, match="which is a file"):
        write_digits(tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_licence_is_told(digits):
    assert digits.licence == "CC BY 4.0"
    assert "Alpaydin" in digits.source
    assert digits.to_dict()["classes"] == list(digits.classes)


def test_source_and_licence_lie_beside_the_images(tmp_path):
    sample = write_digits(tmp_path / "digits")
    assert read_about(tmp_path / "digits") == {"source": sample.source, "licence": "CC BY 4.0"}


@pytest.mark.parametrize("content", [None, "[]", "{", '{"source": 3}'])
def test_a_folder_need_not_say_anything(tmp_path, content):
    if content is not None:
        (tmp_path / ".about.json").write_text(content)
    assert read_about(tmp_path) == {}
