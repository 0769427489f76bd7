"""What a network that is trained live looks like at this moment: filters, answers, and every layer's maps."""

import cv2
import numpy as np
import streamlit as st

from kerasface.inspection.layers.filters import filter_history
from kerasface.inspection.layers.mosaics import feature_grid
from kerasface.plotting.segmentation import data_url
from kerasface.train.live.data import LiveData
from kerasface.train.live.training import LiveTraining
from pages.parts.photos import plain

FILTER_SIDE = 44  # pixels
_MOST_FILTERS = 25
_MOST_MAPS = 9  # of a layer
_MOST_NUMBERS = 64  # of a layer without maps


@st.cache_data(show_spinner=False, max_entries=300)  # else each slice would encode the same pictures again
def _picture(_data: LiveData, key: tuple, side: int = 48) -> str:
    image = _data.images[key[-1]]
    pixels = np.rint(255 * image).astype(np.uint8)
    if pixels.shape[-1] == 1:
        pixels = np.repeat(255 - pixels, 3, axis=-1)  # ink on paper
    return data_url(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_NEAREST), lossless=True)


def picture(data: LiveData, index: int) -> str:
    """The address of a picture of the data, enlarged."""
    return _picture(data, (data.classes, float(data.images[index].sum()), index))


def show_filters(training: LiveTraining):
    """The first filters before the first step and now; templates where no convolution comes first."""
    if training.filters is None:
        st.caption("The first layer with weights does not look at the picture itself: it has no filters to draw.")
        return
    weights = [each[..., :_MOST_FILTERS] for each in (training.first_filters, training.filters)]
    pictures = filter_history(weights, side=FILTER_SIDE)
    kind = "Templates" if len(training.filters) == training.data.images.shape[1] else "Filters"
    with st.container(horizontal=True):
        for title, image in zip((f"{kind} at the start", f"{kind} now"), pictures, strict=True):
            # As addresses: pictures of a fragment would stay in the server's memory until the page is left.
            st.image(data_url(image, lossless=True), caption=title, alt=title)


def show_answers(training: LiveTraining):
    """A picture held out of each class, and what the network makes of it."""
    data = training.data
    st.markdown("**Pictures held out and the answers to them**")
    with st.container(horizontal=True):
        for label, (index, shares) in enumerate(zip(data.shown, training.probabilities, strict=True)):
            answer = int(shares.argmax())
            mark = ":green[:material/check:]" if answer == label else ":red[:material/close:]"
            with st.container(width=88 if max(map(len, data.classes)) > 2 else 56, gap=None):
                st.image(picture(data, int(index)), width=48, alt=f"A picture of {data.classes[label]}")
                told = plain(data.classes[answer][:12])
                st.markdown(f"{mark} **{told}**  \n:small[{shares[answer]:.0%}]".replace("%", " %"))


def show_layers(training: LiveTraining):
    """What each layer gives for one picture held out."""
    data = training.data
    names = dict(enumerate(data.classes))
    label = st.selectbox(
        "Look through the layers at", names, format_func=names.get, key=f"live_looked_at_{len(names)}", width=220
    )
    index = int(data.shown[label])
    with st.container(horizontal=True, vertical_alignment="top", key="live_maps"):
        with st.container(width=100, gap=None):
            st.image(picture(data, index), width=72, alt=f"A picture of {data.classes[label]}")
            st.caption("picture")
        for name, values in training.layer_outputs(index):
            if name == "flatten":
                continue
            drawn = _maps(values) if values.ndim == 3 else _numbers(values)
            size = " x ".join(map(str, values.shape))
            with st.container(width=drawn.shape[1] + 8, gap=None):
                st.image(data_url(drawn, lossless=True), alt=f"What the layer {name} gives: {size}")
                st.caption(f"{name.replace('_', ' ')}  \n{size}")


def _maps(values: np.ndarray) -> np.ndarray:
    return feature_grid(values, channels=list(range(min(values.shape[2], _MOST_MAPS))), side=40, columns=3)


def _numbers(values: np.ndarray) -> np.ndarray:
    """A row of numbers as a column of grey fields: white is the largest, black the least."""
    shown = values[:_MOST_NUMBERS].astype(np.float32)
    low, high = float(shown.min()), float(shown.max())
    grey = np.rint(255 * (shown - low) / max(high - low, 1e-9)).astype(np.uint8)
    rows = min(len(grey), 10)
    field = np.zeros(-(-len(grey) // rows) * rows, np.uint8)
    field[: len(grey)] = grey
    grid = field.reshape(-1, rows).T
    large = cv2.resize(grid, (14 * grid.shape[1], 14 * rows), interpolation=cv2.INTER_NEAREST)
    wide = np.zeros((len(large), max(large.shape[1], 72)), np.uint8)
    wide[:, : large.shape[1]] = large
    return np.repeat(wide[..., None], 3, axis=-1)
