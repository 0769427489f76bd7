"""People who do not exist, as embeddings of the shipped embedder's length."""

from pathlib import Path

import numpy as np
import pytest

from kerasface.data.people import EmbeddedPeople
from kerasface.faces.fingerprint import EMBEDDING_DIM
from kerasface.population import judging


def made_up_people(counts, *, noise=0.2, seed=0, alike=(), num_directions=EMBEDDING_DIM):
    """People with so many photos each; `alike` are pairs of people of whom the second looks like the first.

    In few directions people stand as near to one another as real ones do.
    """
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(len(counts), num_directions))
    for first, second in alike:
        centres[second] = centres[first]
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = centres[labels] + noise * generator.normal(size=(len(labels), num_directions))
    rows = rows @ generator.normal(size=(num_directions, EMBEDDING_DIM))
    names = [f"person {number:02d}" for number in range(len(counts))]
    paths = [Path("people", names[label], f"{row}.png") for row, label in enumerate(labels)]
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return EmbeddedPeople(names, paths, unit, labels, [])


@pytest.fixture
def cosines(monkeypatch):
    """Makes cosines decide, at 0.5 for each rate: what becomes of made-up people is then known."""
    monkeypatch.setattr(judging, "normalizer_of", lambda fingerprint: None)
    monkeypatch.setattr(judging, "shipped_thresholds", lambda fingerprint: [0.5, 0.5, 0.5])
