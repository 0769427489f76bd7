"""Gallery: who is known, who is in a photo, and who appears again and again without a name."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from kerasface.gallery.store import GalleryError
from kerasface.models.pretrained import ModelFileError
from pages.parts.gallery.add import show_add
from pages.parts.gallery.cards import show_people
from pages.parts.gallery.file import show_file, show_first_use, show_place, show_points
from pages.parts.gallery.folder import show_add_many
from pages.parts.gallery.opening import end_with, opened_or_stop, show_notices
from pages.parts.gallery.person import show_person
from pages.parts.gallery.sorted.view import show_sort
from pages.parts.gallery.unknown import show_unknown_faces
from pages.parts.gallery.who import show_who_is_who
from pages.parts.server.address import choose_view

VIEWS = {
    "people": ("People", show_people),
    "add": ("Add a person", show_add),
    "folder": ("Add many", lambda opened, people: show_add_many(opened)),
    "who": ("Who is who", show_who_is_who),
    "sort": ("Sort photos", show_sort),
    "unknown": ("Unknown faces", show_unknown_faces),
    "file": ("File", lambda opened, people: show_file(opened)),
}


def show_gallery():
    """The whole page below its title, for the gallery as it is at this moment."""
    show_place()
    show_notices()
    opened = opened_or_stop()
    if opened is None:
        show_first_use()
        return
    if person_id := st.query_params.get("person"):
        show_person(opened, person_id)
        return
    show_points(opened)
    view = choose_view({name: title for name, (title, _) in VIEWS.items()}, "gallery_view")
    VIEWS[view][1](opened, opened.gallery.people())


st.title("Who do you know?")
st.markdown("People whom you enrolled are found in photos; everybody else stays unknown.")
try:
    show_gallery()
except (GalleryError, ModelFileError) as error:
    end_with(error)
