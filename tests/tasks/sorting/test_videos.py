"""A video as one answer: times of each face, names decided once, and nobody twice at one moment."""

import hashlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from kerasface.faces.analyzer import AnalyzedFace, CroppedFace
from kerasface.faces.detection import Face
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.faces.quality import FaceQuality
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample
from kerasface.tasks.identification import Identifier
from kerasface.tasks.sorting.answers import decide_all
from kerasface.tasks.sorting.looking import LookedAt, look_at_photos, remembered_photos
from kerasface.tasks.sorting.table import faces_csv

QUALITY = FaceQuality(90, 0.2, 0, 0, 0, 120, 0, 0.5)


class Eyes:
    """Sees in the left half of each frame the person whose number is its grey level over 50."""

    def __init__(self, people):
        self.people, self.looked = people, 0
        self.detector = SimpleNamespace(fingerprint="detector", detect=self.detect)
        self.embedder = SimpleNamespace(fingerprint=embedder_fingerprint())

    def detect(self, images, *, turns):
        assert not turns
        self.looked += len(images)
        side = images[0].shape[1] / 2
        return [
            [Face((0.0, 0.0, side, side), np.full((5, 2), side / 2, np.float32), 0.99)] if image.mean() > 25 else []
            for image in images
        ]

    def cut(self, image, face):
        return CroppedFace(face, image, QUALITY)

    def embed(self, photos):
        return [[self.embedded(one) for one in faces] for faces in photos]

    def embedded(self, one):
        person = self.people[round(one.crop.mean() / 50) - 1]
        return AnalyzedFace(one.face, one.crop, one.quality, person, embedder_fingerprint(), "detector")

    def analyze(self, images):
        return self.embed(
            [[self.cut(image, face) for face in self.detect([image], turns=False)[0]] for image in images]
        )


@pytest.fixture
def film(tmp_path):
    """Nobody for a second, the first person for two, the second for two."""

    def make(name, width=160):
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (width, 96))
        for level in [0] * 10 + [50] * 20 + [100] * 20:
            writer.write(np.full((96, width, 3), level, np.uint8))
        writer.release()
        return path

    return make


@pytest.fixture
def gallery(tmp_path):
    path = tmp_path / "g"
    with open_gallery(path, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM, key=b"k" * 32) as gallery:
        yield gallery


def looks(paths, eyes, seen=None):
    return [look for batch in look_at_photos(paths, eyes, seen) for look in batch]


def test_a_video_is_one_answer_with_times(film, gallery, nobody, tmp_path):
    hashed = hashlib.sha256(b"ada").hexdigest()
    gallery.enroll("Ada", [NewSample(nobody[1], "ada.jpg", hashed)])
    path, told = film("a.avi"), []
    eyes = Eyes(nobody)
    (batch,) = look_at_photos([path], eyes, gallery.seen, on_video=lambda *done: told.append(done))
    (answer,) = decide_all(Identifier(gallery), batch)
    assert [face.name for face in answer.faces] == [None, "Ada"]
    result = answer.to_dict()
    assert result["seconds"] == pytest.approx(5.0)
    assert [(face["from"], face["to"]) for face in result["faces"]] == [(1.0, 2.8), (3.0, 4.8)]
    assert told[-1][0] == path
    assert told[-1][2] == pytest.approx(5.0)
    row = faces_csv([result]).splitlines()[2].split(",")
    assert row[-3:-1] == ["3.0", "4.8"]
    (again,) = looks([path], eyes, gallery.seen)
    assert eyes.looked == 25  # five a second, once
    assert (again.times, again.seconds) == (batch[0].times, batch[0].seconds)
    assert decide_all(Identifier(gallery), remembered_photos(gallery))[0].to_dict() == result


def test_boxes_are_those_of_the_video_also_where_smaller_frames_are_looked_at(film, nobody):
    (look,) = looks([film("wide.avi", width=2560)], Eyes(nobody))
    assert look.faces[0].face.box == pytest.approx((0, 0, 1280, 1280))
    assert look.faces[0].face.landmarks == pytest.approx(np.full((5, 2), 640))


def test_photos_and_videos_come_in_order_and_a_broken_one_stops_nothing(film, nobody, tmp_path):
    photo = tmp_path / "b.png"
    cv2.imwrite(str(photo), np.full((96, 160, 3), 100, np.uint8))
    (tmp_path / "c.mp4").write_bytes(b"no film")
    found = looks([photo, film("a.avi"), tmp_path / "c.mp4", photo], Eyes(nobody))
    assert [len(look.faces) for look in found] == [1, 2, 0, 1]
    assert [look.seconds is None for look in found] == [True, False, True, True]
    assert "Not a video" in found[2].problem


def test_a_video_without_a_face_has_none(tmp_path, nobody):
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (160, 96))
    for _ in range(10):
        writer.write(np.zeros((96, 160, 3), np.uint8))
    writer.release()
    (look,) = looks([tmp_path / "a.avi"], Eyes(nobody))
    assert (look.faces, look.problem, look.times) == ([], None, ())
    assert look.seconds == pytest.approx(1.0)


def test_nobody_is_twice_at_one_moment_but_can_come_back(gallery, nobody, tmp_path):
    hashed = hashlib.sha256(b"ada").hexdigest()
    ada = nobody[0]
    gallery.enroll("Ada", [NewSample(ada, "ada.jpg", hashed)])
    moved = ada + 0.3 * nobody[1]
    moved /= np.linalg.norm(moved)

    def face(embedding):
        where = Face((0.0, 0.0, 90.0, 90.0), np.zeros((5, 2), np.float32), 0.99)
        return AnalyzedFace(where, None, QUALITY, np.float32(embedding), gallery.embedder)

    times = ((0.0, 5.0), (3.0, 8.0), (8.5, 9.0))
    look = LookedAt(tmp_path / "a", hashed, [face(moved), face(ada), face(moved)], None, None, (), 9.0, times)
    (answer,) = decide_all(Identifier(gallery), [look])
    assert [one.name for one in answer.faces] == [None, "Ada", "Ada"]
    assert "whom another face" in answer.faces[0].reason
