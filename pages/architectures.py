"""Architectures: what a network is made of, layer by layer, beside others, and worked out by hand."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from pages.parts.architectures.calculators import show_calculators
from pages.parts.architectures.compare import show_comparison
from pages.parts.architectures.history import show_history
from pages.parts.architectures.layers import show_layers
from pages.parts.server.address import asked_for

VIEWS = {"Layers": show_layers, "Compare": show_comparison, "Calculators": show_calculators, "History": show_history}

st.title("What is a network made of?")
st.markdown("Where its weights, its work and its memory lie, and where each of these numbers comes from.")
asked_for("part", VIEWS, "view")
view = st.segmented_control(
    "View",
    list(VIEWS),
    default=next(iter(VIEWS)),
    required=True,
    key="part",
    bind="query-params",
    label_visibility="collapsed",
)
VIEWS[view or next(iter(VIEWS))]()  # an address may say nothing: ?part=
