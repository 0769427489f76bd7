"""The way through the lectures: how far one is, a search, and the chapters of a lecture."""

import streamlit as st

from kerasface.course.finding import ITEMS, find_items
from kerasface.course.outline import CHAPTERS
from kerasface.course.records import LECTURES, Item
from pages.parts.lectures.progress import begin_anew
from pages.parts.photos import plain
from pages.parts.server.address import choose_view

# No `st.progress`, which says that work is under way.
BAR = """<div aria-hidden="true" style="height: 6px; border-radius: 3px; background: rgba(128, 140, 138, 0.25);">
<div style="height: 6px; border-radius: 3px; background: #2a9d8f; width: {share:.1f}%;"></div></div>"""


def show_overview(solved: set[int]):
    """Progress and search; below them what was found, or a lecture."""
    show_progress(solved)
    query = st.text_input(
        "Search the lectures", key="lecture_search", placeholder="softmax, stride, 308,200, item 75 ...", max_chars=100
    )
    if query.strip():
        show_found(query, solved)
        return
    lecture = choose_view({letter: f"**{letter}** {title}" for letter, title in LECTURES.items()}, "lecture")
    with st.grid(min_column_width=320):
        for chapter in (chapter for chapter in CHAPTERS if chapter.lecture == lecture):
            with st.container(border=True, height="stretch"):
                done = sum(item.number in solved for item in chapter.items)
                st.subheader(chapter.title, anchor=False)
                st.caption(f"{done} of {len(chapter.items)} solved")
                for item in chapter.items:
                    link_to(item, solved)


def show_progress(solved: set[int]):
    """How far one is, and where to go on."""
    known = solved & ITEMS.keys()
    st.markdown(f"**{len(known)}** of {len(ITEMS)} exercises solved")
    st.html(BAR.format(share=100 * len(known) / len(ITEMS)))
    following = next((item for item in ITEMS.values() if item.number not in solved), None)
    with st.container(horizontal=True, vertical_alignment="center"):
        if following:
            st.page_link(
                "pages/lectures.py",
                label=f"**{'Go on' if known else 'Begin'}**: {following.title}",
                icon=":material/play_arrow:",
                query_params={"item": str(following.number)},
            )
        else:
            st.markdown(":green[:material/celebration:] All of them are solved.")
        if solved:
            with st.popover("Begin anew", icon=":material/restart_alt:", type="tertiary"):
                st.markdown("Every exercise becomes unsolved again.")
                st.button("Forget what was solved", on_click=begin_anew, key="forget_solved")


def show_found(query: str, solved: set[int]):
    """The items that a search found."""
    found = find_items(query)
    if not found:
        told = f"No item has all the words of {plain(query)}. Fewer words find more."
        st.info(told, icon=":material/search_off:")
        return
    st.caption(f"{len(found)} of {len(ITEMS)} items")
    for item in found:
        link_to(item, solved)


def link_to(item: Item, solved: set[int]):
    """A link to an item, with a sign where it is solved."""
    st.page_link(
        "pages/lectures.py",
        label=f"{item.number} · {item.title}",
        icon=":material/check_circle:" if item.number in solved else ":material/circle:",
        query_params={"item": str(item.number)},
    )
