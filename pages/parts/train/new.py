"""A new training on the page Train, from what it should learn to the start."""

import streamlit as st

from pages.parts.train.check import show_check
from pages.parts.train.data import choose_data
from pages.parts.train.kinds import choose_kind
from pages.parts.train.plan import show_plan
from pages.parts.train.recipe import choose_recipe
from pages.parts.train.start import show_start, show_start_error


def show_new():
    """What to learn, pictures, settings, a look at all of them, and the start."""
    kind = choose_kind()
    st.subheader("1. Pictures")
    pictures = choose_data(kind)
    if pictures is None:
        show_start_error()
        st.caption("Choose pictures to go on, or take the sample, which is trained on within minutes.")
        return
    st.subheader("2. Settings")
    chosen = choose_recipe(kind, pictures.place)
    if chosen is None:
        show_start_error()
        return
    look = st.container()  # filled last: it may take minutes, and nobody has to wait for it
    st.subheader("4. Start")
    show_start()
    with look:
        st.subheader("3. A look before time is spent")
        show_plan(kind.name, chosen.recipe, num_images=pictures.num_images, num_classes=pictures.num_classes)
        if kind.name != "segment":
            show_check(kind, pictures.place, chosen.recipe)
