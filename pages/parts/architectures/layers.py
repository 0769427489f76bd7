"""The view Layers of the page Architectures: a table of what each layer costs, and where its numbers come from."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from kerasface.inspection.cost.arithmetic import LayerRecord, ModelCost
from kerasface.inspection.cost.calculators import FLOAT32
from kerasface.inspection.cost.worked import Worked, latex
from kerasface.models.pretrained import ModelFileError
from kerasface.plotting.costs import layer_costs
from kerasface.runs.store import RunError
from kerasface.terminal.errors import told
from pages.parts.architectures.ideas import idea_of
from pages.parts.architectures.models import SIDE, SIDES, Choice, Costs, costs_of, list_choices
from pages.parts.charts import show_chart
from pages.parts.photos import plain
from pages.parts.server.address import asked_for
from pages.parts.tables import show_sideways_hint

FIRST = "alexnet"
FORMULA = r"\left\lfloor \frac{N + 2P - D(F - 1) - 1}{S} \right\rfloor + 1"
MEBIBYTE = 2**20  # bytes
MEGA = 10**6


def show_layers():
    """Model and size, its idea, its totals, the table, the numbers of the chosen row, and costs along the depth."""
    label, choice, side = choose()
    idea = idea_of(choice.name)
    if idea:
        link = f" · [arXiv:{idea.arxiv}](https://arxiv.org/abs/{idea.arxiv})" if idea.arxiv else ""
        st.markdown(f"**{idea.year}.** {idea.text}  \n:small[{plain(idea.paper)}{link}]")
    try:
        with st.spinner(f"Building {plain(label)}: some seconds if it is large"):
            costs = costs_of(choice, side)
    except (ValueError, RunError, ModelFileError) as error:
        st.error(plain(told(error)), icon=":material/straighten:")
        return
    show_totals(costs)
    st.markdown(heaviest(costs))
    show_row(costs, choose_row(costs, key=f"rows_{label}_{side}"))
    st.subheader("Where the cost lies along the depth")
    show_chart(
        layer_costs([record.to_dict() for record in costs.records]),
        key="layer_costs",
        alt="Weights, multiply-adds and size of the output of every layer, in order",
    )


def choose() -> tuple[str, Choice, int]:
    """What the model is called, which one it is, and the side of its images."""
    choices = list_choices()
    asked_for("architecture", choices, "network")
    left, right = st.columns([3, 2], gap="medium")
    label = left.selectbox(
        "Architecture, or one of your models",
        list(choices),
        index=list(choices).index(FIRST),
        key="architecture",
        bind="query-params",
        persist_state="session",
    )
    choice = choices[label]
    if choice.fixed:
        right.caption("The size of its images is its own.")
        return label, choice, 0
    side = right.select_slider("Side of the image, pixels", SIDES, SIDE, key="side", persist_state="session")
    return label, choice, side


def show_totals(costs: Costs):
    total: ModelCost = costs.total
    with st.container(horizontal=True, gap="medium"):
        st.metric("Image", "{} x {}".format(*costs.image_size), width="content")
        st.metric("Layers", len(costs.records), width="content")
        st.metric("Weights", f"{total.parameters / MEGA:,.2f} M", width="content", help=f"{total.parameters:,}")
        st.metric("Size in float32", f"{total.weights_mebibytes:,.1f} MiB", width="content", help="Mostly called MB.")
        st.metric(
            "Multiply-adds", f"{total.multiply_adds / MEGA:,.0f} M", width="content", help=f"{total.multiply_adds:,}"
        )
        st.metric(
            "All maps",
            f"{total.activation_bytes / MEBIBYTE:,.1f} MiB",
            width="content",
            help="What all layers give for one image, in float32, as training keeps it.",
        )
    if total.uncounted:
        st.caption(f"Left out, as their multiply-adds are not known: {plain(', '.join(total.uncounted))}")


def heaviest(costs: Costs) -> str:
    """Which layers have most of the weights and of the work."""
    weights = max(costs.records, key=lambda record: record.parameters)
    work = max(costs.records, key=lambda record: record.multiply_adds or 0)
    if not weights.parameters:
        return "This model has no weights."
    return (
        f"Most weights stand in **{plain(weights.name)}**, {weights.parameters_share:.0%} of all; "
        f"most work is done in **{plain(work.name)}**, {work.multiply_adds_share:.0%} of it."
    ).replace("%", " %")


def choose_row(costs: Costs, key: str) -> LayerRecord | None:
    """The table; returns the row that is chosen in it, at first the first one with weights."""
    first = next((place for place, record in enumerate(costs.records) if record.parameters), 0)
    share = {"format": "percent", "min_value": 0, "max_value": 1, "width": "small"}
    number = {"format": "localized"}
    table = st.dataframe(
        pd.DataFrame([_cells(record) for record in costs.records]),
        hide_index=True,
        height=390,
        placeholder="\N{EN DASH}",  # of a layer whose multiply-adds are not known
        key=key,
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [first]}},
        column_config={
            "layer": st.column_config.TextColumn("layer", pinned=True),
            "weights": st.column_config.NumberColumn("weights", **number),
            "of all weights": st.column_config.ProgressColumn("of all weights", **share),
            "multiply-adds": st.column_config.NumberColumn("multiply-adds", **number),
            "of all work": st.column_config.ProgressColumn("of all work", **share),
            "map, KiB": st.column_config.NumberColumn("map, KiB", format="%.1f", help="What it gives, in float32."),
            "sees": st.column_config.TextColumn("sees", help="Pixels of the image on which one value depends."),
        },
        alt="Every layer with its output, weights, multiply-adds, memory and receptive field",
    )
    show_sideways_hint()
    st.caption("Choose a row, and its numbers are worked out below.")
    rows = table.selection.rows
    return costs.records[rows[0]] if rows and rows[0] < len(costs.records) else None


def _cells(record: LayerRecord) -> dict:
    return {
        "layer": record.name,
        "kind": record.kind,
        "output": _times(record.output_shape),
        "weights": record.parameters,
        "of all weights": record.parameters_share,
        "multiply-adds": record.multiply_adds,
        "of all work": record.multiply_adds_share,
        "map, KiB": record.activation_bytes / 2**10,
        "sees": _times(record.receptive_field or ()),
    }


def show_row(costs: Costs, record: LayerRecord | None):
    """Where the numbers of a row come from."""
    if record is None:
        return
    worked = costs.sums.get(record.name, Worked())
    products = "not known" if record.multiply_adds is None else worked.multiply_adds or f"{record.multiply_adds:,}"
    lines = [
        f"**Weights** {worked.parameters or f'{record.parameters:,}'}",
        f"**Multiply-adds** {products}",
        f"**Memory of its map** {record.activation_bytes // FLOAT32:,} numbers · {FLOAT32} bytes = "
        f"{record.activation_bytes / 2**10:,.1f} KiB",
    ]
    if record.receptive_field:
        lines.append(f"**Sees** {_sight(record)}")
    with st.container(border=True):
        st.markdown(f"**Where do the numbers of {plain(record.name)} come from?**")
        left, right = st.columns([1, 1], gap="medium")
        left.markdown(f"**Output** {_times(record.output_shape)} :small[{record.kind}]")
        if record.formula:
            if "floor" in record.formula:
                left.latex(FORMULA)
            left.latex(latex(record.formula))
        right.markdown("\n\n".join(lines))


def _sight(record: LayerRecord) -> str:
    rows, cols = record.receptive_field
    text = f"{rows} x {cols} pixels of the image behind one value"
    step = record.jump[0] if record.jump else 0
    return f"{text}; neighbours are {step:g} pixel{'s' * (step != 1)} apart." if step else f"{text}."


def _times(numbers: Sequence[int]) -> str:
    return " x ".join(map(str, numbers))
