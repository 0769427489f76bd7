"""Shows Plotly figures in the colours of the theme that is on."""

import plotly.graph_objects as go
import streamlit as st

# `textColor` of .streamlit/config.toml: Streamlit's own grey for chart text has too little contrast for small letters.
INK = {"light": "#16211f", "dark": "#e6eeec"}


def show_chart(figure: go.Figure, key: str):
    """Shows a figure without Plotly's toolbar; its text has the contrast of the page's text."""
    ink = INK.get(st.context.theme.type, "#7a8583")
    figure.update_layout(font_color=ink).update_xaxes(tickfont_color=ink).update_yaxes(tickfont_color=ink)
    st.plotly_chart(figure, config={"displayModeBar": False}, key=key)
