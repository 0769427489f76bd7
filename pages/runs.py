"""Runs: trained models next to one another, what differs between them, and what may be chance."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from kerasface.runs.store import list_runs
from pages.parts.listed_runs import TRAIN_COMMAND, show_broken_runs
from pages.parts.runs.changes import show_changes, show_done
from pages.parts.runs.comparison import show_comparison
from pages.parts.runs.curves import show_curves
from pages.parts.runs.sweeps import show_sweeps
from pages.parts.runs.table import choose_runs, show_runs, show_unfinished

st.title("Which model is better?")
st.markdown(
    "All trained models in one table. Choose some to see how they learned, what differs in their recipes, and whether "
    "one really errs less."
)
summaries = list_runs()
show_done()
show_sweeps()
show_broken_runs(summaries)
usable = {summary.name: summary for summary in summaries if summary.card}
if not usable:
    st.info("No model is trained yet. The page Train makes one, or a command:", icon=":material/model_training:")
    st.code(TRAIN_COMMAND, language=None, wrap_lines=True)
    st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
else:
    show_runs(list(usable.values()))
    show_unfinished(list(usable))
    chosen = [usable[name] for name in choose_runs(list(usable))]
    if chosen:
        show_curves(chosen)
    if len(chosen) > 1:
        show_comparison(chosen)
show_changes(summaries)
