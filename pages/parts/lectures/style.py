"""How links of the lectures look: they lead to this very page, which Streamlit marks as the chosen one of a menu."""

import streamlit as st

CSS = """
[data-testid="stMain"] [data-testid="stPageLink-NavLink"] { background: none; }
[data-testid="stMain"] [data-testid="stPageLink-NavLink"]:hover { text-decoration: underline; }
[data-testid="stMain"] [data-testid="stPageLink-NavLink"] * { white-space: normal; font-weight: inherit; }
"""


def show_links_as_text():
    """Links without the mark, that wrap where they are long."""
    st.html(f"<style>{CSS}</style>")
