"""The dashboard: `streamlit run app.py`. Settings: .streamlit/config.toml. The list of pages: pages/_navigation.py."""

import importlib
import sys
from pathlib import Path

import streamlit as st

from kerasface.terminal import choose_kernels
from pages._memory import settle
from pages._navigation import mark_app_as_run, navigate
from pages._password import stop_without_password

# A file: the browser would fetch a named icon from elsewhere.
ICON = Path(__file__).parent / "pages" / "icon.png"
st.set_page_config(page_title="KerasFace", page_icon=str(ICON), layout="wide")
page = navigate()
stop_without_password()
mark_app_as_run()
choose_kernels()
if "keras" not in sys.modules and page.url_path:  # Home needs it last of all, and says so there
    # The other pages import it anyway; here the wait has a sign.
    with st.spinner("Starting Keras and TensorFlow: some seconds, once after each start."):
        importlib.import_module("keras")
    settle()
page.run()
