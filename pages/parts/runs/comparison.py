"""The page Runs: what differs between the chosen models, and which errs less on what was held out from both."""

from collections.abc import Sequence

import streamlit as st

from kerasface.reports.compared_runs import reasons
from kerasface.reports.error_rates import classifier_verdict
from kerasface.runs.comparison import HeldOutComparison, compare_runs
from kerasface.runs.store import DEFAULT_ROOT, RunError
from kerasface.terminal.errors import told
from kerasface.terminal.words import points, share
from pages.parts.photos import plain
from pages.parts.runs.table import show_differing
from pages.parts.tables import show_table

_SHOWN = 20  # classes


def show_comparison(names: Sequence[str]):
    """What differs, then each of the others against the first."""
    try:
        compared = compare_runs(DEFAULT_ROOT, names)
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
