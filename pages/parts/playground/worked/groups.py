"""A topic of the playground: groups of channels, from a normal convolution to a depthwise one."""

import numpy as np
import streamlit as st

from kerasface.inspection.cost.calculators import conv_parameters
from kerasface.inspection.teaching.worked.maps import group_table
from kerasface.inspection.teaching.worked.normalization import divisors
from kerasface.plotting.teaching.grids import connection_grid
from pages.parts.charts import show_chart

CODE = """
from kerasface.inspection.cost.calculators import conv_parameters
from kerasface.inspection.teaching.worked.maps import group_table

print(group_table(8, 8, 2).astype(int))  # which channel goes to which filter
print(conv_parameters(3, 8, 8, bias=False))  # 576 weights
print(conv_parameters(3, 8, 8, bias=False, groups=2))  # 288
print(conv_parameters(3, 8, 16, bias=False, groups=8))  # depthwise, depth multiplier 2: 144
"""
MOST = 16  # channels: each has room for its row


def show_groups():
    """Channels in, groups and the depth multiplier: which channel goes to which filter, and the weights."""
    st.markdown(
        "**Groups** divide the channels: a filter sees its own part alone, so with G groups there are G times fewer "
        "weights. With as many groups as channels it is a **depthwise** convolution; the **depth multiplier** is then "
        "the number of filters for each channel."
    )
    controls, picture = st.columns([2, 3], gap="large")
    with controls:
        channels = st.select_slider(
            "N: channels in", (2, 3, 4, 6, 8, 12, MOST), 8, key="group_channels", persist_state="session"
        )
        choices = divisors(channels)
        st.session_state["groups"] = max(count for count in choices if count <= st.session_state.get("groups", 2))
        groups = st.select_slider("G: groups", choices, key="groups", persist_state="session")
        per_channel = st.slider("Filters for each channel", 1, 4, 1, key="group_multiplier", persist_state="session")
        kernel = st.slider("K: side of the kernel", 1, 7, 3, key="group_kernel", persist_state="session")
    filters = per_channel * channels
    table = group_table(channels, filters, groups)
    normal, grouped = (conv_parameters(kernel, channels, filters, bias=False, groups=count) for count in (1, groups))
    with picture:
        show_chart(
            connection_grid(table, ("channel", "filter")),
            key="connections",
            alt=f"Which of {channels} channels goes to which of {filters} filters: {groups} blocks along the diagonal",
        )
        with st.container(horizontal=True, gap="large"):
            st.metric("Weights, one group", f"{normal:,}", width="content")
            st.metric(f"Weights, {groups} groups" if groups > 1 else "Weights", f"{grouped:,}", width="content")
        st.markdown(
            f"M·N·K² / G = {filters}·{channels}·{kernel}² / {groups} = **{grouped:,}**, without biases. "
            + _told(table, groups, channels, per_channel)
        )


def _told(table: np.ndarray, groups: int, channels: int, per_channel: int) -> str:
    if groups == channels:
        return (
            f"Depthwise, with a depth multiplier of {per_channel}: no filter sees a second channel, so 1 x 1 ones "
            "follow."
        )
    return f"Each filter sees {int(table[:, 0].sum())} of {channels} channels."
