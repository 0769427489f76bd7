"""Where the gallery of the page Gallery lies: the head line, another file, its soundness, and the first use."""

from pathlib import Path

import streamlit as st

from kerasface.faces.embedders import find_embedder
from kerasface.faces.rates.own_points import points_of
from kerasface.gallery.keys import key_path
from kerasface.gallery.store import GalleryError
from pages.parts.gallery.enrol import counted
from pages.parts.gallery.export import show_export, show_import
from pages.parts.gallery.faces import show_switch
from pages.parts.gallery.opening import (
    OpenGallery,
    chosen_path,
    enter_demo,
    is_demo,
    leave_demo,
    make_gallery,
    shown_default,
)
from pages.parts.models import choose_embedder
from pages.parts.photos import plain
from pages.parts.server.arrival import answered, ask


def show_place():
    """Which gallery this is, and a field for another one; in a demonstration, the way out of it."""
    if is_demo():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                ":orange-badge[:material/science: Demonstration] A gallery that knows the sample portrait; it is gone "
                "when this browser window is closed.",
                width="stretch",
            )
            st.button("Leave the demonstration", icon=":material/logout:", on_click=leave_demo, key="demo_leave")
        return
    try:
        path = chosen_path()
        name, place = path.name, str(path)
    except GalleryError as error:  # which the field below can mend
        name, place = "?", str(error)
    with st.popover(plain(name), icon=":material/database:", key="gallery_place"):
        st.text_input(
            "The gallery's file, or its address on a server",
            key="gallery_path",
            placeholder=shown_default(),
            persist_state="session",
            help="As `--gallery` of the command line; KERASFACE_GALLERY sets another default.",
            on_change=leave_persons_page,
        )
        st.caption(plain(place))
        st.button("Look at a demonstration", icon=":material/science:", on_click=enter_demo, key="demo_visit")


def show_points(opened: OpenGallery):
    """That thresholds of one's own decide, or why they do not; nothing where the gallery keeps none."""
    points = points_of(opened.gallery)
    if points.text:
        icon = ":material/tune:" if points.own else ":material/warning:"
        st.caption(f"{icon} {plain(points.text)}", help="`kerasface people thresholds` shows them and takes them back.")


def leave_persons_page():
    st.query_params.pop("person", None)


def show_first_use():
    """What a gallery is, before there is one: where, how it is protected, what consent means; and two ways to begin."""
    path = chosen_path()
    st.info(plain(f"There is no gallery at {path} yet."), icon=":material/groups:")
    st.markdown(
        "A gallery is one file on this machine, or a part of a database on a server, that knows people by their faces. "
        "From one photo of a person on, it says who is in other photos, and that somebody is unknown."
    )
    with st.grid(min_column_width=260, border=True):
        with st.container():
            st.markdown("**:material/lock: Encrypted**")
            st.markdown(
                f"Names and templates are encrypted; the key lies in `{code(key_path())}`. Keep a copy of it: "
                "without it nobody can read the gallery."
            )
        with st.container():
            st.markdown("**:material/no_photography: No pictures**")
            st.markdown(
                "Numbers that describe a face are kept. Photos that you give to this page are looked at and not "
                "stored; small pictures of faces are only if you turn that on."
            )
        with st.container():
            st.markdown("**:material/handshake: Consent**")
            st.markdown(
                "Everybody is asked once, with a purpose and an end; after it the person is not looked for any more. "
                "Deleting removes every trace."
            )
    embedder = choose_embedder("gallery_embedder")
    with st.container(horizontal=True):
        begin = {"on_click": make_gallery, "args": (embedder,), "key": "gallery_make"}
        st.button("Begin my gallery", type="primary", icon=":material/add:", **begin)
        st.button("Look at a demonstration", icon=":material/science:", on_click=enter_demo, key="demo_enter")


def show_file(opened: OpenGallery):
    """The view "File": is it sound, take it elsewhere, bring others in."""
    st.markdown(f"`{code(opened.gallery.path)}`, changed {counted(opened.gallery.version, 'time')}.")
    name = find_embedder(opened.gallery.embedder) or f"{opened.gallery.embedder}, which is not here"
    st.markdown(
        f"Faces are compared by {plain(name)}.",
        help="`kerasface people reembed --embedder NAME` goes over to another embedder; `--undo` takes that back.",
    )
    show_switch(opened)
    if ask("Check the whole file", icon=":material/health_and_safety:", key="gallery_check"):
        with st.spinner("Reading every record"):
            problems = opened.gallery.check()
        answered("gallery_check")
        for problem in problems:
            st.error(plain(problem), icon=":material/broken_image:")
        if not problems:
            st.success("Sound: every record opens, and every template is one.", icon=":material/check_circle:")
    show_export(opened)
    show_import(opened)


def code(path: Path) -> str:
    """A path as the content of inline code, which knows no escapes."""
    return str(path).replace("`", "'").replace("\n", " ")
