"""Groups of unknown faces, and the names they get."""

import numpy as np
import pytest
from PIL import Image

from kerasface.faces import quality
from kerasface.faces.fingerprint import EMBEDDING_DIM
from kerasface.faces.rates.operating_points import operating_point
from kerasface.gallery.store import GalleryFileError, NewSample
from kerasface.tasks.clustering import cluster_photos, enroll_clusters
from kerasface.tasks.enrollment import Enroller
from kerasface.tasks.identification import Identifier
from tests.faces.rates.test_own_points import own_points


def near(seed, cosine, noise):
    """A unit embedding at this cosine to the direction of a seed."""
    direction, other = (np.random.default_rng(number).normal(size=EMBEDDING_DIM) for number in (seed, 1000 + noise))
    direction /= np.linalg.norm(direction)
    other -= (other @ direction) * direction
    return (cosine * direction + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)).astype(np.float32)


@pytest.fixture
def identifier(gallery):
    return Identifier(gallery)


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
    embedder = front_end.embedder
    strict, loose = (operating_point(embedder.fingerprint, fmr) for fmr in (1e-5, 0.01))
    first = near(1, 1.0, 0)
    others = np.stack([near(1, cosine, 1) for cosine in np.linspace(0.8, 1, 200)])
    scores = embedder.normalizer.scores(first[None], others)[0]
    other = others[np.abs(scores - (strict.threshold + loose.threshold) / 2).argmin()]
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
    front_end.lists = [LISTS[0], LISTS[1], LISTS[2]]
    results = enroll_clusters(found, {0: "Ada"}, Enroller(identifier), front_end)
    assert [(result.name, result.refused) for result in results] == [("Ada", None)] * 3
    expected = [LISTS[0][0], LISTS[1][0], LISTS[2][1]]
    np.testing.assert_allclose(identifier.gallery.embeddings("Ada"), expected, atol=1e-6)
    assert all(sample.quality["side"] > 0 for sample in identifier.gallery.samples("Ada"))
    identifier.gallery.enroll("Zoe", [NewSample(near(9, 1.0, 9), "zoe", "9" * 64)])
    front_end.lists = list(LISTS)
    again = cluster_photos(files, front_end, identifier=identifier)
    assert again.known == ["Ada", None, "Ada", None, "Ada", None]
    assert again.labels.tolist() == [-1, 0, -1, 0, -1, -1]


def clusters_of(files, front_end, identifier, *then):
    """What is found in the files, after which the front end sees other photos."""
    front_end.lists = list(LISTS)
    found = cluster_photos(files, front_end, identifier=identifier)
    front_end.lists = list(then)
    return found


def test_a_name_for_no_cluster_or_no_name_enrols_nobody(files, front_end, identifier):
    found = clusters_of(files, front_end, identifier)
    for names in ({0: "Tom", 7: "X"}, {0: "Tom", 1: " "}):
        with pytest.raises(ValueError, match=r"cluster=7|A name must have"):
            enroll_clusters(found, names, Enroller(identifier), front_end)
    assert identifier.gallery.people() == []


def test_an_error_while_clusters_are_enrolled_enrols_nobody(files, front_end, identifier, monkeypatch):
    found = clusters_of(files, front_end, identifier, LISTS[0], LISTS[1], LISTS[2], LISTS[0], LISTS[2])
    enroll = identifier.gallery.enroll

    def failing(name, samples, **options):
        if name == "Bob":
            raise GalleryFileError("The disk is full.")
        return enroll(name, samples, **options)

    monkeypatch.setattr(identifier.gallery, "enroll", failing)
    with pytest.raises(GalleryFileError):
        enroll_clusters(found, {0: "Ada", 1: "Bob"}, Enroller(identifier), front_end)
    assert identifier.gallery.people() == []


def test_clusters_pass_the_gate(files, front_end, identifier, monkeypatch):
    """Somebody who looks like a known person is refused, unless that is let pass; and a poor face is."""
    found = clusters_of(files, front_end, identifier, LISTS[0], LISTS[1], LISTS[2])
    for seed, name in ((1, "Augusta"), (7, "Cyd"), (8, "Dan")):
        identifier.gallery.enroll(name, [NewSample(near(seed, 1.0, 9), name, f"{seed}" * 64)])
    results = enroll_clusters(found, {0: "Ada"}, Enroller(identifier), front_end)
    assert [result.refused for result in results] == ["conflict"] * 3
    monkeypatch.setattr(quality, "MIN_SIDE", 5000.0)
    front_end.lists = [LISTS[0], LISTS[1], LISTS[2]]
    results = enroll_clusters(found, {0: "Ada"}, Enroller(identifier, allow=["conflict"]), front_end)
    assert [result.refused for result in results] == ["low_quality"] * 3
    assert len(identifier.gallery.people()) == 3


def test_photos_that_are_gone_or_others_by_now_are_refused_and_the_rest_enrolled(files, front_end, identifier):
    found = clusters_of(files, front_end, identifier, [near(4, 1.0, 0)], LISTS[2])
    files[1].unlink()
    results = enroll_clusters(found, {0: "Ada"}, Enroller(identifier), front_end)
    assert [result.refused for result in results] == ["changed", "unreadable", None]
    assert "1.png" in results[1].reason
    assert identifier.gallery.person("Ada").num_samples == 1


def test_thresholds_of_ones_own_group_faces(files, front_end, identifier):
    identifier.gallery.keep_own_points(own_points({0.01: 90.0, 0.001: 90.0}).to_dict(), "43 people")
    front_end.lists = list(LISTS)
    found = cluster_photos(files, front_end, identifier=identifier)
    assert found.labels.tolist() == [-1] * 6
    assert "on 43 people of one's own (crew)" in found.operating_point.measured_text
