"""Who is enrolled, who comes back and who is a stranger."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from kerasface.evaluation.identification import search_trial
from kerasface.tasks.measuring.embedding import embed_people
from kerasface.tasks.measuring.identities import check_searchable, measure_searches, open_set_curve, open_set_trial
from kerasface.tasks.measuring.people import people_of_folder
from pages.parts.evaluate.sample import simulated_embeddings, simulated_people
from tests.tasks.measuring.made_up import people_of


@pytest.fixture
def people(portrait, tmp_path):
    """Ada (3 photos), Bob (3, the first without a face), Cyd (2, the second cut off), Dan and Eve (1 each)."""
    root = tmp_path / "people"
    for name, count in {"Ada": 3, "Bob": 3, "Cyd": 2, "Dan": 1, "Eve": 1}.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(portrait[: 300 - 10 * number]).save(root / name / f"{number}.png")
    Image.fromarray(np.full((60, 80, 3), 150, dtype=np.uint8)).save(root / "Bob" / "0.png")
    whole = (root / "Cyd" / "1.png").read_bytes()
    (root / "Cyd" / "1.png").write_bytes(whole[: len(whole) // 2])
    return root


@pytest.mark.slow
def test_the_first_photo_is_enrolled_and_single_ones_are_strangers(people, analyzer):
    read = people_of_folder(people)
    (embedded,) = embed_people(read, analyzer)
    trial = open_set_trial(read, embedded)
    assert trial.gallery_labels.tolist() == [0, 2]  # Ada and Cyd
    assert trial.mated_labels.tolist() == [0, 0]
    assert trial.unknown.shape == (2, 128)
    # Two of Bob, whose enrolled photo shows nobody, and the broken one of Cyd.
    assert trial.num_mated_failed == 3
    assert trial.num_failed == 2
    failed = embedded.rejected(read)
    assert {(path.parent.name, path.name) for path, _ in failed} == {("Bob", "0.png"), ("Cyd", "1.png")}


def test_people_who_cannot_be_searched_for_are_refused():
    with pytest.raises(ValueError, match="Received: 3 with two or more, 0 with one"):
        check_searchable(people_of([0, 0, 1, 1, 2, 2]))
    with pytest.raises(ValueError, match="Received: 1 with two or more, 2 with one"):
        check_searchable(people_of([0, 0, 1, 2]))


def test_rates_of_searches_are_counted_at_every_threshold():
    people = simulated_people(20)
    trial = replace(open_set_trial(people, simulated_embeddings(people, "Model A")), num_mated_failed=3)
    fpir, fnir = open_set_curve(trial)
    mated, strangers = search_trial(trial)
    assert (np.diff(fpir) >= 0).all()
    assert (np.diff(fnir) <= 0).all()
    for one, other in zip(fpir, fnir, strict=True):
        # Points are reached by some threshold: that of as many strangers, or any that lies higher than all.
        levels = [*np.unique(np.r_[strangers.normalized, mated.normalized]), np.inf]
        points = [
            (np.mean(strangers.normalized >= level), (np.sum(mated.own_scores < level) + 3) / (len(mated.labels) + 3))
            for level in levels
        ]
        assert min(abs(one - a) + abs(other - b) for a, b in points) < 1e-9
    assert fnir[-1] == pytest.approx((np.sum(mated.own_ranks != 1) + 3) / (len(mated.labels) + 3))


def test_without_a_cohort_cosines_decide_and_no_threshold_ships():
    people = simulated_people(20)
    rates = measure_searches(people, simulated_embeddings(people, "Model A"), bootstrap=20)
    assert (list(rates.curves), rates.score_name) == (["plain cosines"], "cosine")
    assert (rates.checks, rates.taken) == ((), None)
    told = json.loads(json.dumps(rates.to_dict()))
    assert (told["rank1"], told["people_over_ten_times"], told["model"]) == (rates.report.rank1, None, "Model A")
