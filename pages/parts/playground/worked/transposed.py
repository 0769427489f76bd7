"""A topic of the playground: the transposed convolution, stamp by stamp."""

import numpy as np
import streamlit as st

from kerasface.inspection.teaching.worked.transposed import (
    KERNEL,
    OVERLAPS,
    PICTURE,
    TransposedConvolution,
    transpose_convolve,
)
from pages.parts.playground.grids import show_grid
from pages.parts.playground.numbers import edit_numbers, factor, written

CODE = """
from kerasface.inspection.teaching.worked.transposed import KERNEL, PICTURE, transpose_convolve

found = transpose_convolve(PICTURE, KERNEL)
print(found.stamps[1, 1])  # the kernel times 5
print(found.output)  # the last rows are 15 22 15 35 and 4 22 11 5
print(transpose_convolve(PICTURE, KERNEL, stride=2, padding=1, overlaps="averaged").output)
"""


def show_transposed():
    """Picture and kernel to edit, stamps one after the other, the result and what padding discards."""
    st.markdown(
        "**A transposed convolution** makes a map larger: each number puts the whole kernel down, multiplied by it, "
        "and where stamps overlap they are added up. The stride is how far apart they land; padding is cut off "
        "again, as a convolution that goes the other way would have added it."
    )
    left, middle, right = st.columns([3, 4, 5], gap="large")
    with left:
        picture = edit_numbers("**Picture**", PICTURE, "transposed_picture", "The picture of 2 x 2 numbers")
        stride = st.slider("Stride", 1, 3, 1, key="transposed_stride", persist_state="session")
        padding = st.slider("Padding, discarded", 0, 2, 0, key="transposed_padding", persist_state="session")
    with middle:
        kernel = edit_numbers("**Kernel**", KERNEL, "transposed_kernel", "The kernel of 3 x 3 numbers")
        overlaps = st.segmented_control(
            "Overlaps are", OVERLAPS, default=OVERLAPS[0], required=True, key="overlaps", persist_state="session"
        )
        steps = st.slider("Stamps put down", 0, 4, 4, key="stamps", persist_state="session")
    found = transpose_convolve(picture, kernel, stride=stride, padding=padding, overlaps=overlaps)
    with right:
        _show_canvas(found, picture, steps, overlaps, padding)
        if padding and steps == 4:
            title = f"**Result** :small[{found.output.shape[0]} x {found.output.shape[1]}]"
            show_grid(title, found.output, "The result")
        _show_size(picture, kernel, stride, padding, found)
    if np.array_equal(picture, PICTURE) and np.array_equal(kernel, KERNEL) and (stride, padding) == (1, 0):
        st.info(
            "The lecture's slide has three wrong cells in rows 3 and 4: 23, 24 and 12 where it must be 22, 15 and 22. "
            "Check the sums with the pointer.",
            icon=":material/rule:",
        )


def _show_canvas(found: TransposedConvolution, picture: np.ndarray, steps: int, overlaps: str, padding: int):
    """The canvas so far, the last stamp framed; at the end every cell says what it is made of."""
    whole = steps == picture.size
    shown = found.full if whole else found.after(steps)
    frame = None
    tall, wide = found.stamps.shape[2:]
    if not whole and steps:
        frame = (*map(int, found.corners.reshape(-1, 2)[steps - 1]), tall, wide)
    elif whole and padding:
        frame = (padding, padding, *found.output.shape)
    hover = [
        [_cell(found, down, across, steps, overlaps) for across in range(shown.shape[1])] for down in range(len(shown))
    ]
    title = f"**All stamps, {overlaps}**" if whole else f"**After {steps} of {picture.size} stamps**"
    show_grid(f"{title} :small[point at a cell]", shown, title, framed=frame, hover=hover)
    if steps and not whole:
        number = written(picture.ravel()[steps - 1])
        st.caption(f"Framed: the kernel times {number}, added to what lay there.")
    elif whole and padding:
        st.caption("What lies outside of the frame is discarded.")


def _cell(found: TransposedConvolution, down: int, across: int, steps: int, overlaps: str) -> str:
    """What the stamps so far give to a cell, as a sum."""
    tall, wide = found.stamps.shape[2:]
    stamps, corners = found.stamps.reshape(-1, tall, wide), found.corners.reshape(-1, 2)
    parts = [
        stamp[down - top, across - left]
        for stamp, (top, left) in zip(stamps[:steps], corners[:steps], strict=True)
        if 0 <= down - top < tall and 0 <= across - left < wide
    ]
    if not parts:
        return "under no stamp: 0"
    text = " + ".join(factor(part) for part in parts)
    averaged = overlaps == "averaged" and steps == len(stamps)
    return f"({text}) / {len(parts)}" if averaged and len(parts) > 1 else f"{text} = {written(sum(parts))}"


def _show_size(picture: np.ndarray, kernel: np.ndarray, stride: int, padding: int, found: TransposedConvolution):
    rows, side = picture.shape[0], kernel.shape[0]
    st.markdown(
        f"Side: (N \N{MINUS SIGN} 1)·S + F \N{MINUS SIGN} 2P = ({rows} \N{MINUS SIGN} 1)·{stride} + {side} "
        f"\N{MINUS SIGN} 2·{padding} = **{found.output.shape[0]}**. At most {found.counts.max()} stamps lie on one "
        "cell."
    )
    if stride > 1 and side % stride:
        st.caption(
            "The stride does not divide the kernel's side: some cells get more stamps than others, which pictures made "
            "this way show as a checkerboard. Averaging evens it out; so does a kernel of twice the stride."
        )
