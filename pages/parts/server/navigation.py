"""The list of pages, and what makes each of them open by its address."""

from pathlib import Path

import streamlit as st

KERAS_PAGES = ("inspect", "architectures", "playground", "train")  # addresses of what explains networks or makes them
_MARK = "app_was_run"
# A file: the browser would fetch a named icon, such as the page's own, from elsewhere.
_ICON = Path(__file__).parents[2] / "icon.png"


def show_icon():
    """Sets title and icon of the browser's tab, and the width of the pages."""
    st.set_page_config(page_title="KerasFace", page_icon=str(_ICON), layout="wide")


def navigate() -> st.Page:
    """Declares the pages in the order of the menu and returns the one that was asked for."""
    return st.navigation(
        {
            "": [st.Page("pages/home.py", title="Home", icon=":material/home:", default=True)],
            "Use": [
                st.Page("pages/verify.py", title="Verify", icon=":material/compare:"),
                st.Page("pages/recognise.py", title="Recognise", icon=":material/person_search:"),
                st.Page("pages/gallery.py", title="Gallery", icon=":material/groups:"),
                st.Page("pages/segment.py", title="Segment", icon=":material/palette:"),
                st.Page("pages/unlock.py", title="Unlock", icon=":material/lock_open:"),
            ],
            "Understand": [
                st.Page("pages/lectures.py", title="Lectures", icon=":material/school:"),
                st.Page("pages/inspect.py", title="Inspect", icon=":material/visibility:"),
                st.Page("pages/architectures.py", title="Architectures", icon=":material/layers:"),
                st.Page("pages/playground.py", title="Playground", icon=":material/science:"),
            ],
            "Make": [
                st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
                st.Page("pages/runs.py", title="Runs", icon=":material/compare_arrows:"),
                st.Page("pages/evaluate.py", title="Evaluate", icon=":material/query_stats:"),
            ],
        },
        expanded=True,
    )


def mark_app_as_run():
    """Notes in the session that app.py ran, so that its pages need not start over."""
    st.session_state[_MARK] = True


def enter_through_app():
    """Starts the run over through app.py if app.py was passed by; every page calls this first.

    Until `st.navigation` is called once after the start of a server, Streamlit answers a request for `/verify` by
    running pages/verify.py alone, with every file of the folder in its menu: so it does for whoever still has the
    page open when the server starts again.
    """
    if not st.session_state.get(_MARK):
        show_icon()
        navigate()
        st.rerun()
