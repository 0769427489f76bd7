"""The page Runs: what differs between the chosen models, and which errs less on what was held out from both."""

import os
from collections.abc import Sequence

import streamlit as st

from kerasface.reports.compared_runs import reasons
from kerasface.reports.error_rates import classifier_verdict
from kerasface.runs.comparison import ComparedRuns, HeldOutComparison, compare_runs
from kerasface.runs.store import DEFAULT_ROOT, RunError, RunSummary
from kerasface.terminal.errors import told
from kerasface.terminal.words import points, share
from pages.parts.photos import plain
from pages.parts.runs.table import show_differing
from pages.parts.tables import show_table

_SHOWN = 20  # classes


def show_comparison(chosen: Sequence[RunSummary]):
    """What differs, then each of the others against the first."""
    try:
        compared = _compared(tuple(summary.name for summary in chosen), tuple(map(_stamp, chosen)))
    except RunError as error:  # one was deleted elsewhere just now
        st.error(plain(told(error)), icon=":material/error:")
        return
    st.subheader("What differs")
    if compared.differing:
        show_differing(compared)
    else:
        st.caption("They were made with the same recipe, of the same data.")
    st.subheader("Is one better, or was it chance?")
    if not compared.held_out:
        st.caption(
            "None of them gives pictures names. Those that compare faces are judged on the same pairs in Evaluate."
        )
        st.page_link("pages/evaluate.py", label="Compare them in Evaluate", icon=":material/query_stats:")
    judged = [pair for pair in compared.held_out if pair.result is not None]
    for pair in judged:
        say = st.success if pair.result.better else st.info
        say(plain(classifier_verdict(pair.result, (pair.a, pair.b))), icon=":material/balance:")
    for sentence in reasons(compared):
        st.caption(plain(sentence))
    if judged:
        more = f" Of {len(judged)} tests each calls one difference in twenty shown that is none."
        st.caption(
            "Each picture that was held out from both: p from McNemar's exact test, the interval from drawing the "
            "pictures anew. Both take pictures for independent: of several taken at one moment they promise too much."
            + (more if len(judged) > 1 else "")
        )
        _show_classes(judged)


@st.cache_resource(max_entries=32, show_spinner=False)  # nobody changes it
def _compared(names: tuple[str, ...], stamps: tuple) -> ComparedRuns:
    """Whatever else is clicked on the page: intervals are drawn a thousand times, and records may be large."""
    return compare_runs(DEFAULT_ROOT, names)


def _stamp(summary: RunSummary) -> tuple:
    """What tells a run from what it was before: its files, with their times and sizes."""
    try:
        with os.scandir(summary.path) as files:
            stamps = [(file.name, *_times(file.stat())) for file in files]
    except OSError:
        stamps = []  # deleted just now, as the comparison says
    return str(summary.path.absolute()), *sorted(stamps)


def _times(status: os.stat_result) -> tuple[int, int]:
    return status.st_mtime_ns, status.st_size


def _show_classes(pairs: Sequence[HeldOutComparison]):
    """The classes that two models do not do equally well on."""
    st.subheader("Class by class")
    pair = pairs[0]
    if len(pairs) > 1:
        names = [one.b for one in pairs]
        pair = pairs[names.index(st.selectbox(plain(f"{pair.a} next to"), names, key="runs_classes"))]
    if not pair.classes:
        st.caption("Both name the pictures of every class equally often rightly.")
        return
    show_table(
        [
            {
                "class": one.name,
                f"right by {pair.a}": share(one.a),
                f"by {pair.b}": share(one.b),
                "points": points(one.b - one.a),
            }
            for one in pair.classes[:_SHOWN]
        ],
        "Share of each class's held-out pictures that got its name, by both models",
    )
    if (more := len(pair.classes) - _SHOWN) > 0:
        st.caption(f"The {_SHOWN} largest differences; {more:,} more classes differ less.")
