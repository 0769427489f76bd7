"""Evaluate: how often a model is wrong, on pairs, in searches with strangers, and beside another model."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from pages.parts.evaluate.compare import show_comparison
from pages.parts.evaluate.names import show_names
from pages.parts.evaluate.open_set import show_open_set
from pages.parts.evaluate.pairs import show_pairs
from pages.parts.server.address import asked_for

VIEWS = {
    "Pairs": (show_pairs, "Two photos: one person or not? Move the threshold and see which error you buy with which."),
    "Open set": (show_open_set, "A face and a gallery: who is it, if anybody? Strangers are the hard part."),
    "Names": (show_names, "A trained classifier and photos that it has not seen: how often is the name right?"),
    "Compare": (show_comparison, "Two models on the same pairs: is one better, or was it chance?"),
}

st.title("How often is it wrong?")
asked_for("question", VIEWS, "question")
view = st.segmented_control(
    "Question",
    list(VIEWS),
    default="Pairs",
    required=True,
    key="question",
    bind="query-params",
    width="stretch",
    label_visibility="collapsed",
)
show, purpose = VIEWS[view or "Pairs"]  # an address may say nothing: ?question=
st.markdown(purpose)
show()
