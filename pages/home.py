"""Home: what KerasFace can do, what to do first, which models exist and what is installed."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from kerasface.runs.store import list_runs
from pages.parts.home.cards import show_abilities, show_first_steps
from pages.parts.home.installed import look_at_installation, show_installation, show_runs

st.title("KerasFace")
st.markdown(
    "KerasFace finds, compares, recognises and segments faces with Keras models. "
    "Everything runs on this machine: photos and what is computed from them never leave it."
)
show_first_steps()
show_abilities()
show_runs(list_runs())
show_installation(look_at_installation())
