"""Asks for the dashboard's password where there is one."""

from time import sleep

import streamlit as st

from kerasface.password import PasswordFileError, check_password, is_password_set
from pages._photos import plain

_LET_IN = "password_was_right"
_LONGEST = 8.0  # seconds


@st.cache_resource(show_spinner=False)
def _failures() -> dict[str, int]:
    """Wrong passwords since the last right one, from all browsers together."""
    return {"count": 0}


def stop_without_password():
    """Lets a session go on that gave the password, or where there is none; else it is asked for and the run ends.

    After each wrong one the answer takes twice as long, whoever asks.
    """
    if st.session_state.get(_LET_IN) or not is_password_set():
        return
    st.title("KerasFace")
    with st.form("password", width=420):
        given = st.text_input("Password of this dashboard", type="password", autocomplete="current-password")
        asked = st.form_submit_button("Open", type="primary", icon=":material/lock_open:")
    st.caption('It was set on this machine with "kerasface password set", and "kerasface password clear" ends it.')
    if not asked:
        st.stop()
    failures = _failures()
    with st.spinner("Checking"):
        sleep(min(_LONGEST, 0.25 * 2 ** failures["count"]) if failures["count"] else 0)
        try:
            right = check_password(given)
        except PasswordFileError as error:
            st.error(plain(str(error)), icon=":material/error:")
            st.stop()
    if not right:
        failures["count"] += 1
        st.error("That is not the password.", icon=":material/lock:")
        st.stop()
    failures["count"] = 0
    st.session_state[_LET_IN] = True
    st.rerun()
