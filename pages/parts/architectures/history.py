"""The view History of the page Architectures: a contest year by year, and the family of networks with their code."""

import inspect

import streamlit as st

from kerasface.inspection.cost.published import CONTEST, FAMILY, PEOPLE_ERROR, PublishedNetwork
from kerasface.models.zoo import ARCHITECTURES
from kerasface.plotting.style import percent
from kerasface.plotting.teaching.history import accuracy_bubbles, contest_bars
from pages.parts.architectures.ideas import idea_of
from pages.parts.charts import show_chart
from pages.parts.tables import show_table

NAMES = {network.name: network for network in FAMILY}


def show_history():
    """Errors by year, the family in a table and as points, and one of them with its idea and code."""
    _show_contest()
    st.divider()
    st.subheader("The family")
    st.markdown(
        "As their authors published them (the work of VGG-16 as ResNet's paper counts it): each counts and tests in a "
        "way of its own, so compare with care. What was measured here, layer by layer, is under Layers and Compare."
    )
    show_table([_row(network) for network in FAMILY], "Networks with year, weights, multiply-adds and accuracy")
    points = [
        {"name": network.name, "multiply_adds": network.multiply_adds, "accuracy": network.top1}
        for network in FAMILY
        if network.multiply_adds and network.top1 and network.year > 2000
    ]
    show_chart(
        accuracy_bubbles(points),
        key="family",
        alt="Accuracy over work: " + ", ".join(f"{point['name']} {percent(point['accuracy'])}" for point in points),
    )
    _show_one()


def _show_contest():
    st.subheader("ImageNet's contest, year by year")
    st.markdown(
        "A million photos, 1,000 classes, five answers each. In 2012 a network won for the first time, by ten points; "
        "three years later the winner, with 152 layers and shortcuts around them, was better than the person who tried."
    )
    layers = [f"{entry.layers} layers" if entry.layers else "" for entry in CONTEST]
    names = [f"{entry.name}<br>{text}" for entry, text in zip(CONTEST, layers, strict=True)]
    show_chart(
        contest_bars([entry.year for entry in CONTEST], [entry.error for entry in CONTEST], names, PEOPLE_ERROR),
        key="contest",
        alt="Top-5 error of each year's winner: "
        + ", ".join(f"{entry.year} {entry.name} {percent(entry.error)}" for entry in CONTEST)
        + f"; a trained person {percent(PEOPLE_ERROR)}",
    )
    with st.expander("Where these numbers were published", icon=":material/menu_book:"):
        rows = [
            {"year": str(entry.year), "winner": entry.name, "error": percent(entry.error), "source": entry.source}
            for entry in CONTEST
        ]
        show_table(rows, "Sources of the errors")
        st.caption("People: one trained annotator, Russakovsky et al. 2015 (arXiv:1409.0575), section 6.4.")


def _row(network: PublishedNetwork) -> dict:
    return {
        "network": network.name,
        "year": str(network.year),
        "weights": _short(network.parameters),
        "multiply-adds": _short(network.multiply_adds),
        "top 1": percent(network.top1) if network.top1 else None,
        "top 5": percent(network.top5) if network.top5 else None,
        "measured": network.note,
        "here": network.built_as,
    }


def _short(number: float | None) -> str | None:
    if number is None:
        return None
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.4g} {unit}"
    return f"{number:g}"


def _show_one():
    """A network of the family: its idea, its paper, its code in the zoo, and the way to its layers."""
    st.subheader("Read one of them")
    name = st.selectbox("Network", list(NAMES), index=4, key="family_member", persist_state="session")
    network = NAMES[name]
    idea = idea_of(network.built_as)
    if idea:
        st.markdown(f"**{idea.year}.** {idea.text}")
    if network.link:
        st.markdown(f":small[Paper: [arXiv:{network.source}]({network.link})]")
    else:
        st.caption(f"Paper: {network.source}.")
    st.page_link(
        "pages/architectures.py",
        label=f"{network.built_as}, layer by layer",
        icon=":material/layers:",
        query_params={"part": "Layers", "architecture": network.built_as},
    )
    with st.expander(
        "Its code in the zoo" if network.built_as in ARCHITECTURES else "How it is built", icon=":material/code:"
    ):
        if network.built_as in ARCHITECTURES:
            st.code(inspect.getsource(ARCHITECTURES[network.built_as]), language="python", wrap_lines=True)
            st.caption(
                "From kerasface/models/zoo/architectures.py; what stands for one layer is in parts.py next to it."
            )
        else:
            st.code(
                "from kerasface.models.backbones import build_backbone\n\n"
                "# of keras.applications, with random weights\n"
                f'model = build_backbone("{network.built_as}", (224, 224)).model\n'
                "model.summary()",
                language="python",
                wrap_lines=True,
            )
