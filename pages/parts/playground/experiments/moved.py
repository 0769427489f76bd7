"""A topic of the playground: a picture that is moved, and what moves with it."""

import cv2
import streamlit as st

from kerasface.inspection.teaching.basics import KERNELS
from kerasface.inspection.teaching.experiments.moved_picture import MOST, accuracies_by_move, move_picture
from kerasface.plotting.segmentation import data_url
from kerasface.plotting.style import percent
from kerasface.plotting.teaching.curves import line_curves
from pages.parts.charts import show_chart
from pages.parts.playground.experiments.moved_face import show_moved_face
from pages.parts.playground.grids import grid_picture
from pages.parts.playground.numbers import written

CODE = """
from kerasface.inspection.teaching.experiments.moved_picture import accuracies_by_move, move_picture

found = move_picture(digit=3, down=0, right=2)
print(found.difference)  # 0: the map of the moved picture is the moved map
print(found.alike_flattened, found.means)
print(accuracies_by_move())
"""
SIDE = 240  # pixels at which a map is drawn


@st.cache_data(show_spinner="Training two classifiers")
def _accuracies() -> dict[str, tuple[float, ...]]:
    return accuracies_by_move()


def show_moved_picture():
    """A digit, its move, the maps before and after, and what pooling and flattening make of them."""
    st.markdown(
        "**Equivariance**: the same kernel everywhere means that a moved picture gives a moved map, number by number. "
        "Pooling lets small moves pass, and an average over the whole map all of them; a layer that flattens the map "
        "has a weight for each place, and to it a moved face is another face."
    )
    _show_moved_digit()
    _show_classifiers()
    show_moved_face()


@st.fragment
def _show_moved_digit():
    """A digit and its move. A fragment, as what is below does not hang on it."""
    with st.container(horizontal=True, gap="medium"):
        digit = st.pills(
            "Digit", range(10), default=3, required=True, key="moved_digit", persist_state="session", wrap=True
        )
        kernel = st.selectbox("Kernel", list(KERNELS), key="moved_kernel", persist_state="session", width=200)
        right = st.slider("Moved to the right", -MOST, MOST, 2, key="moved_right", persist_state="session", width=220)
        down = st.slider("Moved down", -MOST, MOST, 0, key="moved_down", persist_state="session", width=220)
    found = move_picture(digit, down, right, kernel)
    rows = (
        ("Picture", found.picture, found.moved),
        ("Answer of the kernel", found.answer, found.moved_answer),
        ("After max pooling", found.pooled, found.moved_pooled),
    )
    for column, (title, before, after) in zip(st.columns(3, gap="medium"), rows, strict=True):
        for name, values in (("as it was", before), ("moved", after)):
            with column:
                st.markdown(f"**{title}** :small[{name}]")
                drawn = cv2.resize(grid_picture(values), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
                alt = f"{title}, {name}, {len(values)} x {len(values)}"
                st.image(data_url(drawn, lossless=True), alt=alt)
    with st.container(horizontal=True, gap="large"):
        st.metric("Map of the moved picture and moved map differ by", written(found.difference), width="content")
        st.metric("Alike as flat rows", f"{found.alike_flattened:.2f}", width="content", help="Cosine, 1 for the same.")
        st.metric("Pooled numbers that stayed", percent(found.pooled_unchanged), width="content")
        st.metric(
            "Mean of the map, before and after", " and ".join(f"{mean:.3f}" for mean in found.means), width="content"
        )


def _show_classifiers():
    """What a move does to two of them."""
    st.subheader("What that does to a classifier")
    accuracies = _accuracies()
    moves = list(range(MOST + 1))
    names = {"flattened": "pixels, flattened", "averaged": "maps of 48 kernels, averaged"}
    show_chart(
        line_curves(
            {names[name]: (moves, values) for name, values in accuracies.items()},
            axes=("pixels moved to the right", "digits read rightly"),
            percent=True,
        ),
        key="moved_accuracies",
        alt="; ".join(
            f"{names[name]}: {percent(values[0])} in the middle, {percent(values[-1])} moved by {MOST}"
            for name, values in accuracies.items()
        ),
    )
    st.caption(
        f"Two linear classifiers, trained on 1,000 digits in the middle. Moved by two pixels, the one that flattens "
        "reads "
        f"{percent(accuracies['flattened'][2])} of other digits; the one that averages still "
        f"{percent(accuracies['averaged'][2])}."
    )
