"""One item of a lecture: what it is, where it can be tried, its exercise, and the way on."""

import streamlit as st

from kerasface.course.finding import chapter_of, neighbors
from kerasface.course.records import LECTURES, Command, Item, Page
from pages.parts.lectures.exercise import show_exercise
from pages.parts.lectures.overview import link_to


def show_item(item: Item, solved: set[int]):
    """The whole page of an item."""
    chapter = chapter_of(item.number)
    st.page_link(
        "pages/lectures.py",
        label=f"Lecture {chapter.lecture}: {LECTURES[chapter.lecture]}",
        icon=":material/arrow_back:",
        query_params={"view": chapter.lecture},
    )
    st.title(item.title, anchor=False)
    others = [letter for letter in sorted({chapter.lecture, *item.also}) if letter != chapter.lecture]
    told = f" · also in lecture {', '.join(others)}" if others else ""
    st.caption(f"{chapter.title} · item {item.number}{told}")
    if item.number in solved:
        st.markdown(":green[:material/check_circle: Solved]")  # not in the caption, where green is too pale
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown(item.text)
        if item.slip:
            st.warning(f"**A slip of the slides.** {item.slip}", icon=":material/edit_note:")
        show_exercise(item)
    with right:
        show_leads(item)
    show_way(item, chapter.items, solved)


def show_leads(item: Item):
    """Pages that show it at work, each with its state, and lines for the terminal."""
    pages = [lead for lead in item.leads if isinstance(lead, Page)]
    commands = [lead for lead in item.leads if isinstance(lead, Command)]
    with st.container(border=True):
        if pages:
            st.markdown("**See it at work**")
        for lead in pages:
            to = f"pages/{lead.page}.py"
            st.page_link(to, label=lead.label, icon=":material/arrow_outward:", query_params=dict(lead.query))
        if commands:
            st.markdown("**In the terminal**")
        for lead in commands:
            st.code(lead.text, language=None, wrap_lines=True)  # the colours of words are too pale to be read
            st.caption(lead.label)


def show_way(item: Item, chapter: tuple[Item, ...], solved: set[int]):
    """The items before and after, and the whole chapter."""
    st.divider()
    before, after = neighbors(item.number)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        for other, label, icon in ((before, "Before", "arrow_back"), (after, "Next", "arrow_forward")):
            if other:
                st.page_link(
                    "pages/lectures.py",
                    label=f"{label}: {other.title}",
                    icon=f":material/{icon}:",
                    query_params={"item": str(other.number)},
                )
    with st.expander("This chapter"):
        for other in chapter:
            link_to(other, solved)
