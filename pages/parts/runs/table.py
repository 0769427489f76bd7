"""The page Runs: all models in a table that can be sorted, and the choice of those that are looked at."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from kerasface.plotting.training import MOST_COMPARED
from kerasface.runs.comparison import ComparedRuns
from kerasface.runs.overview import RunOverview, columns_with_values, overview
from kerasface.runs.store import RunSummary
from kerasface.runs.words import plain_value
from kerasface.terminal.words import some_names
from kerasface.train.process.background import list_trainings
from pages.parts.photos import plain
from pages.parts.settings import setting_words
from pages.parts.tables import show_sideways_hint
from pages.parts.train.shown import STATES

_PARAMETER = "runs"  # in the address
_KEY, _WRITTEN = "runs_chosen", "runs_chosen_written"
_SHARES = {
    "accuracy": ("accuracy", "Of what was held out: pictures with the right name, or pixels with the right class."),
    "top5": ("top-5", "The right name is among the five most probable."),
    "ece": ("ECE", "Expected calibration error: how far the probabilities are from how often they are right."),
    "eer": ("EER", "Equal error rate of pairs of faces: of people held out, or as embedders calibrate measured it."),
}


def show_runs(summaries: Sequence[RunSummary]):
    """The table; only columns that some model has a number for."""
    rows = [overview(summary) for summary in summaries]
    shown = columns_with_values(rows)
    table = pd.DataFrame([_row(row, shown) for row in rows])
    _show(table, table.columns, "The trained models with what was measured of each and what it costs")


def show_unfinished(names: Sequence[str]):
    """Says of which models the training is not at its end: their numbers are those so far."""
    unfinished = {one.name: one.state for one in list_trainings() if one.name in names}
    for name, state in unfinished.items():
        st.caption(f"The training of {plain(name)} is {STATES[state]}: its numbers are those so far, or of one before.")


def show_differing(compared: ComparedRuns):
    """What differs between some models, next to what was measured of them: sorted by one, the other is seen."""
    measured = [name for name in columns_with_values(list(compared.rows)) if name in (*_SHARES, "mean_iou")]
    table = {name: [getattr(row, name) for row in compared.rows] for name in ("name", *measured)}
    for name, values in compared.differing.items():
        numbers = all(isinstance(value, int | float | None) and not isinstance(value, bool) for value in values)
        table[name] = list(values) if numbers else [plain_value(value) for value in values]
    _show(pd.DataFrame(table), measured, "What the models were not made with alike, next to what was measured of each")


def _show(table: pd.DataFrame, measured: Sequence[str], alt: str):
    """A table; `measured` are its columns out of a `RunOverview`: a recipe may have fields of the same names."""
    number = st.column_config.NumberColumn
    columns = {
        "backbone": "network",
        **{name: number(title, format="percent", help=about) for name, (title, about) in _SHARES.items()},
        "mean_iou": number("mean IoU", format="%.3f", help="Of a segmentation: overlap, averaged over classes."),
        "weights": number("weights", format="compact", help="Older runs did not note them."),
        "multiply_adds": number("multiply-adds", format="compact", help="Of one picture."),
        "seconds": number("seconds", format="%.0f", help="That the training took."),
        "size": number("on disk", format="bytes"),
        "created": st.column_config.DatetimeColumn("made", format="YYYY-MM-DD HH:mm"),
    }
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        placeholder="\N{EN DASH}",
        column_config={
            **{name: st.column_config.Column(setting_words(name)) for name in table.columns if name not in measured},
            **{name: column for name, column in columns.items() if name in measured},
            "name": st.column_config.TextColumn("model", pinned=True),
        },
        alt=alt,
    )
    show_sideways_hint(wide=True)


def choose_runs(names: Sequence[str]) -> list[str]:
    """Asks which models are looked at, and keeps the address the same."""
    asked = st.query_params.get_all(_PARAMETER)
    # Another address than the one that was written here is a link that was followed, in the middle of a session too.
    if _KEY not in st.session_state or (asked and asked != st.session_state.get(_WRITTEN)):
        st.session_state[_KEY] = asked
        if gone := [name for name in asked if name not in names]:
            st.info(
                f"The address asks for models that are not here: {plain(some_names(gone))}.",
                icon=":material/search_off:",
            )
    # Some may have been deleted or renamed since.
    st.session_state[_KEY] = [name for name in st.session_state[_KEY] if name in names][:MOST_COMPARED]
    chosen = st.multiselect(
        "Look closer at",
        names,
        key=_KEY,
        placeholder="Choose two or more",
        max_selections=MOST_COMPARED,
        persist_state="session",
        wrap=True,
    )
    st.session_state[_WRITTEN] = list(chosen)
    if chosen != asked:
        st.query_params[_PARAMETER] = chosen
    return chosen


def _row(row: RunOverview, shown: Sequence[str]) -> dict:
    return {
        "name": row.name,
        "kind": row.kind,
        "backbone": row.backbone,
        **{name: getattr(row, name) for name in shown},
        "size": row.size,
        "created": pd.to_datetime(row.created, errors="coerce", utc=True),
    }
