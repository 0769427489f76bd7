"""Colours that .streamlit/config.toml cannot set: with them all text has the contrast of WCAG's AA, 4.5 to 1."""

import streamlit as st

PRIMARY = '[data-testid^="stBaseButton-primary"]:not(:disabled)'
CHOSEN = '[data-testid="stMultiSelectTagsContainer"] [data-tag]'
CHART = ".js-plotly-plot text"
UPLOAD_LIMITS = '[data-testid="stFileUploaderDropzone"] span'


def ground_colour() -> str:
    """The colour of the page, in CSS, for what covers others while it stays in sight."""
    return f"light-dark({st.get_option('theme.light.backgroundColor')}, {st.get_option('theme.dark.backgroundColor')})"


def show_readable_colours():
    """Colours what Streamlit leaves too faint. By CSS alone, so that it follows when the system goes dark."""
    light, dark = (st.get_option(f"theme.{theme}.textColor") for theme in ("light", "dark"))
    on_accent = f"light-dark(#ffffff, {st.get_option('theme.dark.backgroundColor')})"
    ink = f"light-dark({light}, {dark})"
    rules = (
        f"{PRIMARY}, {PRIMARY} *, {CHOSEN}, {CHOSEN} * {{ color: {on_accent}; }}",  # white on dark's accent: 2.7 to 1
        f"{PRIMARY}:hover, {PRIMARY}:hover * {{ color: #ffffff; }}",  # the accent is darker then
        f"{CHART} {{ fill: {ink} !important; }}",  # Plotly writes its colours into each element
        f"{UPLOAD_LIMITS} {{ color: color-mix(in srgb, {ink} 70%, transparent); }}",
    )
    st.html(f"<style>{' '.join(rules)}</style>")
