"""Names are no markup, and what is not known is a dash."""

import numpy as np

from kerasface.evaluation.people_rates import PeopleRate, ThresholdRates
from kerasface.reports.people import pair_pictures, rates_table


def test_tables_and_pictures():
    rates = ThresholdRates(12.3456, PeopleRate(0.0024, 0.0005, 0.006), PeopleRate(None, None, None))
    text = rates_table([(0.001, rates)])
    for cell in ("0.1 %", "12.3456", "0.24 %", "0.05 % to 0.6 %", ">-<"):
        assert cell in text
    text = pair_pictures([(("<a>", "b"), (np.zeros((8, 8, 3), np.uint8), None), "3 of 4 match")])
    assert text.count("<img ") == 1
    assert "&lt;a&gt;" in text
    assert "3 of 4 match" in text
