"""What came of an embedder or a segmentation, on the page Train, and the report of any model."""

import html

import streamlit as st

from kerasface.files.reading import read_regular
from kerasface.plotting.metric import spread_curves
from kerasface.plotting.segmentation import segmentation_curves
from kerasface.plotting.training import training_curves
from kerasface.reports.document import POLICY
from kerasface.runs.history import read_history
from kerasface.runs.store import RunError, RunSummary
from kerasface.terminal.errors import one_line
from kerasface.terminal.words import share
from kerasface.train.metric_learning.card import NAMES
from pages.parts.charts import show_chart
from pages.parts.photos import plain
from pages.parts.tables import show_table

_HEIGHT = 900  # pixels of the report
_MOST = 2**27  # bytes of it
# A report may be somebody else's. What stands in Streamlit's frame has the rights of the dashboard; what stands in this
# one inside of it has none, and neither asks the network.
_FRAME = """<meta http-equiv="Content-Security-Policy" content="{}"><style>html, body {{ margin: 0; height: 100%; }}
iframe {{ border: 0; width: 100%; height: 100%; display: block; }}</style><iframe sandbox="allow-scripts"
title="Report" srcdoc="{}"></iframe>"""


def show_outcome(summary: RunSummary):
    """The numbers that count, and how they came about."""
    metrics = summary.card.metrics
    if summary.card.task == "embed" and "held_out" in metrics:
        _show_embedder(metrics, "people" if summary.card.input.of_faces else "classes")
    elif summary.card.task == "segment" and "iou" in metrics:
        _show_segmentation(metrics)
    if history := _history(summary):
        with st.expander("How it learned", icon=":material/show_chart:", expanded=True):
            show_curves(history, key="train_result_curves")


def show_curves(history: list[dict], *, key: str):
    """The curves that a training of its kind has."""
    if any(row.get("val_mean_iou") is not None for row in history):
        figure, alt = segmentation_curves(history), "Loss, accuracy and mean IoU of the training, epoch by epoch"
    elif all(row.get("impostor_distance") is not None for row in history):
        figure, alt = spread_curves(history), "How far apart people lie, epoch by epoch"
    else:
        figure, alt = training_curves(history), "Loss and accuracy of the training, epoch by epoch"
    show_chart(figure, key=key, alt=alt)


def show_report(summary: RunSummary):
    """The report with its pictures, when it is asked for: some megabytes."""
    report = summary.path / "report.html"
    if report.is_file() and st.toggle("Show the whole report here", key=f"train_whole_report_{summary.name}"):
        try:
            text = read_regular(report, _MOST).decode("utf-8", "replace")
        except (OSError, ValueError) as error:
            st.error(plain(f"The report cannot be shown: {one_line(error)}."), icon=":material/error:")
            return
        st.iframe(_FRAME.format(POLICY, html.escape(text)), height=_HEIGHT)


def _show_embedder(metrics: dict, whom: str):
    """Each candidate on people, or classes of anything, that were held out, and which was kept."""
    number, photos = metrics["num_people_validation"], metrics["num_validation"]
    st.markdown(f"Judged on **{number:,} {whom} held out**, {photos:,} pictures of them.")
    rows = []
    for name, judged in metrics["held_out"].items():
        accepted, missed = judged["tar_at_fmr"]["0.001"], judged.get("fnir_at_fpir")
        rows.append(
            {
                "embeddings": NAMES.get(name, name) + (" (kept)" if name == metrics["kept"] else ""),
                "equal error rate": share(judged["eer"], 2),
                "accepted at an FMR of 0.1 %": _with_interval(accepted),
                "missed at an FPIR of 1 %": share(missed["0.01"]["value"]) if missed else None,
            }
        )
    show_table(rows, f"How the embeddings do on {whom} held out")


def _with_interval(rate: dict) -> str:
    return f"{share(rate['value'])} ({share(rate['low'])} to {share(rate['high'])})"


def _show_segmentation(metrics: dict):
    with st.container(horizontal=True):
        for name, key in (("Mean IoU", "mean_iou"), ("Pixel accuracy", "pixel_accuracy")):
            with st.container(width=230, border=True, gap=None):
                st.metric(name, share(metrics[key]))
                low, high = metrics.get(f"{key}_low"), metrics.get(f"{key}_high")
                held_out = f"of {metrics['num_validation']:,} pictures"
                st.caption(held_out if low is None else f"95 % interval {share(low)} to {share(high)}, {held_out}")
    rows = [
        {"class": name, "IoU": share(value), "F1": share(metrics["f1"][name])} for name, value in metrics["iou"].items()
    ]
    show_table(rows, "How well each class is found")


def _history(summary: RunSummary) -> list[dict]:
    """A record per epoch; none where they cannot be read."""
    try:
        return read_history(summary.path)
    except RunError:
        return []
