"""The cohorts that ship, and how a part is drawn."""

import hashlib

import numpy as np
import pytest

from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates import cohorts
from kerasface.faces.rates.cohorts import (
    CohortCard,
    CohortError,
    draw_part,
    embedder_of,
    from_file,
    normalizer_of,
    to_file,
)


def people(count=30, photos=3, dim=16, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.normal(size=(count, dim)), photos, axis=0) + 0.3 * rng.normal(size=(count * photos, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), np.repeat(np.arange(count), photos)


def test_what_ships_covers_three_populations_for_any_number_of_views():
    cards = [card for card, _ in cohorts._parts(embedder_of(embedder_fingerprint(6)))]
    assert [card.name for card in cards] == ["gtech", "lfw", "portraits"]
    assert all(card.nearest_drawn <= card.nearest_stranger for card in cards)
    assert all(card.terms and card.description for card in cards)
    assert len(normalizer_of(embedder_fingerprint(6)).cohort) == sum(card.size for card in cards)
    assert normalizer_of(embedder_fingerprint(1)) is normalizer_of(embedder_fingerprint(6))


def test_an_embedder_without_a_cohort_has_no_normalizer():
    assert normalizer_of("sface-0123-five_points-4567-6views") is None
    assert embedder_of("face_resnet-1-five_points-2-6views") == "face_resnet-1-five_points-2"


def test_no_draw_is_nearer_to_anybody_than_strangers_are():
    embeddings, labels = people()
    part, nearest, limit = draw_part(embeddings, labels, 200, num_components=3)
    assert part.shape == (200, 16)
    cosines = embeddings @ embeddings.T
    cosines[labels[:, None] == labels] = -1
    assert limit == pytest.approx(np.quantile(cosines.max(axis=1), 0.99))
    assert nearest == pytest.approx((embeddings @ part.T).max())
    assert nearest <= limit


@pytest.mark.slow
def test_twins_who_leave_no_room_and_one_person_alone_are_told():
    embeddings, labels = people(count=1, photos=30)
    with pytest.raises(ValueError, match="two people or more"):
        draw_part(embeddings, labels, 10, num_components=1)
    with pytest.raises(ValueError, match=r"only 0 are as far .* Received: 30 photos of 2 people"):
        draw_part(*_far_apart(), 5, num_components=2)


def _far_apart():
    """Two people who are nowhere near each other: whatever is drawn after them is nearer to one of them."""
    rng = np.random.default_rng(7)
    rows = np.where(np.arange(30)[:, None] % 2, 1.0, -1.0) * np.eye(16)[0] + 0.01 * rng.normal(size=(30, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), np.arange(30) % 2


def card_of(part, **changed):
    content, scale = to_file(part)
    values = {
        "name": "mine",
        "description": "",
        "embedder": "e",
        "terms": "",
        "num_photos": 1,
        "num_people": 1,
        "size": len(part),
        "num_components": 1,
        "spread": 1.0,
        "seed": 0,
        "nearest_drawn": 0.5,
        "nearest_stranger": 0.6,
        "scale": scale,
        "sha256": hashlib.sha256(content).hexdigest(),
        "date": "2026-11-29",
    }
    return content, CohortCard.from_dict(values | changed)


def test_a_part_comes_back_from_its_file_nearly_as_it_was_and_of_length_1():
    part = people()[0]
    content, card = card_of(part)
    back = from_file(content, card)
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), 1, rtol=1e-6)
    assert np.sum(part * back, axis=1).min() > 0.999


def test_a_file_that_was_altered_is_refused():
    content, card = card_of(people()[0])
    with pytest.raises(CohortError, match=r"The cohort 'mine' was altered"):
        from_file(content[:-1] + b"\0", card)


@pytest.mark.parametrize("values", [None, {"name": "mine"}, []])
def test_a_card_that_lacks_something_is_refused(values):
    with pytest.raises(CohortError, match=r"A cohort's card has the keys .* Received: "):
        CohortCard.from_dict(values)
