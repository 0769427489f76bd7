"""Can a map be trusted: compared with random weights, and with what happens when the places that it names go."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from kerasface.inspection.attribution.faithfulness import Faithfulness, deletion_insertion
from kerasface.inspection.attribution.maps import Attribution
from kerasface.inspection.attribution.sanity import LIMIT, SanityCheck, sanity_correlation
from kerasface.inspection.attribution.watched import Watched
from kerasface.plotting.style import ACCEPT, REJECT
from pages.parts.charts import show_chart
from pages.parts.inspect.overlays import laid_over
from pages.parts.inspect.questions import Explained
from pages.parts.inspect.work import work

RANDOM_MAPS, STEPS = 5, 20  # as `deletion_insertion` has them
FAITHFULNESS_PICTURES = 2 * (1 + RANDOM_MAPS) * (STEPS + 1)
SIDE = 240  # pixels


def show_trust(asked: Explained, found: Attribution):
    with st.expander("Can this map be trusted?", icon=":material/verified:"):
        st.markdown(
            "A map can look convincing and explain nothing. Two checks: it must change when the model forgets what it "
            "learned, and the places that it names must matter to the model."
        )
        show_sanity(asked, found)
        show_faithfulness(asked, found)


def show_sanity(asked: Explained, found: Attribution):
    """The map beside that of the same model with random weights, and how alike they are."""
    st.markdown("**1. Does it depend on what was learned?**")

    def compute(report) -> tuple[SanityCheck, list[Attribution]]:
        maps = []

        def explain(stitched, square: np.ndarray) -> np.ndarray:
            before = len(maps) * asked.pictures
            maps.append(asked.explain(stitched, square, lambda done: report(before + done)))
            return maps[-1].map

        return sanity_correlation(explain, asked.stitched, [asked.subject.square]), maps

    pictures = 2 * asked.pictures
    text = "The weights are drawn anew, and the map is computed again"
    done = work(("sanity", *asked.key[1:]), text, pictures, compute, button="Compare with random weights")
    if done is None:
        return
    check, maps = done
    with st.container(horizontal=True):
        for one, caption in zip(maps, ("The trained model", "The same with random weights"), strict=True):
            picture = laid_over(asked.subject.square, one.map, signed=one.signed, opacity=0.75)
            st.image(picture, width=SIDE, caption=caption, alt=f"Map: {caption}")
    verdict = (
        ":green[:material/check_circle:] The map depends on what the model learned"
        if check.passed
        else ":orange[:material/warning:] Much of the map is there without anything learned"
    )
    st.markdown(f"{verdict}. The two maps have a rank correlation of {check.mean:.2f}; below {LIMIT:g} is good.")
    if asked.question.regions is not None:
        st.caption("What speaks for pixels lies near them whatever the weights are: here maps are alike for that, too.")


def show_faithfulness(asked: Explained, found: Attribution):
    """Curves of the score while the best places are removed, or shown first, with areas beside those of chance."""
    st.markdown("**2. Do the places that it names matter?**")

    def compute(report) -> Faithfulness:
        watched = Watched(asked.stitched, report)
        options = {"steps": STEPS, "num_random": RANDOM_MAPS}
        return deletion_insertion(watched, asked.subject.square, found.map, asked.question.target, **options)

    text = f"Places are removed and shown step by step: {FAITHFULNESS_PICTURES} pictures"
    done = work(("faithful", *asked.key[1:]), text, FAITHFULNESS_PICTURES, compute, button="Remove and show its places")
    if done is None:
        return
    scale = asked.question.scale
    show_chart(
        curves(done, scale),
        key="inspect_curves",
        alt="The score while the most important pixels are taken away, and while they alone are shown",
    )
    with st.container(horizontal=True):
        show_area("Deletion: the lower the better", done.deletion_area, done.random_deletion_areas, scale, -1)
        show_area("Insertion: the higher the better", done.insertion_area, done.random_insertion_areas, scale, 1)


def show_area(label: str, area: float, by_chance: tuple[float, ...], scale: float, better: int):
    chance = float(np.mean(by_chance))
    st.metric(
        label,
        f"{area / scale:.2f}",
        f"{(area - chance) / scale:+.2f} against maps drawn at random ({chance / scale:.2f})",
        delta_color="normal" if better > 0 else "inverse",
        width="content",
        border=True,
    )


def curves(found: Faithfulness, scale: float) -> go.Figure:
    """The probability over the share of the pixels that are removed, or shown."""
    figure = go.Figure()
    for values, name, color in (
        (found.deletion, "the most important removed first", REJECT),
        (found.insertion, "the most important shown first", ACCEPT),
    ):
        hover = f"{name}: %{{x:.0%}} of the pixels, probability %{{y:.2f}}<extra></extra>"
        line = {"color": color, "width": 3}
        figure.add_trace(go.Scatter(x=found.shares, y=values / scale, name=name, line=line, hovertemplate=hover))
    figure.update_xaxes(title="share of the pixels", tickformat=".0%", range=[0, 1], zeroline=False)
    figure.update_yaxes(title="probability", range=[0, 1.02], zeroline=False)
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return figure.update_layout(height=320, margin={"l": 50, "r": 18, "t": 50, "b": 45}, legend=legend)
