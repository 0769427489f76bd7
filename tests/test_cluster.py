"""Groups of unknown faces, and the names they get."""

import numpy as np
import pytest
from PIL import Image

from kerasface.cluster import cluster_photos, enroll_cluster
from kerasface.faces.fingerprint import EMBEDDING_DIM
from kerasface.faces.operating_points import operating_point
from kerasface.gallery.store import NewSample
from kerasface.identify import Identifier


def near(seed, cosine, noise):
    """A unit embedding at this cosine to the direction of a seed."""
    direction, other = (np.random.default_rng(number).normal(size=EMBEDDING_DIM) for number in (seed, 1000 + noise))
    direction /= np.linalg.norm(direction)
    other -= (other @ direction) * direction
    return (cosine * direction + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)).astype(np.float32)


@pytest.fixture
def identifier(gallery, front_end):
    return Identifier(gallery, front_end)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "photos").mkdir()
    paths = [tmp_path / "photos" / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((8, 8 + number, 3), 100, dtype=np.uint8)).save(path)
    return paths


# Photo 0 shows 1 and 2, photo 1 shows 1, photo 2 shows 2 and 1, photo 3 shows 3, photo 4 nobody.
LISTS = [[near(1, 0.99, 0), near(2, 0.99, 1)], [near(1, 0.99, 2)], [near(2, 0.99, 3), near(1, 0.99, 4)]]
LISTS += [[near(3, 0.99, 5)], []]


def test_people_are_grouped_and_single_faces_left_alone(files, front_end):
    front_end.lists = list(LISTS)
    found = cluster_photos(files, front_end)
    assert found.labels.tolist() == [0, 1, 0, 1, 0, -1]
    assert found.num_clusters == 2
    assert [found.faces.paths[face].name for face in found.members(0)] == ["0.png", "1.png", "2.png"]
    assert [path.name for path, _ in found.faces.rejected] == ["4.png"]
    with pytest.raises(ValueError, match=r"clusters 0 to 1\. Received: cluster=2"):
        found.members(2)


def test_a_stricter_or_looser_threshold_can_be_asked_for(files, front_end):
    """Of the same person twice, at a score between the thresholds of both rates."""
    fingerprint = front_end.embedder.fingerprint
    strict, loose = (operating_point(fingerprint, fmr) for fmr in (1e-5, 0.01))
    score = (strict.threshold + loose.threshold) / 2
    first, other = near(1, 1.0, 0), near(1, score, 1)
    for fmr, point, labels in ((1e-5, strict, [-1, -1]), (0.01, loose, [0, 0])):
        front_end.lists = [[first], [other]]
        found = cluster_photos(files[:2], front_end, fmr=fmr)
        assert found.labels.tolist() == labels
        assert found.operating_point == point
    with pytest.raises(ValueError, match=r"Received: fmr=2\."):
        cluster_photos(files[:2], front_end, fmr=2.0)


def test_a_named_cluster_is_known_from_then_on(files, front_end, identifier):
    front_end.lists = list(LISTS)
    found = cluster_photos(files, front_end, identifier=identifier)
    assert found.known == [None] * 6
    person = enroll_cluster(found, 0, "Ada", identifier)
    assert (person.name, person.num_samples) == ("Ada", 3)
    identifier.gallery.enroll("Zoe", [NewSample(near(9, 1.0, 9), "zoe", "9" * 64)])
    front_end.lists = list(LISTS)
    again = cluster_photos(files, front_end, identifier=identifier)
    assert again.known == ["Ada", None, "Ada", None, "Ada", None]
    assert again.labels.tolist() == [-1, 0, -1, 0, -1, -1]


def test_a_photo_that_is_gone_cannot_be_enrolled(files, front_end, identifier):
    front_end.lists = list(LISTS)
    found = cluster_photos(files, front_end, identifier=identifier)
    files[1].unlink()
    with pytest.raises(ValueError, match=r"1\.png: Cannot be read"):
        enroll_cluster(found, 0, "Ada", identifier)
    assert identifier.gallery.people() == []
