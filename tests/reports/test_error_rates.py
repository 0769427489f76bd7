"""The documents hold the numbers and the figures of what was measured, and nothing that would be markup."""

from types import SimpleNamespace

import numpy as np

from kerasface.evaluation.identification import OpenSetTrial, check_thresholds, evaluate_identification
from kerasface.reports.error_rates import curves_of, identification_document


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_an_identification_is_reported_with_its_figures():
    generator = np.random.default_rng(1)
    centres = generator.normal(size=(10, 16))
    trial = OpenSetTrial(
        unit(centres + 0.5 * generator.normal(size=centres.shape)),
        np.arange(10),
        unit(centres + 0.5 * generator.normal(size=centres.shape)),
        np.arange(10),
        unit(generator.normal(size=(50, 16))),
        num_failed=3,
    )
    report = evaluate_identification(trial, bootstrap=10)
    check = check_thresholds([trial], 0.1, 0.2)
    text = identification_document("People", report, trial, [check])
    assert f"{100 * report.rank1:.2f}" in text
    assert f"{100 * check.measured:.2f}" in text
    assert "plain cosines" in text
    assert text.count("Plotly.newPlot(") == 2


def test_an_embedder_without_a_cohort_has_one_curve_of_plain_cosines():
    trial = SimpleNamespace(normalizer=None)
    assert curves_of(trial, lambda one: one) == {"plain cosines": trial}
