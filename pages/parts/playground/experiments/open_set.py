"""A topic of the playground: known people, and the boundary that tightens as strangers come."""

import streamlit as st

from kerasface.inspection.teaching.experiments.open_set import MOST_STRANGERS, WAYS, open_set_regions
from kerasface.plotting.style import percent
from kerasface.plotting.teaching.planes import region_figure
from pages.parts.charts import show_chart

CODE = """
from kerasface.inspection.teaching.experiments.open_set import WAYS, open_set_regions

for way in WAYS:
    for strangers in (0, 5, 20, 100):
        found = open_set_regions(strangers, way)
        print(way, strangers, f"{found.accepted_strangers:.0%} of others get a name, {found.missed:.0%} missed")
"""
NAMES = ("Ada", "Ben", "Cleo")
COUNTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, MOST_STRANGERS)


def show_open_set():
    """How many strangers were seen, and how they are refused: the regions, and both kinds of error."""
    st.markdown(
        "**Closed set**: everybody who comes is one of three people, so every place of the plane belongs to somebody. "
        "**Open set**: strangers come, too. Nobody has photos of all strangers, but each one that was seen pushes the "
        "boundary closer to the people who are known."
    )
    way = st.segmented_control(
        "Refused by", WAYS, default=WAYS[0], required=True, key="open_way", persist_state="session"
    )
    controls, picture = st.columns([2, 4], gap="large")
    with controls:
        count = st.select_slider("Strangers seen before", COUNTS, 0, key="open_strangers", persist_state="session")
        fpir = 0.05
        if way == WAYS[0]:
            fpir = st.select_slider(
                "Strangers who may pass",
                (0.01, 0.05, 0.1, 0.2),
                0.05,
                format_func=percent,
                key="open_fpir",
                persist_state="session",
            )
        found = open_set_regions(count, way, fpir=fpir)
        st.metric("Other strangers who get a name", percent(found.accepted_strangers), width="content")
        st.metric("Known people missed", percent(found.missed), width="content")
    with picture:
        show_chart(
            region_figure(found.answers, found.places, NAMES, (found.known, found.labels), found.strangers),
            key="open_regions",
            alt=(
                f"A plane with three people and {count} strangers: in {percent(found.unknown_area)} of it nobody is "
                f"recognized; {percent(found.accepted_strangers)} of other strangers get a name"
            ),
        )
    if not count:
        st.caption("Without strangers the set is closed: whoever comes gets the name of the most alike.")
    elif way == WAYS[0]:
        st.caption(
            "As a gallery does it: the threshold stands where the share asked for of the strangers seen would pass. "
            "Of a few strangers that is luck; of many it holds for others. Fewer may pass: more known people are "
            "missed."
        )
    else:
        st.markdown(
            "As `train classify --unknown DIR` does it: strangers are a class of their own. Where none was seen, the "
            "network guesses: the boundary is tight only where strangers stand."
        )
