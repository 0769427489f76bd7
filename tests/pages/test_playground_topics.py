"""Every topic of the playground opens by its address and is told in words, and the code that it shows runs."""

import json

import pytest

from pages.parts.playground.topics import TOPICS
from tests.pages.test_playground import open_topic  # noqa: F401


@pytest.mark.slow
@pytest.mark.parametrize("slug", TOPICS)
def test_a_topic_opens_by_its_address(slug, open_topic):  # noqa: F811
    page = open_topic(slug)
    assert not page.error
    charts = page.get("plotly_chart")
    grids = [part for part in page.get("html") if 'class="kf-grid"' in part.proto.body]
    assert len(charts) + len(page.image) + len(grids) > 0
    for chart in charts:
        assert json.loads(chart.proto.spec)["data"]
    assert len(" ".join(text.value for text in page.markdown)) > 200
    # Whatever is moved to its end: a sentence at most, never a traceback.
    for key in [slider.key for slider in page.slider]:
        for end in ("min", "max"):
            slider = next((slider for slider in page.slider if slider.key == key), None)
            if slider is not None:  # some are there only where there is something to choose
                slider.set_value(getattr(slider, end)).run()
                assert not page.exception
                assert all("Received" in error.value for error in page.error)


LONG = ("live-training", "transfer", "depth", "moved-picture")


@pytest.mark.parametrize(
    "slug",
    [
        pytest.param(slug, marks=pytest.mark.slow) if slug in LONG else slug
        for slug, topic in TOPICS.items()
        if topic.code
    ],
)
def test_the_code_that_is_shown_runs(slug, capsys):
    exec(compile(TOPICS[slug].code, slug, "exec"), {})
    assert capsys.readouterr().out.strip()
