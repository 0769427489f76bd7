"""A topic of the playground: triplets that pull and push points of people, while one watches."""

from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from kerasface.inspection.teaching.experiments.triplets import MINING, Triplets, scattered_people, triplets_of
from kerasface.plotting.teaching.curves import line_curves
from kerasface.plotting.teaching.planes import pulled_figure
from pages.parts.charts import show_chart

CODE = """
from kerasface.inspection.teaching.experiments.triplets import scattered_people, triplets_of

points, people = scattered_people(people=4, each=6)
for step in range(101):
    found = triplets_of(points, people, margin=0.5, mining="batch-hard")
    if step % 20 == 0:
        print(step, round(found.loss, 3), found.active, "of", len(found.losses), "triplets pull")
    points = points + 1.0 * found.pulls
"""
EVERY = 0.5  # seconds from one step to the next that is watched
MOST_STEPS = 400
TEXTS = {
    "all": "All triplets: most soon have no loss any more and only thin out the mean, so it becomes slow.",
    "semi-hard": "Semi-hard: for each pair of one person the nearest stranger who lies beyond the positive.",
    "batch-hard": "Batch-hard: for each anchor its farthest positive and its nearest negative. Fast, and led by "
    "outliers.",
}


@dataclass
class Watched:
    """Points under way."""

    points: np.ndarray
    people: np.ndarray
    losses: list[float] = field(default_factory=list)


def show_triplets():
    """Settings, buttons, and below them the points, drawn anew with every step."""
    st.markdown(
        "**The triplet loss** takes an anchor, a photo of the same person and one of somebody else, and asks that the "
        "stranger be further away by a margin: $[d(a, p) + \\alpha - d(a, n)]_+$. Here each point is a photo; a "
        "network would move them by its weights, here they go where they are pulled."
    )
    keep = {"persist_state": "session"}
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        mining = st.segmented_control("Triplets", MINING, default="batch-hard", required=True, key="mining", **keep)
        margin = st.slider("Margin", 0.1, 2.0, 0.5, 0.1, key="triplet_margin", width=200, **keep)
        rate = st.select_slider("Rate", (0.1, 0.3, 1.0, 3.0, 10.0), 1.0, key="triplet_rate", width=180, **keep)
        each = st.slider("Photos of each person", 1, 10, 6, key="triplet_each", width=200, **keep)
    st.caption(TEXTS[mining])
    if st.session_state.get("triplet_people") != each or "triplets_watched" not in st.session_state:
        st.session_state["triplet_people"] = each
        _reset(each)
    if each < 2:
        st.warning("A triplet needs two photos of one person: take at least 2 of each.", icon=":material/groups:")
        return
    running = st.session_state.get("triplets_running", False)
    with st.container(horizontal=True):
        label, icon = ("Pause", ":material/pause:") if running else ("Watch", ":material/play_arrow:")
        st.button(label, type="primary", icon=icon, key="triplet_run", on_click=_run, args=(not running,))
        step = {"key": "triplet_step", "on_click": _steps, "args": (1, mining, margin, rate), "disabled": running}
        st.button("1 step", icon=":material/skip_next:", **step)
        st.button("Reset", icon=":material/restart_alt:", key="triplet_reset", on_click=_reset, args=(each,))
    st.fragment(_show, run_every=EVERY if running else None)(mining, margin, rate)


def _run(running: bool):
    st.session_state["triplets_running"] = running


def _reset(each: int):
    st.session_state["triplets_watched"] = Watched(*scattered_people(4, each))
    _run(False)


def _steps(count: int, mining: str, margin: float, rate: float):
    watched = st.session_state["triplets_watched"]
    for _ in range(count):
        found = triplets_of(watched.points, watched.people, margin=margin, mining=mining)
        watched.losses.append(found.loss)
        watched.points = watched.points + rate * found.pulls


def _show(mining: str, margin: float, rate: float):
    """Two steps if it runs, and where the points are."""
    watched = st.session_state["triplets_watched"]
    if st.session_state.get("triplets_running"):
        _steps(2, mining, margin, rate)
    found = triplets_of(watched.points, watched.people, margin=margin, mining=mining)
    if st.session_state.get("triplets_running") and (not found.active or len(watched.losses) >= MOST_STEPS):
        _run(False)
        st.rerun()
    left, right = st.columns([4, 3], gap="medium")
    reach = max(2.4, float(np.abs(watched.points).max()) * 1.1)
    with left:
        show_chart(
            pulled_figure(watched.points, watched.people, rate * found.pulls, _worst(found), reach),
            key="triplet_points",
            alt=f"{len(watched.points)} photos of 4 people; {found.active} of {len(found.losses)} triplets still pull",
        )
    with right:
        with st.container(horizontal=True):
            st.metric("Step", len(watched.losses), width="content")
            st.metric("Loss", f"{found.loss:.3f}", width="content")
            st.metric("Triplets that pull", f"{found.active:,} of {len(found.losses):,}", width="content")
        losses = [*watched.losses, found.loss]
        curve = line_curves({"loss": (np.arange(len(losses)), np.array(losses))}, axes=("step", "loss"), height=260)
        show_chart(curve, key="triplet_losses", alt=f"The loss over {len(losses) - 1} steps, now {found.loss:.3f}")
        if not found.active:
            _show_end(triplets_of(watched.points, watched.people, margin=margin).active)
        else:
            st.caption("Drawn is the triplet with the largest loss. Grey lines: where each photo goes next.")


def _show_end(left: int):
    """No chosen triplet pulls any more: whether others, which semi-hard mining does not choose, still have a loss."""
    if left:
        st.info(
            f"None of the triplets chosen has a loss any more, but {left:,} of all still do: semi-hard mining does not "
            "look at strangers who are nearer than the positive.",
            icon=":material/visibility_off:",
        )
    else:
        st.success("No triplet has a loss any more: everybody is apart by the margin.", icon=":material/check_circle:")


def _worst(found: Triplets) -> tuple[int, int, int] | None:
    if not found.active:
        return None
    place = int(found.losses.argmax())
    return int(found.anchors[place]), int(found.positives[place]), int(found.negatives[place])
