"""The view "People" of the page Gallery: everybody as a card; search, order, pages."""

from collections.abc import Mapping, Sequence

import streamlit as st

from kerasface.gallery.changes.editing import LastChange, last_changes
from kerasface.gallery.store import Person
from pages.parts.gallery.enrol import counted
from pages.parts.gallery.faces import avatar, sealed_picture
from pages.parts.gallery.opening import OpenGallery
from pages.parts.photos import plain

PER_PAGE = 60
# A link to the page that one is on would be drawn as the chosen one of a menu.
CARD_CSS = """
.st-key-gallery_cards [data-testid="stPageLink"] a { background: none; padding-inline: 0; }
.st-key-gallery_cards [data-testid="stPageLink"] a:hover p { text-decoration: underline; }
"""
ORDERS = {
    "Name": lambda person, changes: (),  # they come by name, and sorting keeps that order among equals
    "Last change": lambda person, changes: -changes[person.person_id].number if person.person_id in changes else 0,
    "Samples": lambda person, changes: -person.num_samples,
}


def show_people(opened: OpenGallery, people: Sequence[Person]):
    """Cards of everybody who is looked for by the search, a page of them at a time."""
    if not people:
        st.info("Nobody is enrolled yet. Choose **Add a person** above: one photo is enough.", icon=":material/groups:")
        return
    changes = last_changes(opened.gallery)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search",
            type="search",
            key="gallery_search",
            placeholder="A part of a name",
            live=True,
            width=300,
            persist_state="session",
        )
        order = st.segmented_control(
            "Order", list(ORDERS), default="Name", required=True, key="gallery_order", persist_state="session"
        )
    found = found_people(people, text, order, changes)
    if not found:
        st.info(f"Nobody's name has “{plain(text)}” in it.", icon=":material/search_off:")
        return
    pages = -(-len(found) // PER_PAGE)
    # Its key has the number of pages: a page beyond the last one is no choice.
    page = st.pagination(pages, key=f"gallery_page_{pages}") if pages > 1 else 1
    has_pictures = opened.gallery.keeps_thumbnails
    st.html(f"<style>{CARD_CSS}</style>")
    with st.grid(min_column_width=250, key="gallery_cards"):
        for person in found[(page - 1) * PER_PAGE :][:PER_PAGE]:
            with st.container(border=True, height="stretch"):
                picture = sealed_picture(opened, person) if has_pictures else None
                show_card(person, changes.get(person.person_id), picture or avatar(person))
    why = (
        "The gallery keeps no pictures, so that nobody who gets hold of it sees a face: letters and a colour stand for "
    )
    with_pictures = "Small pictures of faces are kept, sealed; **File** removes them."
    st.caption(
        f"{'1 person' if len(found) == 1 else f'{len(found):,} people'}. "
        + (with_pictures if has_pictures else f"{why}each person. **File** changes that.")
    )


def found_people(
    people: Sequence[Person], text: str, order: str, changes: Mapping[str, LastChange] | None = None
) -> list[Person]:
    """Those whose name contains a text, whatever its letter case, in one of `ORDERS`."""
    wanted = text.strip().casefold()
    found = [person for person in people if wanted in person.name.casefold()]
    return sorted(found, key=lambda person: ORDERS[order](person, changes or {}))


def show_card(person: Person, change: LastChange | None, picture: bytes | str):
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.image(picture, width=48, alt="")
        with st.container(width="stretch", gap=None):
            st.page_link(
                "pages/gallery.py",
                label=f"**{plain(person.name)}**",
                query_params={"person": person.person_id},
                width="stretch",
            )
            changed = f" · {change.time[:10]}" if change else ""
            st.markdown(f":small[{counted(person.num_samples, 'sample')}{changed}]")
            st.markdown(f":small[{consent_mark(person)}]")


def consent_mark(person: Person) -> str:
    """In a few words whether the person agreed, as Markdown."""
    if person.is_altered:
        return ":red[:material/gpp_maybe: altered without the key, not looked for]"
    if person.consent is None:
        return ":orange[:material/help: no consent recorded]"
    if not person.is_searched:
        return ":orange[:material/event_busy: consent ended, not looked for]"
    until = f" until {plain(person.consent.expires[:10])}" if person.consent.expires else ""
    return f":green[:material/check: agreed{until}]"
