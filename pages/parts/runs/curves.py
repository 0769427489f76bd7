"""The page Runs: how the chosen models learned, drawn over one another."""

from collections.abc import Sequence

import streamlit as st

from kerasface.plotting.training import compared_learning
from kerasface.runs.history import read_history
from kerasface.runs.store import RunError, RunSummary
from kerasface.terminal.errors import told
from pages.parts.charts import show_chart
from pages.parts.photos import plain


def show_curves(chosen: Sequence[RunSummary]):
    """Curves of those that learned in epochs; of the others a word."""
    histories, still = {}, []
    for summary in chosen:
        try:
            if rows := read_history(summary.path):
                histories[summary.name] = rows
            else:
                still.append(summary.name)
        except RunError as error:
            st.caption(plain(told(error)))
    if histories:
        st.subheader("How they learned" if len(chosen) > 1 else "How it learned")
        show_chart(
            compared_learning(histories),
            key="runs_curves",
            alt="Loss and accuracy on what was held out, epoch by epoch, a line for each model",
        )
    if still:
        st.caption(f"Nothing was trained in epochs: {plain(', '.join(still))}.")
