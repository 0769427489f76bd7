"""The view Compare of the page Architectures: weights, work and, when asked, the time of one image here."""

import pandas as pd
import streamlit as st

from kerasface.inspection.cost.comparison import build_by_name, measure_latency
from kerasface.models.backbones import backbone_names
from kerasface.models.efficientnet_lite import LITE0
from kerasface.models.runtime import device_name
from kerasface.models.zoo import ARCHITECTURES
from kerasface.plotting.tradeoff import cost_bubbles
from pages.parts.architectures.models import SIDE, SIDES, Costs, named_costs
from pages.parts.charts import show_chart
from pages.parts.inspect.work import Report, work
from pages.parts.photos import plain
from pages.parts.tables import show_sideways_hint

DEFAULT = ("face_resnet", LITE0, *ARCHITECTURES)


def show_comparison():
    """Which ones, how large the image; then the table, the times, and the bubbles."""
    left, right = st.columns([3, 2], gap="medium")
    names = left.multiselect(
        "Architectures",
        backbone_names(),
        DEFAULT,
        key="compared",
        persist_state="session",
        placeholder="Choose some",
        wrap=True,
    )
    side = right.select_slider("Side of the image, pixels", SIDES, SIDE, key="compared_side", persist_state="session")
    st.caption("All with 1,000 classes and random weights: nothing is downloaded. face\\_resnet keeps its 150 pixels.")
    if not names:
        st.info("Choose architectures to compare them.", icon=":material/balance:")
        return
    key = side, *sorted(names)
    found = work(("costs", *key), "Building and counting", len(names), lambda report: count(names, side, report))
    if found is None:
        return
    costs, problems = found
    for problem in problems:
        st.warning(plain(problem), icon=":material/straighten:")
    if costs:
        times = measured_times(list(costs), side)
        rows = [row(name, costs[name], times.get(name)) for name in names if name in costs]
        show_table(rows)
        show_bubbles(rows)


def count(names: list[str], side: int, report: Report) -> tuple[dict[str, Costs], list[str]]:
    """What each one costs, and a sentence for each that does not take images of this size."""
    costs, problems = {}, []
    for done, name in enumerate(names):
        report(done)
        try:
            costs[name] = named_costs(name, side)
        except ValueError as error:
            problems.append(f"{name} is left out: {error}")
    return costs, problems


def measured_times(names: list[str], side: int) -> dict[str, float]:
    """Milliseconds of one image of those that were measured in this session; the others on demand."""
    times = st.session_state.setdefault("architecture_times", {})  # by name and side; what was stopped keeps its start
    missing = [name for name in names if (name, side) not in times]

    def measure(report: Report) -> bool:
        now = st.empty()
        for done, name in enumerate(missing):
            report(done)
            now.caption(f"Measuring {plain(name)}")
            times[name, side] = measure_latency(build_by_name(name, None if name == "face_resnet" else (side, side)))
        now.empty()
        return True

    if missing:
        label = "Measure the time of one image here"
        text = f"Building and running {len(missing)} model{'s' * (len(missing) > 1)}"
        work(("times", side, *missing), text, len(missing), measure, button=label)
    known = {name: times[name, side] for name in names if (name, side) in times}
    if known:
        st.caption(f"Time: the median of nine, one image at a time, {device_name()}. Busy machines take longer.")
    return known


def row(name: str, costs: Costs, milliseconds: float | None) -> dict:
    return {
        "name": name,
        "image": "{} x {}".format(*costs.image_size),
        "parameters": costs.total.parameters,
        "mebibytes": costs.total.weights_mebibytes,
        "multiply_adds": costs.total.multiply_adds,
        "activations": costs.total.activation_bytes / 2**20,
        "milliseconds": milliseconds,
    }


def show_table(rows: list[dict]):
    number = st.column_config.NumberColumn
    most = max(entry["multiply_adds"] for entry in rows)
    table = pd.DataFrame(rows)
    table.insert(5, "share", table["multiply_adds"] / max(most, 1))
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        placeholder="\N{EN DASH}",
        column_config={
            "name": st.column_config.TextColumn("architecture", pinned=True),
            "parameters": number("weights", format="localized"),
            "mebibytes": number("MiB", format="%.1f", help="Weights in float32; mostly called MB."),
            "multiply_adds": number("multiply-adds", format="localized"),
            "share": st.column_config.ProgressColumn("of the largest", format="percent", min_value=0, max_value=1),
            "activations": number("maps, MiB", format="%.1f", help="What all layers give for one image, in float32."),
            "milliseconds": number("ms here", format="%.1f", help="Measured on this machine when you ask for it."),
        },
        column_order=None if table["milliseconds"].notna().any() else [*table.columns[:-1]],
        alt="The architectures with weights, size, multiply-adds, memory and time",
    )
    show_sideways_hint()


def show_bubbles(rows: list[dict]):
    timed = [entry for entry in rows if entry["milliseconds"] is not None]
    upwards = "time" if timed else "weights"
    st.subheader("Work against " + upwards)
    show_chart(
        cost_bubbles(timed or rows), key="bubbles", alt="Weights of each architecture against the work of one image"
    )
    told = "Each step is a factor of ten; the area of a bubble is the size of the weights."
    if timed:
        told += " What lies high above its neighbours does little work, slowly: the hardware waits for memory."
    st.caption(told)
