"""Shows Plotly figures."""

import plotly.graph_objects as go
import streamlit as st


def show_chart(figure: go.Figure, *, key: str, alt: str):
    """Shows a figure without Plotly's toolbar.

    Args:
        alt: What a screen reader says in its place.
    """
    st.plotly_chart(figure, config={"displayModeBar": False}, key=key, alt=alt)
