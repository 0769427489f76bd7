"""A photo, its mask and the areas of its classes, in three ways to look at them."""

import streamlit as st

from kerasface.faces.drawing import draw_mask
from kerasface.runs.card import ModelInput
from kerasface.tasks.segmentation import Segmentation
from pages.parts.photos import (
    Photo,
    choose_source,
    choose_uploads,
    decode_upload,
    photo_caption,
    plain,
    sample_portrait,
)
from pages.parts.segment.drawing import (
    Shown,
    choose_classes,
    numbered,
    show_areas,
    show_downloads,
    show_face,
    show_overlay,
    show_swipe,
)

FACES, WHOLE = "Faces", "Whole picture"
VIEWS = ("Overlay", "Side by side", "Swipe")
PER_ROW = 3  # faces, where there are several


def choose_photo() -> Photo | None:
    """The photo that is looked at; of several files the one whose name is chosen, and it alone is decoded."""
    source = choose_source("Photos", "photos")
    if source == "Sample":
        return sample_portrait()
    uploads = choose_uploads(source)
    if len(uploads) > 1:
        names = {upload.file_id: f"{place}. {plain(upload.name)}" for place, upload in enumerate(uploads, start=1)}
        chosen = st.pills("Photo", names, format_func=names.get, default=next(iter(names)), required=True, key="photo")
        uploads = [upload for upload in uploads if upload.file_id == chosen]
    return decode_upload(uploads[0]) if uploads else None


def choose_whether_whole(taken: ModelInput) -> bool:
    """Asks whether the picture is looked at as a whole; a model that was not trained on faces leaves no choice."""
    if not taken.context:
        st.caption("This model was trained on whole pictures: no face is looked for.")
        return True
    st.session_state.setdefault("mode", FACES)  # not the widget's default, which a button must not contradict
    whole = st.segmented_control("Look at", (FACES, WHOLE), required=True, key="mode") == WHOLE
    if whole:
        st.caption("This model was trained on faces: what it says of anything else means little.")
    return whole


def choose_whole():
    st.session_state["mode"] = WHOLE


def show_no_face(photo: Photo):
    left, right = st.columns([3, 2], gap="medium")
    left.image(photo.image, caption=plain(photo.name), output_format="JPEG", width="stretch", alt=photo.name)
    right.warning("No face was found in this photo.", icon=":material/face_retouching_off:")
    right.button("Look at the whole picture", icon=":material/image:", on_click=choose_whole)


@st.fragment
def show_segmentation(photo: Photo, found: Segmentation, shown: Shown, model_name: str):
    """Photo, mask and areas. A fragment: what is set here draws anew, but segments nothing again."""
    with st.container(horizontal=True, gap="medium"):
        view = st.segmented_control("View", VIEWS, default=VIEWS[0], required=True, key="view")
        opacity = st.slider("Opacity", 0, 100, 50, format="%d %%", key="opacity", width=220) / 100
    drawn = choose_classes(found, key=f"classes_{model_name}")
    overlay = numbered(draw_mask(shown.image, shown.mask, found.colors, opacity=opacity, shown=drawn), found)
    original = numbered(shown.image, found)
    if view == "Side by side":
        names = (photo.name, f"{photo.name}, every class in its colour")
        for column, picture, alt in zip(st.columns(2), (original, overlay), names, strict=True):
            column.image(picture, output_format="JPEG", width="stretch", alt=alt)
        left, (first, second) = st.container(), st.columns(2)
    else:
        left, first = st.columns([3, 2], gap="medium")
        second = first
    with left:
        if view == "Overlay":
            show_overlay(overlay, shown.mask, found)
        elif view == "Swipe":
            show_swipe(original, overlay, alt=photo.name)
        st.caption(
            photo_caption(photo.name, [one.face for one in found.faces])
            + (": point at it, and its class is named" if view == "Overlay" else "")
        )
        show_downloads(photo, found, opacity, drawn)
    cells = [first]
    if len(found.faces) != 1:
        cells, second = [cell for _ in found.faces[::PER_ROW] for cell in st.columns(PER_ROW)], first
    for number, (cell, face) in enumerate(zip(cells, found.faces, strict=False), start=1):  # a row has cells to spare
        with cell.container(border=True):
            show_face(photo.image, face, number, found.colors, opacity, drawn)
    with second.container(border=True):
        st.markdown("**The whole photo**")
        show_areas(found.areas(), found.classes, found.colors, key="areas")
