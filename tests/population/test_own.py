"""Which thresholds of one's own are kept: raised where people need it, lowered only where enough people say so."""

import numpy as np
import pytest

from kerasface.evaluation.people import measure_people
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.cohorts import normalizer_of, read_part
from kerasface.faces.rates.own_points import OwnPoints
from kerasface.population import own as module
from kerasface.population.extension import draw_extension
from kerasface.population.judging import judge_people
from kerasface.population.own import points_to_keep
from tests.population.conftest import made_up_people

FINGERPRINT = embedder_fingerprint()


def kept(people, shipped, monkeypatch, extension=None):
    monkeypatch.setattr(module, "shipped_thresholds", lambda fingerprint: [shipped] * 3)
    return points_to_keep(judge_people(people, FINGERPRINT), "crew", "2026-01-02", extension)


def rate_at(people, threshold):
    (at,) = measure_people(people.embeddings, people.labels, [threshold], normalizer=normalizer_of(FINGERPRINT)).rates
    return at.fmr


def test_a_threshold_is_raised_to_where_its_rate_holds(monkeypatch):
    people = made_up_people([5] * 20, noise=0.6, num_directions=6)
    found = kept(people, -100.0, monkeypatch)
    assert (found.name, found.num_people, found.num_photos, found.num_impostor) == ("crew", 20, 100, 4750)
    assert list(found.rates) == [0.01, 0.001]  # 0.01 % takes 30,000 pairs
    for asked, at in found.rates.items():
        assert 0.5 * asked < rate_at(people, at.threshold).value <= asked
        assert rate_at(people, np.nextafter(at.threshold, -np.inf)).value > asked
    assert OwnPoints.from_dict(found.to_dict()).to_dict() == found.to_dict()


def test_few_people_lower_no_threshold(monkeypatch):
    people = made_up_people([20] * 12, noise=0.6, num_directions=6)
    assert {at.threshold for at in kept(people, 100.0, monkeypatch).rates.values()} == {100.0}


def test_many_people_lower_one_to_where_even_the_upper_end_is_no_more_than_asked(monkeypatch):
    people = made_up_people([2] * 60, noise=0.6, num_directions=6)
    at = kept(people, 100.0, monkeypatch).rates
    assert at[0.01].threshold < 100
    assert at[0.01].fmr.value < at[0.01].fmr.high <= 0.01
    assert at[0.001].threshold == 100  # 1,770 pairs of people are fewer than 3,000


@pytest.mark.slow
def test_with_a_part_they_are_measured_by_halves(monkeypatch, tmp_path):
    people = made_up_people([8] * 12, noise=0.6, num_directions=6)
    extension = draw_extension(people, FINGERPRINT, "crew", date="2026-01-02")
    found = kept(people, -100.0, monkeypatch, extension)
    impostor = [
        (scores, people_of[:, None] < people_of)
        for embeddings, people_of, normalizer in extension.halves
        for scores in [normalizer.scores(embeddings, embeddings)]
    ]
    scores = np.concatenate([scores[rows] for scores, rows in impostor])
    assert 0 < np.mean(scores >= found.rates[0.01].threshold) <= 0.01
    assert found.rates[0.01].fmr.value == pytest.approx(np.mean(scores >= found.rates[0.01].threshold))
    (tmp_path / "part").write_bytes(found.part)
    assert read_part(tmp_path / "part")[0].name == "crew"
    assert not np.isin(read_part(tmp_path / "part")[1], people.embeddings).any(axis=1).all()


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [([8] * 9, "for 10 people or more.* Received: 9 people"), ([1] * 12, "takes 300 pairs .* Received: 66")],
)
def test_too_few_are_refused(counts, sentence, monkeypatch):
    with pytest.raises(ValueError, match=sentence):
        kept(made_up_people(counts), 0.0, monkeypatch)
