"""The list of pages, and what makes each of them open by its address."""

import streamlit as st

_MARK = "app_was_run"


def navigate() -> st.Page:
    """Declares the pages in the order of the menu and returns the one that was asked for."""
    return st.navigation(
        [
            st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
            st.Page("pages/verify.py", title="Verify", icon=":material/compare:"),
            st.Page("pages/recognise.py", title="Recognise", icon=":material/person_search:"),
            st.Page("pages/segment.py", title="Segment", icon=":material/palette:"),
        ]
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
        navigate()
        st.rerun()
