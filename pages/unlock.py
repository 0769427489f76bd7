"""Unlock: look into the camera, do what it asks, and a locked note opens."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from kerasface.gallery.store import GalleryError
from kerasface.models.pretrained import ModelFileError
from pages.parts.gallery.opening import end_with
from pages.parts.unlock.view import show_page

st.title("Look into the camera")
st.markdown("Do what it asks, and a locked note opens. A demonstration of convenience: it is no security product.")
try:
    show_page()
except (GalleryError, ModelFileError) as error:
    end_with(error)
