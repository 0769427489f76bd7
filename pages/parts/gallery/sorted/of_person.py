"""All photos of one person, on the person's page: those that are remembered, decided anew, and those enrolled."""

from pathlib import Path

import streamlit as st

from kerasface.gallery.store import GalleryError, Person
from kerasface.tasks.sorting.of_person import PhotoOf, company, photos_of
from kerasface.terminal.errors import told
from pages.parts.gallery.faces import avatar
from pages.parts.gallery.opening import OpenGallery
from pages.parts.gallery.sorted.grid import CARD
from pages.parts.gallery.sorted.thumbnails import thumbnail
from pages.parts.photos import plain

SHOWN = 12  # photos with a picture
_FOUND = "gallery_photos_of"  # (state of the gallery, person) to photos, of the person that was asked for last


def show_photos_of(opened: OpenGallery, person: Person):
    """A button that finds the photos; then with whom, since when, and the photos by date.

    Where they cannot be found, as what is remembered of photos is damaged, it says so and the page goes on: whatever
    else there is to do with the person has nothing to do with that, and to delete somebody mends it.
    """
    try:
        _show_photos_of(opened, person)
    except GalleryError as error:
        st.warning(plain(told(error)), icon=":material/broken_image:")


def _show_photos_of(opened: OpenGallery, person: Person):
    count = opened.gallery.seen.count()
    if not count:
        st.caption("Photos: **Sort photos** looks at a folder, and remembers it here if you tick that.")
        return
    state = (str(opened.gallery.path), opened.gallery.version, count, person.person_id)
    st.button(
        f"Find {person.name} in {count:,} remembered photos",
        help="Files of the same content count once.",
        icon=":material/photo_library:",
        key="person_photos",
        on_click=st.session_state.update,
        args=({_FOUND: (state, None)},),
    )
    asked, found = st.session_state.get(_FOUND, (None, None))
    if asked is None or asked[-1] != person.person_id:
        return
    if found is None or asked != state:
        with st.spinner("Looking through what is remembered"), opened.turn:
            found = photos_of(opened.identifier, person.person_id)
        st.session_state[_FOUND] = (state, found)
    show_found(person, found)


def show_found(person: Person, found: list[PhotoOf]):
    since = next((one.date for one in found if one.date), None)
    others = ", ".join(f"{name} on {number}" for name, number in list(company(found).items())[:SHOWN])
    told = [f"{len(found):,} photos", f"since {since[:10]}" if since else "", f"with {others}" if others else ""]
    st.markdown(plain(", ".join(filter(None, told))))
    with st.container(horizontal=True):
        for one in found[:SHOWN]:
            with st.container(width=CARD, border=True, gap="small"):
                if picture := thumbnail(Path(one.photo), one.source_hash):
                    st.image(picture, width="stretch", alt=Path(one.photo).name)
                else:
                    st.image(avatar(person, CARD), width="stretch", alt=f"{Path(one.photo).name}, which is gone")
                st.caption(plain(" ".join([Path(one.photo).name, (one.date or "")[:10], *one.others])))
    if len(found) > SHOWN:
        st.caption(f"The first {SHOWN} by date are shown; `kerasface people photos` lists all.")
