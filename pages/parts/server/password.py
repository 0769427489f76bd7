"""Asks for the dashboard's password where there is one."""

from time import sleep

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from kerasface.password import DOOR, PasswordFileError, TooEarlyError, password_mark
from kerasface.terminal.errors import told
from pages.parts.photos import plain
from pages.parts.server.uploads import let_in

_GIVEN = "password_given"


def stop_without_password():
    """Lets a session go on that gave the password, or where there is none; else it is asked for and the run ends.

    After each wrong one it takes twice as long until another is looked at, whoever asks. Another password that is set
    meanwhile is asked for where the earlier one was given.
    """
    mark = password_mark()
    if mark is None or st.session_state.get(_GIVEN) == mark:
        return
    st.title("KerasFace")
    with st.form("password", width=420):
        given = st.text_input("Password of this dashboard", type="password", autocomplete="current-password")
        asked = st.form_submit_button("Open", type="primary", icon=":material/lock_open:")
    st.caption('It was set on this machine with "kerasface password set", and "kerasface password clear" ends it.')
    if not asked:
        st.stop()
    with st.spinner("Checking"):
        sleep(DOOR.seconds_left)
        try:
            right = DOOR.opens_to(given)
        except TooEarlyError as error:  # of several that waited, one was looked at, and was wrong
            st.warning(plain(told(error)), icon=":material/hourglass:")
            st.stop()
        except PasswordFileError as error:
            st.error(plain(told(error)), icon=":material/error:")
            st.stop()
    if not right:
        st.error("That is not the password.", icon=":material/lock:")
        st.stop()
    st.session_state[_GIVEN] = mark
    let_in(get_script_run_ctx().session_id, mark)
    st.rerun()
