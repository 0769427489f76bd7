"""The documents hold the numbers and the figures of what was measured, and nothing that would be markup."""

from dataclasses import replace

import numpy as np

from kerasface.evaluation.identification import check_thresholds
from kerasface.reports.error_rates import identification_document
from kerasface.tasks.measuring.identities import measure_searches
from tests.tasks.measuring.made_up import embedded_as, people_of


def test_an_identification_is_reported_with_its_figures():
    """Ten people with two photos, fifty with one."""
    generator = np.random.default_rng(1)
    people = people_of([*np.repeat(np.arange(10), 2), *range(10, 60)])
    centers = generator.normal(size=(60, 16))[people.labels]
    vectors = centers + 0.5 * generator.normal(size=centers.shape)
    embedded = embedded_as((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))
    rates = measure_searches(people, embedded, bootstrap=10)
    check = check_thresholds([rates.trial], 0.1, 0.2)
    text = identification_document("<b>People</b>", replace(rates, checks=(check,)))
    assert "&lt;b&gt;People&lt;/b&gt;" in text
    assert f"{100 * rates.report.rank1:.2f}" in text
    assert f"{100 * check.measured:.2f}" in text
    assert "plain cosines" in text
    assert text.count("Plotly.newPlot(") == 2
    assert "thresholds that ship" not in identification_document("People", rates)
