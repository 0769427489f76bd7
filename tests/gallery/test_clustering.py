"""Clusters of faces: against joining the nearest two by hand, against SciPy, and with photos that keep faces apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from kerasface.gallery import clustering
from kerasface.gallery.clustering import cluster_faces, fmr_for, join_clusters


def at_degrees(*degrees):
    """Unit vectors in the plane; the score of two is the cosine of the angle between them."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def cosine(degrees):
    return float(np.cos(np.deg2rad(degrees)))


def people(num_people, num_faces, dim=16, spread=0.35, seed=0):
    """Faces of `num_people` people around directions of their own, unit, and whose each is."""
    rng = np.random.default_rng(seed)
    owners = rng.integers(0, num_people, num_faces)
    faces = rng.standard_normal((num_people, dim))[owners] + spread * rng.standard_normal((num_faces, dim))
    return (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32), owners


def partition(labels):
    """The faces of each cluster, and each face without one by itself."""
    clusters = {tuple(np.flatnonzero(labels == label)) for label in np.unique(labels[labels >= 0])}
    return clusters | {(face,) for face in np.flatnonzero(labels < 0)}


def joined_by_hand(embeddings, photos, threshold):
    """Average linkage by its definition: of clusters that share no photo, join the two with the highest mean score."""
    scores = embeddings.astype(np.float64) @ embeddings.T.astype(np.float64)
    clusters = [(face,) for face in range(len(embeddings))]
    while True:
        options = [
            (scores[np.ix_(one, other)].mean(), one, other)
            for index, one in enumerate(clusters)
            for other in clusters[:index]
            if not set(photos[list(one)]) & set(photos[list(other)])
        ]
        best = max(options, default=(-np.inf, (), ()))
        if best[0] < threshold:
            return {tuple(sorted(cluster)) for cluster in clusters}
        clusters = [cluster for cluster in clusters if cluster not in best[1:]] + [best[1] + best[2]]


def test_the_mean_decides_not_the_nearest_pair():
    """0 and 10 degrees are joined, then 25 (mean score 0.936). The pair of 25 and 47 reaches the threshold, but the
    mean of 47 with all three is 0.80.
    """
    assert cosine(22) > 0.925
    labels = cluster_faces(at_degrees(0, 10, 25, 47), range(4), threshold=0.925)
    np.testing.assert_array_equal(labels, [0, 0, 0, -1])


def test_faces_of_one_photo_are_never_one_person():
    """Two at 0 and 1 degrees stand in one photo; the third, at 2, goes to the nearer one."""
    labels = cluster_faces(at_degrees(0, 1, 2), [7, 7, 8], threshold=0.9)
    np.testing.assert_array_equal(labels, [-1, 0, 0])


def test_clusters_that_share_a_photo_stay_apart():
    """5 and 8 degrees are joined first. They fill both photos, so that 0 and 13 can only join each other."""
    labels = cluster_faces(at_degrees(0, 5, 8, 13), [1, 2, 1, 2], threshold=0.9)
    np.testing.assert_array_equal(labels, [0, 1, 1, 0])


def test_the_largest_cluster_comes_first_and_equal_ones_by_their_first_face():
    faces = at_degrees(90, 0, 180, 180.5, 0.5, 91, 1, 270)
    np.testing.assert_array_equal(cluster_faces(faces, range(8), threshold=0.99), [1, 0, 2, 2, 0, 1, 0, -1])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 24), st.integers(1, 30), st.floats(-0.5, 0.99))
def test_clusters_are_those_joined_by_hand(seed, count, num_photos, threshold):
    embeddings, _ = people(4, count, dim=4, spread=0.6, seed=seed)
    photos = np.random.default_rng(seed).integers(0, num_photos, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "_SCORES_AT_ONCE", 50)  # a few rows at a time
        found = partition(cluster_faces(embeddings, photos, threshold=threshold))
    assert found == joined_by_hand(embeddings, photos, threshold)


@pytest.mark.parametrize("threshold", [0.3, 0.6, 0.9])
def test_without_shared_photos_they_are_those_of_scipy(threshold):
    embeddings, _ = people(60, 600)
    expected = fcluster(linkage(pdist(embeddings.astype(np.float64), "cosine"), "average"), 1 - threshold, "distance")
    assert partition(cluster_faces(embeddings, range(600), threshold=threshold)) == partition(expected)


def test_people_are_found_again():
    """Forty people of twelve faces or so, at a threshold between the scores within and across people."""
    embeddings, owners = people(40, 500, dim=64, spread=0.3)
    labels = cluster_faces(embeddings, range(500), threshold=0.7)
    assert partition(labels) == partition(owners)


def test_many_equal_faces_are_one_cluster():
    """All scores are the same up to rounding: whom to join first must not run in a circle."""
    embeddings = np.repeat(people(1, 1, dim=128)[0], 300, axis=0)
    np.testing.assert_array_equal(cluster_faces(embeddings, range(300), threshold=0.99), np.zeros(300))


def test_equal_faces_in_pairs_of_photos_are_shared_out():
    """Fifty photos with the same two faces: two clusters of fifty, whichever face goes to which."""
    embeddings = np.repeat(people(1, 1, dim=128)[0], 100, axis=0)
    photos = np.repeat(np.arange(50), 2)
    labels = cluster_faces(embeddings, photos, threshold=0.99)
    for cluster in (0, 1):
        np.testing.assert_array_equal(np.sort(photos[labels == cluster]), np.arange(50))


def test_the_order_of_the_faces_changes_only_the_numbers():
    embeddings, _ = people(30, 400, spread=0.6)
    photos = np.arange(400) // 3
    order = np.random.default_rng(1).permutation(400)
    labels = cluster_faces(embeddings, photos, threshold=0.5)
    shuffled = np.empty(400, dtype=np.int64)
    shuffled[order] = cluster_faces(embeddings[order], photos[order], threshold=0.5)
    assert partition(shuffled) == partition(labels)


def test_no_face_and_one_face_make_no_cluster():
    assert cluster_faces(np.zeros((0, 8)), [], threshold=0.9).shape == (0,)
    np.testing.assert_array_equal(cluster_faces(at_degrees(0), [3], threshold=-1), [-1])


@pytest.mark.slow
def test_memory_grows_with_the_number_of_faces():
    """All scores of 4,000 faces would be 128 MB in float64. What NumPy allocates, tracemalloc counts."""
    import tracemalloc

    embeddings, _ = people(300, 4000, dim=64, spread=0.5)
    tracemalloc.start()
    try:
        cluster_faces(embeddings, range(4000), threshold=0.6)
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()


def test_the_rate_falls_with_the_number_of_faces_within_what_is_measured():
    assert fmr_for(1000) == pytest.approx(1e-4)
    assert fmr_for(0) == fmr_for(1) == fmr_for(100) == pytest.approx(1e-3)
    assert fmr_for(10_000) == fmr_for(10**6) == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ("embeddings", "photos", "threshold", "message"),
    [
        (np.eye(2), [1], 0.9, r"shape \(2, 2\), photos of shape \(1,\)"),
        (np.eye(2)[0], [1, 2], 0.9, r"shape \(2,\)"),
        (2 * np.eye(2), [1, 2], 0.9, "2 of 2 that have not, the first at 0 with a length of 2"),
        (np.array([[0, 1], [np.nan, 0]]), [1, 2], 0.9, "first at 1 with a length of nan"),
        (np.eye(2), [1, 2], 1.5, "threshold=1.5"),
        (np.eye(2), [1, 2], np.nan, "threshold=nan"),
    ],
)
def test_wrong_arguments_are_named(embeddings, photos, threshold, message):
    with pytest.raises(ValueError, match=message):
        cluster_faces(embeddings, photos, threshold=threshold)


def test_clusters_are_joined_as_a_person_says():
    labels = [0, 0, 0, 1, 1, 2, 2, -1, -1]
    # Faces 4 and 6 are one person: clusters 1 and 2 become one of four faces, larger than 0. Face 7 was in none.
    assert join_clusters(labels, [[4, 6]]).tolist() == [1, 1, 1, 0, 0, 0, 0, -1, -1]
    assert join_clusters(labels, [[4, 6], [6, 7]]).tolist() == [1, 1, 1, 0, 0, 0, 0, 0, -1]
    assert join_clusters(labels, [[7, 8]]).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3]
    assert join_clusters(labels, []).tolist() == labels
    assert join_clusters([], []).tolist() == []
