"""Sources of a map: the digits are those of scikit-learn, an upload is read as a file is, exchanged names are wrong."""

import io
import zipfile

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from kerasface.data.samples import draw_digit
from kerasface.inspection.maps import sources as map_sources
from kerasface.inspection.maps.sources import digit_pictures, digit_points, exchanged_names, uploaded_points


def embeddings_file(**changes):
    arrays = {
        "paths": np.array(["photos/Ada/1.jpg", "photos/Emmy/1.jpg"]),
        "boxes": np.zeros((2, 4), dtype=np.float32),
        "embeddings": np.eye(2, 4, dtype=np.float32),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **(arrays | changes))
    return buffer.getvalue()


def test_digits_by_their_pixels():
    points = digit_points(30)
    np.testing.assert_array_equal(points.embeddings, load_digits().data[:30])
    assert points.labels == [str(label) for label in load_digits().target[:30]]
    assert points.paths is points.boxes is None


def test_digits_by_a_model_are_what_stands_in_front_of_its_classes():
    """The mean of each colour, twice: dark ink on white, so as the picture itself has it."""
    inputs = keras.Input((32, 32, 3))
    means = keras.layers.GlobalAveragePooling2D(name="means")(inputs)
    x = keras.layers.Dropout(0.5)(keras.layers.Concatenate()([means, means]))
    model = keras.Model(inputs, keras.layers.Softmax()(keras.layers.Dense(10)(x)))
    points = digit_points(12, model)
    expected = [draw_digit(index).mean(axis=(0, 1)) for index in range(12)]
    np.testing.assert_allclose(points.embeddings, np.tile(expected, 2), rtol=1e-5)


def test_a_model_without_a_vector_in_front_of_its_classes_is_refused():
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(10, 1)(inputs))
    with pytest.raises(ValueError, match="gives a vector"):
        digit_points(3, keras.Model(inputs, x))


@pytest.mark.parametrize("count", [0, 1798])
def test_there_are_1797_digits(count):
    with pytest.raises(ValueError, match=f"1797 digits. Received: count={count}"):
        digit_points(count)


def test_pictures_are_the_digits_as_they_are_written():
    pictures = digit_pictures([7, 2])
    assert list(pictures) == [7, 2]
    np.testing.assert_array_equal(pictures[7], draw_digit(7))


def test_an_upload_is_read_as_the_file_is():
    points = uploaded_points(embeddings_file(), "friends.npz")
    assert points.labels == ["Ada", "Emmy"]
    np.testing.assert_array_equal(points.embeddings, np.eye(2, 4))


def of_a_newer_format(content):
    """An archive whose first entry asks for version 9.9 of the format."""
    at = content.index(b"PK\x01\x02") + 6  # "version needed to extract" in the central directory (APPNOTE 4.3.12)
    return content[:at] + b"\x63\x00" + content[at + 2 :]


@pytest.mark.parametrize(
    "content",
    [
        of_a_newer_format(embeddings_file()),
        b"",
        b"no archive",
        embeddings_file()[:200],
        embeddings_file(embeddings=np.array([{}, {}], dtype=object)),
    ],
)
def test_a_broken_upload_is_named(content):
    with pytest.raises(ValueError, match=r"friends\.npz is no file of embeddings"):
        uploaded_points(content, "friends.npz")


def test_an_upload_that_unpacks_to_too_much_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(map_sources, "MOST_BYTES", 10_000)
    bomb = embeddings_file(embeddings=np.zeros((2, 5000), dtype=np.float32))
    assert len(bomb) < 10_000
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    with pytest.raises(ValueError, match=r"unpacks to \d\d,\d\d\d bytes; at most 10,000"):
        uploaded_points(bomb, "friends.npz")


def test_exchanged_names_are_others_and_told():
    labels = ["Ada", "Emmy", "Sofja"] * 20
    given, wrong = exchanged_names(labels, 7)
    assert [index for index in range(60) if given[index] != labels[index]] == wrong
    assert len(wrong) == 7
    assert set(given) <= set(labels)
    assert exchanged_names(labels, 7) == (given, wrong)
    assert exchanged_names(["Ada"], 0) == (["Ada"], [])


@pytest.mark.parametrize(("labels", "count"), [(["Ada", "Ada"], 1), (["Ada", "Emmy"], 3)])
def test_too_few_names_or_points_are_refused(labels, count):
    with pytest.raises(ValueError, match="two names or more"):
        exchanged_names(labels, count)
