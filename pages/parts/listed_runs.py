"""The list of the models on a page, and how to make one; light, as Home is the first page to open."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from kerasface.runs.store import RunSummary
from kerasface.terminal.errors import one_line
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


@contextmanager
def shown_as_far_as_it_goes(name: str) -> Iterator[None]:
    """Says of a model or training that its own files hold what no training writes, where they do; the page goes on."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        what = f"{type(error).__name__}: {one_line(error)}"
        st.error(
            plain(f"What {name} says of itself cannot be shown: no training writes it ({what:.200})."),
            icon=":material/broken_image:",
        )
