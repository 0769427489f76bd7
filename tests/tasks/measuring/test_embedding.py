"""Photos are embedded once by every embedder, and what has no face is named."""

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.faces.run_embedder import RunEmbedder
from kerasface.runs.card import ModelCard
from kerasface.runs.store import Run, RunError
from kerasface.tasks.measuring.embedding import embed_cached, embed_people
from kerasface.tasks.measuring.pairs import pairs_of_file, score_pairs
from kerasface.tasks.verification import verify

BLANK = np.full((120, 160, 3), 180, dtype=np.uint8)
PAIRS = "2\t1\nEileen\t1\t2\nEileen\t1\tWall\t1\nEileen\t2\t3\nEileen\t2\tWall\t9\n"


def metric_run(alignment, task="embed"):
    """A model that gives the mean red, green and blue of a crop as a unit vector."""
    crops = keras.Input((30, 30, 3))
    means = keras.layers.GlobalAveragePooling2D()(crops)
    model = keras.Model(crops, keras.layers.UnitNormalization()(means))
    card = {
        "name": "colors",
        "task": task,
        "input": {"kind": "face", "image_size": [30, 30], "alignment": alignment},
        "embedding": {"dim": 3, "fingerprint": "colors"},
    }
    return Run("colors", ModelCard.from_dict(card), model)


@pytest.fixture(scope="module")
def photos(portrait, tmp_path_factory):
    """Two photos of one person, one of a wall, and a list of pairs with two more that are not there."""
    root = tmp_path_factory.mktemp("photos")
    images = {"Eileen": (portrait[20:240, 130:310], portrait), "Wall": (BLANK,)}
    for name, pictures in images.items():
        (root / name).mkdir()
        for number, image in enumerate(pictures, 1):
            Image.fromarray(image).save(root / name / f"{name}_{number:04d}.jpg", quality=95)
    (root / "pairs.txt").write_text(PAIRS)
    return root


def test_every_photo_is_looked_at_once_and_lost_ones_are_named(photos, portrait, analyzer):
    people = pairs_of_file(photos / "pairs.txt", photos).people
    steps = []
    other = RunEmbedder(metric_run(analyzer.embedder.template.fingerprint))
    first, second = embed_people(people, analyzer, [other], report=lambda *counts: steps.append(counts))
    assert first.rows.tolist() == second.rows.tolist() == [0, 1, -1, -1, -1]
    assert (first.embeddings.shape, second.embeddings.shape) == ((2, 128), (2, 3))
    assert first.normalizer is analyzer.embedder.normalizer
    assert (second.normalizer, second.score_name, second.model) == (None, "cosine", "colors")
    crop = analyzer.analyze([portrait])[0][0].crop
    expected = crop.mean(axis=(0, 1)) / np.linalg.norm(crop.mean(axis=(0, 1)))
    np.testing.assert_allclose(second.embeddings[1], expected, atol=5e-3)  # JPEG
    for values in first.attributes.values():
        assert np.isnan(values).tolist() == [False, False, True, True, True]
    assert "Eileen_0003.jpg" in first.reasons[2]
    assert "no face was found" in first.reasons[3]
    assert "Wall_0009.jpg" in first.reasons[4]
    assert steps[-1] == ("photos", 5, 5)


def test_a_pair_scores_as_two_photos_do(photos, portrait, analyzer):
    listed = pairs_of_file(photos / "pairs.txt", photos)
    embedded = embed_people(listed.people, analyzer)[0]
    with pytest.raises(ValueError, match="1 and 0; 3 could not be scored"):
        score_pairs(listed, embedded)
    one, other = embedded.embeddings
    verdict = verify(portrait[20:240, 130:310], portrait, analyzer)
    assert one @ other == pytest.approx(verdict.score, abs=0.02)  # JPEG


def test_a_model_of_other_crops_or_of_none_is_refused(analyzer):
    with pytest.raises(RunError, match="cut for 'another'; this version cuts for"):
        RunEmbedder(metric_run("another"))
    with pytest.raises(RunError, match="embeds no faces"):
        RunEmbedder(metric_run(analyzer.embedder.template.fingerprint, "segment"))


def test_what_the_cache_keeps_is_what_a_command_sees(photos, analyzer, tmp_path):
    """The page keeps crops and embeddings, a command keeps nothing: both measure the same."""
    people = pairs_of_file(photos / "pairs.txt", photos).people
    (seen,) = embed_people(people, analyzer)
    for _ in range(2):  # the second time from the cache
        (kept,) = embed_cached(people, analyzer.detector, [("six", analyzer.embedder)], tmp_path)
        assert kept.rows.tolist() == seen.rows.tolist()
        np.testing.assert_allclose(kept.embeddings, seen.embeddings, atol=1e-5)
        assert set(kept.reasons) == set(seen.reasons)
        for name, values in seen.attributes.items():
            np.testing.assert_allclose(
                kept.attributes[name], values, atol=0.02, err_msg=name
            )  # boxes are kept in hundredths
    assert (kept.model, kept.fingerprint, kept.normalizer) == ("six", seen.fingerprint, seen.normalizer)
