"""The dashboard: `streamlit run app.py`. Settings: .streamlit/config.toml. The list of pages: pages/_navigation.py."""

import streamlit as st

from pages._navigation import mark_app_as_run, navigate

st.set_page_config(page_title="KerasFace", page_icon=":material/face:", layout="wide")
page = navigate()
mark_app_as_run()
page.run()
