"""Maps: neighbours stay neighbours, sources agree on names, thumbnails show the face."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.manifold import trustworthiness

from kerasface.gallery.store import Consent, NewSample
from kerasface.inspection.maps.embedding_map import (
    FEWEST,
    MapPoints,
    file_points,
    folder_points,
    gallery_points,
    project,
    read_thumbnails,
)


def groups(num_groups, size, *, dim=32, spread=0.3, seed=0):
    """Embeddings around `num_groups` random directions, `(num_groups * size, dim)`, of any lengths."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(num_groups, dim))
    return np.repeat(centres, size, axis=0) + spread * generator.normal(size=(num_groups * size, dim))


def write_file(path, **changes):
    """A file such as `kerasface embed` writes, of two faces."""
    arrays = {
        "paths": np.array(["photos/Ada/1.jpg", "photos/Emmy/1.jpg"]),
        "boxes": np.array([[0, 0, 8, 9], [1, 2, 3, 4]], dtype=np.float32),
        "embeddings": np.eye(2, 4, dtype=np.float32),
    }
    np.savez(path, **{name: value for name, value in (arrays | changes).items() if value is not None})
    return path


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_neighbours_on_the_map_are_neighbours_by_cosine(method):
    embeddings = groups(15, 5)
    # By powers of two, which rounding does not touch.
    scaled = embeddings * 2.0 ** np.random.default_rng(1).integers(-3, 4, size=(len(embeddings), 1))
    drawn = project(scaled, method)
    assert drawn.positions.shape == (75, 2)
    assert drawn.positions.dtype == np.float32
    # Of positions at random it is 0.5; PCA cannot keep 15 directions apart in two dimensions.
    kept = trustworthiness(embeddings, drawn.positions, metric="cosine")
    assert kept > (0.95 if method == "tsne" else 0.7)
    # Lengths do not count, and the same seed gives the same map.
    np.testing.assert_array_equal(project(embeddings, method).positions, drawn.positions)


def test_pca_keeps_the_directions_of_the_largest_variance():
    """Against the eigenvalues of the covariance of the unit vectors."""
    embeddings = groups(4, 20)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    eigenvalues = np.linalg.eigvalsh(np.cov(unit.T))[::-1]
    drawn = project(embeddings, "pca")
    np.testing.assert_allclose(drawn.explained, eigenvalues[:2] / eigenvalues.sum(), rtol=1e-4)
    np.testing.assert_allclose(drawn.positions.var(axis=0, ddof=1), eigenvalues[:2], rtol=1e-4)
    assert f"{eigenvalues[:2].sum() / eigenvalues.sum():.1%}" in drawn.description


def test_tsne_tells_its_progress_and_can_be_stopped():
    calls = []
    project(groups(2, 5), "tsne", on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]

    def stop(done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project(groups(2, 5), "tsne", on_progress=stop)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_the_fewest_points_and_equal_points_have_a_map(method):
    for embeddings in (groups(FEWEST[method], 1), np.ones((FEWEST[method], 4))):
        assert np.isfinite(project(embeddings, method).positions).all()


@pytest.mark.parametrize("method", sorted(FEWEST))
def test_too_few_points_are_refused(method):
    with pytest.raises(ValueError, match=f"needs {FEWEST[method]} points or more. Received: {FEWEST[method] - 1}"):
        project(groups(FEWEST[method] - 1, 1), method)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method='som'"):
        project(groups(2, 5), "som")


def test_a_file_of_embeddings_gets_its_names_from_the_folders(tmp_path):
    points = file_points(write_file(tmp_path / "faces.npz"))
    assert points.labels == ["Ada", "Emmy"]
    assert points.paths == [Path("photos/Ada/1.jpg"), Path("photos/Emmy/1.jpg")]
    np.testing.assert_array_equal(points.embeddings, np.eye(2, 4))
    np.testing.assert_array_equal(points.boxes[1], [1, 2, 3, 4])


def test_other_files_are_refused(tmp_path):
    text = tmp_path / "text.npz"
    text.write_text("notes")
    for file in (text, write_file(tmp_path / "no_boxes.npz", boxes=None)):
        with pytest.raises(ValueError, match="is no file of embeddings"):
            file_points(file)
    with pytest.raises(ValueError, match=r"shapes \(2,\), \(1, 4\), \(2, 4\)"):
        file_points(write_file(tmp_path / "short.npz", boxes=np.zeros((1, 4))))
    nobody = {"paths": np.zeros(0, dtype=str), "boxes": np.zeros((0, 4)), "embeddings": np.zeros((0, 4))}
    with pytest.raises(ValueError, match="holds no face"):
        file_points(write_file(tmp_path / "empty.npz", **nobody))
    with pytest.raises(FileNotFoundError):
        file_points(tmp_path / "missing.npz")


def test_a_gallery_gives_the_samples_of_those_who_may_be_searched(gallery):
    vectors = np.eye(3, gallery.embedding_dim, dtype=np.float32)
    samples = [NewSample(vector, f"{number}.jpg", f"{number}" * 64) for number, vector in enumerate(vectors)]
    with pytest.raises(ValueError, match="holds no sample"):
        gallery_points(gallery)
    gallery.enroll("Ada", samples[:2])
    over = Consent("2020-01-01T00:00:00+00:00", "the door", "2020-02-01T00:00:00+00:00")
    gallery.enroll("Gone", [])
    gallery.enroll("Emmy", samples[2:])
    points = gallery_points(gallery)
    assert points.labels == ["Ada", "Ada", "Emmy"]
    assert points.paths == [Path("0.jpg"), Path("1.jpg"), Path("2.jpg")]
    np.testing.assert_allclose(points.embeddings, vectors, atol=1e-6)
    assert read_thumbnails(points, [0, 1, 2]) == {}
    gallery.set_consent("Ada", over)
    assert gallery_points(gallery).labels == ["Emmy"]


def test_thumbnails_show_the_box_and_pass_over_what_is_gone(tmp_path):
    """A photo is red but for a green face; another has become smaller than its box's place."""
    photo = np.zeros((60, 80, 3), dtype=np.uint8)
    photo[..., 0] = 255
    photo[10:40, 20:50] = (0, 255, 0)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    Image.fromarray(photo[:5, :5]).save(tmp_path / "other.png")
    paths = [tmp_path / name for name in ("photo.png", "missing.png", "other.png", "photo.png")]
    boxes = np.array([[20, 10, 30, 30]] * 4, dtype=np.float32)
    points = MapPoints(np.eye(4, dtype=np.float32), list("abcd"), paths, boxes)
    found = read_thumbnails(points, range(4), 32)
    assert sorted(found) == [0, 3]
    assert found[0].shape == (32, 32, 3)
    assert found[0].dtype == np.uint8
    np.testing.assert_array_equal(found[0][8:24, 8:24], np.broadcast_to([0, 255, 0], (16, 16, 3)))
    assert tuple(found[0][1, 1]) == (255, 0, 0)  # some of what is around the face
    np.testing.assert_array_equal(found[0], found[3])


def test_folders_of_people_give_one_face_a_photo_and_others_all(front_end, tmp_path, portrait):
    """With a made-up front end that finds two faces in every photo; it is told to pick one of them or not."""
    picks = []
    analyze = front_end.analyze

    def recorded(images, *, pick=None):
        picks.append(pick)
        found = analyze(images)
        return [faces[:1] for faces in found] if pick else found

    front_end.analyze = recorded
    vectors = np.eye(2, front_end.embedder.embedding_dim, dtype=np.float32)
    for name in ("Ada", "Emmy"):
        (tmp_path / "people" / name).mkdir(parents=True)
        Image.fromarray(portrait[:99, :99]).save(tmp_path / "people" / name / "1.png")
    front_end.lists = [vectors, vectors]
    points = folder_points(tmp_path / "people", front_end)
    assert points.labels == ["Ada", "Emmy"]
    front_end.lists = [vectors]
    assert folder_points(tmp_path / "people" / "Ada", front_end).labels == ["Ada", "Ada"]
    assert [pick is not None for pick in picks] == [True, False]
    front_end.lists = [[]]
    with pytest.raises(ValueError, match="No face was found in any of the 1 photos"):
        folder_points(tmp_path / "people" / "Ada", front_end)
