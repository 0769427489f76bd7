"""The few lines of the library that compute what a page shows, folded away below it."""

import streamlit as st


def show_code(text: str):
    """Shows a snippet of Python that runs as it stands in an environment with KerasFace."""
    if not text:
        return
    with st.expander("Show the code", icon=":material/code:"):
        st.code(text.strip(), language="python", wrap_lines=True)
        st.caption("It runs as it stands where KerasFace is installed.")
