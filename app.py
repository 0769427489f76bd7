"""The dashboard: `kerasface app`. Settings: .streamlit/config.toml. Pages: pages/parts/server/navigation.py.

The server imports this file once, for what stands between it and every request; each run of a page executes it.
"""

import sys

import streamlit as st
from starlette.middleware import Middleware

from pages.parts.server.arrival import lose_nothing
from pages.parts.server.media import MediaOfOwnBrowser, note_browser
from pages.parts.server.memory import return_large_blocks, start_keras
from pages.parts.server.navigation import KERAS_PAGES, mark_app_as_run, navigate, show_icon
from pages.parts.server.password import stop_without_password
from pages.parts.server.requests import OwnPagesOnly, open_browser
from pages.parts.server.theme import show_readable_colours
from pages.parts.server.uploads import UploadsOfGuests

lose_nothing()


def run():
    """Shows the page that was asked for."""
    return_large_blocks()
    note_browser()
    show_icon()
    show_readable_colours()
    page = navigate()
    stop_without_password()
    mark_app_as_run()
    if "keras" not in sys.modules and page.url_path in KERAS_PAGES:
        # They import it anyway; here the wait has a sign.
        with st.spinner("Starting Keras and TensorFlow: some seconds, once after each start."):
            start_keras()
    page.run()


if __name__ == "__main__":
    run()
else:
    between = [Middleware(kind) for kind in (OwnPagesOnly, UploadsOfGuests, MediaOfOwnBrowser)]
    app = st.App(__file__, middleware=between, lifespan=open_browser)
