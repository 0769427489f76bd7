"""The part of the topic Moved picture with a face: maps of the shipped network, before and after a move."""

import cv2
import numpy as np
import streamlit as st

from kerasface.inspection.layers.activations import feature_maps
from kerasface.inspection.layers.mosaics import mosaic, strongest_channels
from kerasface.inspection.teaching.dropped_maps import dropped_pictures
from kerasface.inspection.teaching.experiments.moved_picture import map_difference
from kerasface.models.pretrained import ModelFileError
from kerasface.plotting.segmentation import data_url
from kerasface.plotting.style import percent
from kerasface.terminal.errors import told
from pages.parts.photos import plain, sample_portrait
from pages.parts.playground.maps import FACE, FACE_SIDE, LAYERS, face_model

STRIDE = 4  # pixels of the picture from one cell of these maps to the next
MOST = 16  # pixels
BORDER = 9  # cells: so far the network sees the edge of the picture
STRIP = (slice(20, 240), slice(110, 352))  # of the portrait: the face, and what comes into sight at the right


@st.fragment
def show_moved_face():
    """A face, moved by some pixels, and its four strongest channels before and after."""
    st.subheader("On a face, by the network that ships")
    st.markdown(
        f"The first layers of `face_resnet` halve the map twice: one cell stands for {STRIDE} pixels. A move by "
        f"{STRIDE}, 8, 12 or 16 pixels moves the maps by whole cells; one in between falls between the cells, and "
        "the maps change."
    )
    shift = st.slider("Pixels that the face moves to the left", 0, MOST, 8, key="face_shift", persist_state="session")
    try:
        before, after = face_maps(0), face_maps(shift)
    except ModelFileError as error:
        st.error(plain(told(error)), icon=":material/error:")
        return
    cells = round(shift / STRIDE)
    difference = map_difference(before, after, cells, BORDER)
    channels = strongest_channels(before, 4)
    strip = face_strip()
    for column, (name, start, maps) in zip(
        st.columns(2, gap="medium"), (("as it was", 0, before), ("moved", shift, after)), strict=True
    ):
        with column, st.container(horizontal=True):
            face = data_url(strip[:, start : start + FACE_SIDE])
            st.image(face, caption=f"The face, {name}", width=160, alt=f"The face, {name}")
            drawn = mosaic(dropped_pictures(maps, None, channels), side=80, columns=2)
            caption = f"Four of {maps.shape[2]} maps, {name}"
            st.image(data_url(drawn, lossless=True), caption=caption, alt=f"Four maps of the face, {name}")
    st.metric(
        "Moved maps and maps of the moved face differ by",
        percent(difference) if difference > 1e-6 else "0",
        width="content",
    )
    whole = shift % STRIDE == 0
    st.caption(
        f"Moved by {shift} pixels, {shift / STRIDE:g} cells: "
        + ("the maps moved along. " if whole else f"compared with maps moved by {cells}; between cells nothing fits. ")
        + f"{BORDER} cells at each side are left out, where the network sees the edge of the picture."
    )


@st.cache_data(show_spinner="Computing the maps of the face", max_entries=MOST + 1)
def face_maps(shift: int) -> np.ndarray:
    """Maps of the face that is seen further to the left, `(40, 40, 32)`."""
    return feature_maps(face_model(), np.ascontiguousarray(face_strip()[:, shift : shift + FACE_SIDE]), LAYERS[FACE])


def face_strip() -> np.ndarray:
    """The face and what lies to the right of it, as high as the network takes it."""
    photo = sample_portrait().image[STRIP]
    scale = FACE_SIDE / photo.shape[0]
    return cv2.resize(photo, (round(photo.shape[1] * scale), FACE_SIDE), interpolation=cv2.INTER_AREA)
