"""The report of labelled pairs holds the numbers and the figures of what was measured, and nothing that is markup."""

from dataclasses import replace

import numpy as np
import pytest

from kerasface.reports.verification import verification_document
from kerasface.tasks.measuring.comparison import compare_models
from kerasface.tasks.measuring.pairs import pairs_of_people, score_pairs
from kerasface.tasks.measuring.rates import measure_pairs
from tests.tasks.measuring.made_up import embedded_as, people_of, unit


@pytest.fixture(scope="module")
def scored():
    """Pairs of 12 people with four photos each, two of whom look alike, with an attribute called <i>age</i>."""
    people = people_of(np.repeat(np.arange(12), 4))
    generator = np.random.default_rng(0)
    angles = 14.0 * people.labels + generator.normal(0, 4, len(people.labels))
    age = np.tile([20.0, 30, 40, 50], 12)
    embedded = embedded_as(unit(angles), **{"<i>age</i>": age})
    return score_pairs(pairs_of_people(replace(people, title="<b>made up</b>")), embedded)


def test_a_verification_is_reported_with_its_figures(scored):
    rates = measure_pairs(scored, bootstrap=20)
    text = verification_document("<b>Pairs</b>", rates)
    assert "&lt;b&gt;Pairs&lt;/b&gt;" in text
    assert "<b>made up</b>" not in text
    assert "<i>age</i>" not in text
    assert f"{100 * rates.report.accuracy_mean:.2f}" in text
    assert "too few impostor pairs" in text  # 1,056 are too few for 0.1 %
    assert "Scores: cosine." in text
    assert text.count("Plotly.newPlot(") == 6
    without = verification_document("Pairs", replace(rates, calibration=None, slices={}))
    assert "Scores as probabilities" not in without
    assert "By what is known" not in without


def test_another_model_stands_next_to_it(scored):
    generator = np.random.default_rng(1)
    worse = replace(scored, scores=scored.scores + generator.normal(0, 0.05, len(scored.scores)))
    worse = replace(worse, embedded=replace(scored.embedded, model="<b>worse</b>"))
    compared = compare_models(scored, worse, bootstrap=20)
    text = verification_document("Pairs", measure_pairs(scored, bootstrap=20), compared=compared)
    assert "Next to the other model" in text
    assert "B: &lt;b&gt;worse&lt;/b&gt;" in text
    assert f"{100 * compared.at[0.01].fnmr.b:.2f}" in text
    assert list(compared.at) == [0.1, 0.01]
    assert compared.to_dict()["comparisons"][0]["fmr"] == 0.1
