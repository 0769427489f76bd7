"""The list of the models on a page, and how to make one; light, as Home is the first page to open."""

import streamlit as st

from kerasface.runs.store import RunSummary
from pages.parts.photos import plain

TRAIN_COMMAND = "kerasface train classify DATA --name NAME"
SEGMENT_COMMAND = "kerasface train segment DATA --name NAME"


def show_broken_runs(summaries: list[RunSummary]):
    """Names every folder that holds no usable model, with the reason, so that none is hidden."""
    for summary in summaries:
        if summary.problem:
            st.warning(
                plain(f"The model {summary.name} cannot be used: {summary.problem}"), icon=":material/broken_image:"
            )
