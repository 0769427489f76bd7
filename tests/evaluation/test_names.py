"""Names that people gave, next to words of ours."""

import pytest

from kerasface.evaluation.names import as_name


@pytest.mark.parametrize("name", ["Ada", "Zoë Müller", "8", "王芳", "Dr. No", "unna", "know", "O'Neil"])
def test_a_name_is_shown_as_it_is(name):
    assert as_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "unknown",
            "UNKNOWN",
            "Unknown_2",
            " unknown ",
            "-- unknown --",
            "un-known",
            "\uff55nknown",
            "un\u200bknown",
        ),
        *("strangers", "no face", "unknown, score 0.310 (most alike: Ada 59.7%)", 'x" 5.0%, "y', "Ada\nface at 1,2"),
    ],
)
def test_a_name_that_reads_like_an_answer_stands_in_quotation_marks(name):
    shown = as_name(name)
    assert shown[0] == shown[-1] == '"'
    assert "\n" not in shown
    assert '"' not in shown[1:-1].replace('\\"', "")
