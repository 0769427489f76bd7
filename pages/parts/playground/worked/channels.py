"""Two topics of the playground: a convolution over the channels of a photo, and one with a kernel of 1 x 1."""

import numpy as np
import streamlit as st

from kerasface.images.squares import fit_square
from kerasface.inspection.teaching.worked.maps import ONE_CHANNEL, ConvolvedMaps, convolve_maps
from kerasface.terminal.words import counted
from pages.parts.photos import sample_portrait
from pages.parts.playground.grids import show_grid
from pages.parts.playground.mixup import FACE_PLACE
from pages.parts.playground.numbers import edit_numbers, factor, products, written

CHANNELS_CODE = """
import numpy as np
from kerasface.inspection.teaching.worked.maps import convolve_maps

photo = np.arange(5 * 5 * 3).reshape(5, 5, 3)  # rows, columns, channels
kernel = np.ones((3, 3, 3, 1))  # height, width, channels, filters
found = convolve_maps(photo, kernel, biases=[1])
print(found.parts[..., 0].shape)  # (3, 3, 3): a map for each channel
print(found.output[..., 0])  # their sum, and the bias
"""
ONE_CODE = """
import numpy as np
from kerasface.inspection.teaching.worked.maps import ONE_CHANNEL, convolve_maps

found = convolve_maps(np.array(ONE_CHANNEL)[..., None], [[[[2]]]])
print(found.output[..., 0])  # 6 0 2, 2 10 16, 4 14 4
"""
LECTURE, PHOTO = "The lecture's 3 x 3", "A photo, 3 channels"
COLORS = ("red", "green", "blue")
SIDE = 5  # pixels of the photo: each has room for its number
EDGES = (((-1, 0, 1),) * 3, ((-1, 0, 1),) * 3, ((0, 0, 0),) * 3)  # of a kernel: what it asks of red, green, blue


def show_channels():
    """Three channels, a kernel with a layer for each, three maps, and their sum."""
    st.markdown(
        "**Over several channels** a filter has a layer of weights for each. Every layer makes a map of its own "
        "channel, and the maps are added up, with one bias: N channels in, one map out. M such filters have N·M·K² "
        "weights."
    )
    _show("channels", photo(), np.array(EDGES, dtype=float), bias=1.0)


def show_one_by_one():
    """A kernel of one weight for each channel."""
    st.markdown(
        "**A 1 x 1 kernel** sees one place. On one channel it just multiplies; on many it mixes them at every place, "
        "alike everywhere: so it makes 256 channels into 64 for a large kernel behind it, as Inception and MobileNet "
        "do."
    )
    sample = st.segmented_control(
        "Picture", (LECTURE, PHOTO), default=LECTURE, required=True, key="one_sample", persist_state="session"
    )
    if sample == LECTURE:
        _show("one_by_one", np.array(ONE_CHANNEL, dtype=float)[..., None], np.full((1, 1, 1), 2.0), bias=0.0)
    else:
        _show("one_by_one_photo", photo(), np.array([0.3, 0.6, 0.1]).reshape(3, 1, 1), bias=0.0)


def photo() -> np.ndarray:
    """The sample portrait in a few pixels, each channel from 0 to 9 so that sums can be followed, `(5, 5, 3)`."""
    return np.rint(fit_square(sample_portrait().image[FACE_PLACE], SIDE) / 255 * 9)


def _show(key: str, maps: np.ndarray, start: np.ndarray, bias: float):
    """The channels, the kernel's layers to edit, what each channel gives, and what they add up to.

    Args:
        start: The kernel to begin with, `(channels, height, width)`.
    """
    names = COLORS if maps.shape[2] == 3 else ("the channel",)
    controls = st.container(horizontal=True, gap="medium")
    with controls:
        stride = st.slider("Stride", 1, 3, 1, key=f"{key}_stride", persist_state="session", width=200)
        padding = st.slider("Padding", 0, 2, 0, key=f"{key}_padding", persist_state="session", width=200)
        bias = st.number_input("Bias", -99.0, 99.0, bias, 1.0, key=f"{key}_bias", persist_state="session", width=140)
    rows = [st.columns([4, 4, 3], gap="medium", vertical_alignment="center") for _ in names]
    layers = []
    for place, name in enumerate(names):
        with rows[place][1]:
            layers.append(
                edit_numbers(f"**Weights for {name}**", start[place], f"{key}_{place}", f"Weights for {name}")
            )
    kernel = np.stack(layers, axis=-1)[..., None]  # (height, width, channels, 1)
    if (len(maps) + 2 * padding - kernel.shape[0]) % stride:
        _help_fit(len(maps), kernel.shape[0], stride, padding)
        return
    found = convolve_maps(maps, kernel, [bias], stride=stride, padding=padding)
    height, width = found.output.shape[:2]
    with controls:
        row = _place("Row of the answer", height, f"{key}_row")
        col = _place("Column of the answer", width, f"{key}_col")
    tall, wide = kernel.shape[:2]
    frame = ((row - 1) * stride, (col - 1) * stride, tall, wide)
    for place, name in enumerate(names):
        with rows[place][0]:
            shown = found.padded[..., place]
            show_grid(f"**Picture, {name}**", shown, f"The numbers of {name}", framed=frame)
        with rows[place][2]:
            part = found.parts[..., place, 0]
            cell = (row - 1, col - 1, 1, 1)
            show_grid(f"**What {name} gives**", part, f"Map of {name}", framed=cell)
    _show_sum(key, found, (row, col), frame, bias)


def _help_fit(side: int, kernel: int, stride: int, padding: int):
    """Says that the places do not fit, and what does."""
    fits = [
        f"stride {step} with padding {border}"
        for border in (0, 1, 2)
        for step in (2, 3)
        if side + 2 * border >= kernel and not (side + 2 * border - kernel) % step
    ]
    places = (side + 2 * padding - kernel) / stride + 1
    st.warning(
        f"It does not fit: (N + 2P - F) / S + 1 = ({side} + 2·{padding} - {kernel}) / {stride} + 1 = {places:.2f} "
        "places. "
        f"Lectures call that an error; Keras leaves the last pixels out. Stride 1 always fits; so does "
        f"{', '.join(fits)}.",
        icon=":material/fit_screen:",
    )


def _place(label: str, most: int, key: str) -> int:
    """A row or column of the answer; of one alone there is nothing to choose."""
    if most == 1:
        return 1
    st.session_state[key] = min(st.session_state.get(key, 1), most)
    return st.slider(label, 1, most, key=key, persist_state="session", width=200)


def _show_sum(key: str, found: ConvolvedMaps, place: tuple[int, int], frame: tuple[int, int, int, int], bias: float):
    """The answer, and the sum behind one of its cells; under the pointer that of each."""
    row, col = place
    answer, parts = found.output[..., 0], found.parts[..., 0]
    hover = [
        [
            " + ".join(factor(value) for value in (*parts[down, across], bias)) + f" = {written(answer[down, across])}"
            for across in range(answer.shape[1])
        ]
        for down in range(answer.shape[0])
    ]
    left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
    with left:
        title = f"**Answer** :small[{answer.shape[0]} x {answer.shape[1]}, the maps and the bias added up]"
        cell = (row - 1, col - 1, 1, 1)
        show_grid(title, answer, "The answer", framed=cell, hover=hover)
    top, start, tall, wide = frame
    window = found.padded[top : top + tall, start : start + wide]
    lines = [
        f"{products(zip(window[..., channel].ravel(), found.kernels[..., channel, 0].ravel(), strict=True))}"
        f" = {written(parts[row - 1, col - 1, channel])}"
        for channel in range(window.shape[2])
    ]
    with right:
        st.markdown(f"**Row {row}, column {col}**  \n" + "  \n".join(lines))
        st.markdown(f"{hover[row - 1][col - 1].rpartition(' = ')[0]} = **{written(answer[row - 1, col - 1])}**")
        st.caption(f"This filter has {counted(found.num_weights, 'weight')} and a bias.")
