"""Lectures: the course as a path, item by item, each with what shows it and an exercise."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from kerasface.course.finding import ITEMS
from pages.parts.lectures.item import show_item
from pages.parts.lectures.overview import show_overview
from pages.parts.lectures.progress import solved_items
from pages.parts.lectures.style import show_links_as_text

show_links_as_text()
asked = st.query_params.get("item", "")
item = {str(number): item for number, item in ITEMS.items()}.get(asked)
if item:
    show_item(item, solved_items())
else:
    st.title("Four lectures, alive")
    st.markdown(
        "How networks see pictures and faces, one thing at a time: what it is, where it can be tried here, and an "
        "exercise. What you have solved is kept on this machine."
    )
    if asked:
        st.info(f"There is no item {asked[:20]!r}: the course has 1 to {max(ITEMS)}.", icon=":material/search_off:")
    show_overview(solved_items())
