"""A topic of the playground: max pooling, and three ways back."""

import streamlit as st

from kerasface.inspection.teaching.worked.unpooling import PICTURE, WAYS, max_pool, unpool
from pages.parts.playground.grids import show_grid
from pages.parts.playground.numbers import edit_numbers

CODE = """
from kerasface.inspection.teaching.worked.unpooling import PICTURE, WAYS, max_pool, unpool

pooled = max_pool(PICTURE)
print(pooled.values, pooled.places.tolist())  # the largest of each window, and where it was
for way in WAYS:
    print(way, unpool(pooled.values, pooled, way), sep="\\n")
"""
TEXTS = {
    "copied": "Each number to its whole window: `--decoder copied`.",
    "placed": "At the top left of its window, zeros around: `--decoder placed`.",
    "by index": "Where the largest had been, which pooling remembers: `--decoder unpooled`, as in SegNet.",
}


def show_unpooling():
    """A picture to edit, what pooling leaves of it, and what each way makes of that."""
    st.markdown(
        "**Pooling** keeps the largest number of each window (or the mean) and forgets the others and their places. "
        "**Unpooling** makes the map large again; what was forgotten does not come back, only its place may."
    )
    left, middle, right = st.columns([4, 3, 3], gap="large")
    with left:
        picture = edit_numbers("**Picture**", PICTURE, "unpooling_picture", "The picture of 4 x 4 numbers")
    pooled = max_pool(picture)
    places = [
        [f"row {row + 1}, column {col + 1} of the picture" for row, col in line] for line in pooled.places.tolist()
    ]
    with middle:
        title = "**Max pooling, 2 x 2** :small[point at a number for its place]"
        show_grid(title, pooled.values, "The largest of each window", hover=places)
    with right:
        show_grid("**Average pooling**", pooled.averages, "The mean of each window")
    st.subheader("Three ways back")
    with middle:
        st.caption("What comes back in a network was changed by the layers in between: edit it.")
        values = edit_numbers("**To be made large**", pooled.values, "unpooling_values", "The numbers to unpool")
    for column, way in zip(st.columns(3, gap="large"), WAYS, strict=True):
        with column:
            show_grid(f"**{way.capitalize()}**", unpool(values, pooled, way), f"Unpooled, {way}")
            st.markdown(TEXTS[way])  # in captions code is too pale to be read
    st.markdown(
        "Each is a decoder of the U-Net, too: `kerasface train segment --decoder copied`, `placed`, `unpooled`."
    )
