"""Inspect: what the layers of a model see, where its answers come from, why two faces match, where faces lie."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from pages.parts.inspect.attribution import show_attribution
from pages.parts.inspect.layers import show_layers
from pages.parts.inspect.match import show_match
from pages.parts.server.address import choose_view

VIEWS = {
    "layers": "Layers",
    "answer": "Why this answer",
    "faces": "Why these two faces",
    "map": "Map",
}


st.title("What does the network see?")
st.markdown(
    "Look inside a model: what its layers answer, where on a photo its decision comes from, and whether to trust it."
)
view = choose_view(VIEWS, "inspect_view")
if view == "layers":
    show_layers()
elif view == "answer":
    show_attribution()
elif view == "faces":
    show_match()
else:
    from pages.parts.inspect.map import show_map  # it alone needs scikit-learn, which takes a second to import

    show_map()
