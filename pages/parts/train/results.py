"""What came of a training, on the page Train: its numbers, its curves, its mistakes, and the next training."""

import json
from pathlib import Path

import numpy as np
import streamlit as st

from kerasface.evaluation.verification import wilson_interval
from kerasface.plotting.style import MAX_NAMED
from kerasface.plotting.training import training_curves
from kerasface.runs.answers import read_records
from kerasface.runs.store import RunError, RunSummary
from kerasface.terminal.errors import told
from kerasface.train.engine.session import read_events
from kerasface.train.process.following import standing
from pages.parts.charts import show_chart
from pages.parts.filters import show_filter_history
from pages.parts.listed_runs import shown_as_far_as_it_goes
from pages.parts.photos import plain
from pages.parts.tables import show_table
from pages.parts.train.follow import show_confusion
from pages.parts.train.mistakes import show_mistakes
from pages.parts.train.outcomes import show_outcome, show_report


def show_results(summary: RunSummary):
    """The report in short, and what can be done with it."""
    st.subheader(plain(summary.name))
    card = summary.card
    try:
        records = read_records(summary.path)
    except RunError as error:
        with shown_as_far_as_it_goes(summary.name):
            if card.task == "classify":  # others have none
                _show_numbers(card.metrics)
                st.caption(f"Its mistakes cannot be shown. {plain(told(error))}")
            else:
                show_outcome(summary)
        _show_ways_on(summary)
        show_report(summary)
        return
    given = card.recipe.get("validation")
    with shown_as_far_as_it_goes(summary.name):
        place = f"in {plain(Path(given).name)}" if given else "held out"
        _show_rates(records, of_faces=card.input.of_faces, place=place)
    _show_ways_on(summary)
    with shown_as_far_as_it_goes(summary.name):
        for note in records["notes"]:
            st.caption(plain(note))
        _show_training(summary.path, records)
        st.subheader("What it got wrong")
        _show_confusions(records)
        show_mistakes(summary, records, given or _data_folder(summary.path), can_decide=not given)


def _show_rates(records: dict, *, of_faces: bool, place: str):
    metrics, strangers = records["metrics"], records["open_set"]
    held_out = metrics["num_validation"]
    low, high = wilson_interval(round(metrics["top1"] * held_out), held_out)
    rates = {
        "Top-1": (f"{metrics['top1']:.1%}", f"95 % interval {low:.1%} to {high:.1%}, of {held_out:,} {place}"),
        "Top-5": (f"{metrics['top5']:.1%}", "the right name is among the five most probable"),
        "Calibration error": (f"{metrics['ece']:.1%}", _scaling(metrics)),
    }
    if strangers:
        high = f"{strangers['unknown_accepted_high']:.1%}"
        rates["Strangers accepted" if of_faces else "Anything else accepted"] = (
            f"{strangers['unknown_accepted']:.1%}",
            f"at most {high}, at 95 %",
        )
    with st.container(horizontal=True):
        for name, (value, about) in rates.items():
            with st.container(width=230, border=True, gap=None):
                st.metric(name, value.replace("%", " %"))
                st.caption(about.replace(" %", "%").replace("%", "\N{NO-BREAK SPACE}%"))


def _scaling(metrics: dict) -> str:
    """Whether the model was cooled; runs of earlier versions always were, and do not say by how much."""
    if metrics.get("temperature") == 1:
        return "without temperature scaling"
    return f"before temperature scaling {metrics['ece_before']:.1%}"


def _show_numbers(metrics: dict):
    """Of a run of another kind: what its card says in single numbers."""
    rows = [
        {"measure": name.replace("_", " "), "value": f"{value:.4g}"}
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    show_table(rows, "What the card says")


def _show_ways_on(summary: RunSummary):
    report = summary.path / "report.html"
    with st.container(horizontal=True, vertical_alignment="center"):
        if report.is_file():
            st.download_button(
                "Download the report",
                report.read_bytes,
                f"{summary.name}.html",
                "text/html",
                icon=":material/download:",
                on_click="ignore",
                key="train_report",
            )
        if summary.card.task == "classify":
            st.page_link("pages/recognise.py", label="Try it in Recognise", icon=":material/person_search:")
        elif summary.card.task == "segment":
            st.page_link("pages/segment.py", label="Try it in Segment", icon=":material/palette:")
        elif summary.card.task == "embed" and summary.card.input.of_faces:
            st.page_link("pages/verify.py", label="Try it in Verify", icon=":material/compare:")
        st.page_link("pages/inspect.py", label="Look into it", icon=":material/visibility:")
        others = {"runs": summary.name}
        st.page_link("pages/runs.py", label="Set it next to others", icon=":material/compare:", query_params=others)


def _show_training(run: Path, records: dict):
    if not records["history"]:
        st.caption("Nothing had to be trained: each class is the mean direction of its pictures' embeddings.")
        return
    with st.expander("How it learned", icon=":material/show_chart:"):
        show_chart(
            training_curves(records["history"]),
            key="train_result_curves",
            alt="Loss and accuracy of the training, epoch by epoch",
        )
        show_filter_history(run, "train_filter_epoch")


def _show_confusions(records: dict):
    names = [row["name"] for row in records["classes"]]
    if not records["confusions"] or len(names) > MAX_NAMED:
        return
    place = {name: index for index, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)), dtype=int)
    for row in records["classes"]:
        matrix[place[row["name"]], place[row["name"]]] = row["num_validation"]
    for cell in records["confusions"]:
        matrix[place[cell["true"]], place[cell["named"]]] = cell["count"]
        matrix[place[cell["true"]], place[cell["true"]]] -= cell["count"]
    show_confusion(names, matrix, height=460, key="train_result_confusion")


def _data_folder(run: Path) -> str | None:
    """The folder that a run was trained on, as its log says."""
    try:
        events, _ = read_events(run / "events.jsonl")
        data = standing(events).start.get("data")
    except (OSError, ValueError, KeyError, TypeError, json.JSONDecodeError):
        return None  # then it is asked for
    return data if isinstance(data, str) else None
