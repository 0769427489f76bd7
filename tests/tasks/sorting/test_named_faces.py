"""People whom another program has named: the right face gets the name, in photos of any orientation."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.detection import Face
from kerasface.images.xmp.files import sidecar_of, with_packet
from kerasface.images.xmp.packet import Packet
from kerasface.images.xmp.regions import Region, add_regions
from kerasface.tasks.sorting.named_faces import read_named_faces
from kerasface.tasks.sorting.naming import name_photos

LEFT, RIGHT = (10.0, 10.0, 30.0, 30.0), (50.0, 40.0, 40.0, 40.0)  # faces of every photo, in the upright 100 x 90


class Eyes:
    """Finds two faces in each photo, the larger one on the right."""

    embedder = SimpleNamespace(fingerprint="embedder")
    looked = 0

    def analyze(self, images):
        self.looked += len(images)
        assert all(image.shape == (90, 100, 3) for image in images)
        return [[face_at(RIGHT), face_at(LEFT)] for _ in images]


def face_at(box):
    embedding = np.float32([1, 0] if box == LEFT else [0, 1])
    return AnalyzedFace(Face(box, np.zeros((5, 2)), 0.99), np.zeros(1), None, embedding, "embedder")


@pytest.fixture
def photo(tmp_path):
    """Makes a photo that is 100 x 90 when upright."""

    def make(name="photo.jpg", orientation=1):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.new("RGB", (90, 100) if orientation >= 5 else (100, 90)).save(tmp_path / name, exif=exif)
        return tmp_path / name

    return make


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("into", [False, True])
def test_what_was_written_is_read_and_gives_each_face_its_name(photo, orientation, into):
    path = photo(orientation=orientation)
    name_photos({path: [("Jürgen", LEFT), ("Ada", RIGHT)]}, into_photos=into)
    found = read_named_faces([path], Eyes())
    assert found.problems == []
    faces = {name: [list(one.faces[0].embedding) for one in photos] for name, photos in found.people.items()}
    assert faces == {"Jürgen": [[1, 0]], "Ada": [[0, 1]]}
    assert found.people["Ada"][0].source == str(path)
    assert found.people["Ada"][0].face == 1


def test_photos_without_names_are_not_looked_at(photo):
    eyes = Eyes()
    assert read_named_faces([photo()], eyes).people == {}
    assert eyes.looked == 0


def test_what_cannot_be_used_is_said_and_the_rest_goes_on(photo, tmp_path):
    nowhere, hostile, good = photo("nowhere.jpg"), photo("hostile.jpg"), photo("good.jpg")
    name_photos({nowhere: [("Eve", (70.0, 1.0, 20.0, 20.0))], good: [("Ada", RIGHT)]})
    sidecar_of(hostile).write_text('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))  # Pillow raises a SyntaxError
    paths = [nowhere, hostile, tmp_path / "text.jpg", tmp_path / "cut.png", good]
    found = read_named_faces(paths, Eyes())
    assert list(found.people) == ["Ada"]
    told = {path.name: text for path, text in found.problems}
    assert told["cut.png"].startswith(f"{tmp_path / 'cut.png'}: Damaged or truncated")
    assert "no face was found where Eve is said to be" in told["nowhere.jpg"]
    assert "names were not read" in told["hostile.jpg"]
    assert "text.jpg" in told


def test_two_programs_that_agree_count_once_and_two_that_do_not_not_at_all(photo):
    path = photo()
    packet = Packet()
    add_regions(packet, [Region("Ada", (0.7, 0.667, 0.4, 0.444)), Region("Eve", (0.25, 0.28, 0.3, 0.33))], (100, 90))
    path.write_bytes(with_packet(path.read_bytes(), packet))
    name_photos({path: [("Ada", RIGHT), ("Bob", LEFT)]})
    found = read_named_faces([path], Eyes())
    assert {name: len(photos) for name, photos in found.people.items()} == {"Ada": 1}
    ((_, said),) = found.problems
    assert "one face is called Bob and Eve; neither was used" in said
