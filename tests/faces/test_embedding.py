"""Embeddings: unit length, indifferent to batches and mirrors, and scores in their range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.faces import embedding
from kerasface.faces.embedding import FaceEmbedder, cosine_scores
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint


@pytest.fixture(scope="module")
def plain_embedder():
    return FaceEmbedder(views=1, precision="float32")


@pytest.fixture(scope="module")
def crops(portrait_crop):
    """Black, white, noise, the portrait, and the portrait darkened."""
    noise = np.random.default_rng(0).integers(0, 256, portrait_crop.shape, dtype=np.uint8)
    flat = [np.full_like(portrait_crop, value) for value in (0, 255)]
    return np.stack([*flat, noise, portrait_crop, portrait_crop // 2])


@pytest.mark.parametrize("averaged", [True, False])
def test_embeddings_are_unit_vectors(crops, embedder, plain_embedder, averaged):
    embeddings = (embedder if averaged else plain_embedder).embed(crops)
    assert embeddings.shape == (5, 128)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)


def test_an_embedding_does_not_depend_on_its_batch(crops, embedder):
    alone = np.concatenate([embedder.embed(crop[None]) for crop in crops])
    np.testing.assert_allclose(embedder.embed(crops), alone, atol=1e-5)


def test_the_mirrored_average_is_that_of_crop_and_mirror_image(crops, embedder, plain_embedder):
    total = plain_embedder.embed(crops) + plain_embedder.embed(crops[:, :, ::-1])
    expected = total / np.linalg.norm(total, axis=1, keepdims=True)
    mirrored = FaceEmbedder(views=2, precision="float32")
    np.testing.assert_allclose(mirrored.embed(crops), expected, atol=1e-5)
    np.testing.assert_allclose(mirrored.embed(crops[:, :, ::-1]), expected, atol=1e-5)


def test_six_views_are_close_to_one_and_the_same_for_the_mirror_image(crops, embedder, plain_embedder):
    views = embedder.embed(crops)
    np.testing.assert_allclose(embedder.embed(crops[:, :, ::-1]), views, atol=1e-5)
    cosines = np.sum(views * plain_embedder.embed(crops), axis=1)
    assert 0.95 < cosines[3] < 0.9999  # the portrait: averaged over other views, and still the same face


def test_another_number_of_views_is_refused():
    with pytest.raises(ValueError, match=r"views must be one of \(1, 2, 6\)\. Received: views=3"):
        FaceEmbedder(views=3, precision="float32")


def test_no_crops_give_no_embeddings(embedder):
    assert embedder.embed(np.zeros((0, 150, 150, 3), dtype=np.uint8)).shape == (0, 128)


def test_a_darkened_face_stays_itself_and_noise_is_another(crops, embedder):
    _, _, noise, face, dark = embedder.embed(crops)
    assert face @ dark > 0.95
    assert face @ noise < face @ dark


def test_fingerprints_tell_apart_what_cannot_be_compared(embedder, plain_embedder):
    assert embedder.fingerprint != plain_embedder.fingerprint
    assert embedder.template.fingerprint == plain_embedder.template.fingerprint  # the crops are the same


def test_the_fingerprint_is_known_without_the_embedder(embedder):
    assert embedder.fingerprint == embedder_fingerprint()
    assert embedder.embedding_dim == EMBEDDING_DIM


def test_the_precision_is_the_machines_best_unless_asked_for(monkeypatch):
    monkeypatch.setattr(embedding, "best_precision", lambda: "bfloat16")
    assert FaceEmbedder().precision == "bfloat16"
    assert FaceEmbedder(precision="float32").precision == "float32"


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_scores_are_the_cosines_of_all_pairs(num_probes, num_references, seed):
    generator = np.random.default_rng(seed)
    probes, references = (generator.normal(size=(count, 8)) for count in (num_probes, num_references))
    probes /= np.linalg.norm(probes, axis=1, keepdims=True)
    references /= np.linalg.norm(references, axis=1, keepdims=True)
    scores = cosine_scores(probes, references)
    assert scores.shape == (num_probes, num_references)
    for row, col in np.ndindex(scores.shape):
        assert scores[row, col] == pytest.approx(sum(probes[row] * references[col]), abs=1e-12)


def test_rounding_never_takes_a_score_out_of_its_range():
    barely_too_long = np.array([[1.0000001, 0]], dtype=np.float32)
    assert cosine_scores(barely_too_long, np.concatenate([barely_too_long, -barely_too_long])).tolist() == [[1, -1]]


def test_embeddings_of_different_length_cannot_be_compared():
    with pytest.raises(ValueError, match=r"\(2, 128\) and \(3, 512\)"):
        cosine_scores(np.zeros((2, 128)), np.zeros((3, 512)))
