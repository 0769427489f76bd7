"""A topic of the playground: the linear classifier of four pixels, and the line that two classes share."""

from functools import cache

import numpy as np
import streamlit as st

from kerasface.data.samples import read_digits
from kerasface.inspection.teaching.worked.linear import (
    BIASES,
    CLASSES,
    PIXELS,
    WEIGHTS,
    Hyperplane,
    fit_plane,
    ink_features,
    linear_scores,
)
from kerasface.plotting.teaching.planes import plane_figure
from pages.parts.charts import show_chart
from pages.parts.playground.grids import show_grid
from pages.parts.playground.numbers import edit_numbers, factor, products, written

CODE = """
from kerasface.inspection.teaching.worked.linear import BIASES, PIXELS, WEIGHTS, boundary_between, linear_scores

found = linear_scores(PIXELS, WEIGHTS, BIASES)
print(found.products)  # every weight times its pixel
print(found.scores)  # -96.8 437.9 60.75: the dog wins

plane = boundary_between([(1.0, 2.0), (3.0, -1.0)], [0.5, -1.0], 0, 1)
print(plane.distances([(0.0, 0.0), (1.0, 2.0)]))  # above 0: class 0 wins
"""
NAMES = ("Pixel, top left", "Pixel, top right", "Pixel, bottom left", "Pixel, bottom right")
AXES = ("ink in the middle", "ink at the sides")
PLANE = {"plane_first": (0.6, -2.0, 2.0), "plane_second": (-0.4, -2.0, 2.0), "plane_offset": (-1.0, -10.0, 10.0)}


def show_linear_classifier():
    """Four pixels and three classes, then two features of real digits and their boundary."""
    st.markdown(
        "**A linear classifier** multiplies each pixel by a weight, adds the products up, and adds a bias: once for "
        "each class. The class with the largest sum wins. Each row of weights is a template; it cannot see what is "
        "next to what, only how much ink lies where."
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        pixels = [
            st.slider(name, 0, 255, value, key=f"pixel_{place}", persist_state="session")
            for place, (name, value) in enumerate(zip(NAMES, PIXELS, strict=True))
        ]
        show_grid("**The picture**", np.reshape(pixels, (2, 2)), "The four pixels")
    with right:
        start = np.column_stack([WEIGHTS, BIASES])
        table = edit_numbers(
            f"**Weights and, last, the bias**, a row each for {', '.join(CLASSES)}",
            start,
            "linear_weights",
            "The weights of each class and its bias",
        )
        found = linear_scores(pixels, table[:, :-1], table[:, -1])
        winner = int(found.scores.argmax())
        for place, name in enumerate(CLASSES):
            terms = products(zip(table[place, :-1], pixels, strict=True))
            score = f"**{written(found.scores[place])}**"
            mark = " :green[:material/check:]" if place == winner else ""
            st.markdown(f"{name}: {terms} + {factor(table[place, -1])} = {score}{mark}")
        st.success(f"The largest score is that of the **{CLASSES[winner]}**.", icon=":material/emoji_events:")
        if np.array_equal(table, start) and tuple(pixels) == PIXELS:
            st.caption(
                "Where this example is printed with 61.95 for the ship, its bias of \N{MINUS SIGN}1.2 was left out: "
                "it is 60.75."
            )
    st.divider()
    _show_hyperplane()


def _show_hyperplane():
    st.subheader("Two classes: one line between them")
    st.markdown(
        "Of two classes only the difference of their scores counts: where it is 0 lies the **hyperplane**, here a "
        "line, as there are two features. Move it between real digits: **0** has its ink at the sides, **1** in the "
        "middle."
    )
    points, positive = _zeros_and_ones()
    for key, (value, _, _) in PLANE.items():
        st.session_state.setdefault(key, value)
    controls, picture = st.columns([2, 3], gap="large")
    with controls:
        labels = ("Weight of the middle", "Weight of the sides", "Bias")
        first, second, offset = (
            st.slider(label, least, most, step=0.1, key=key, persist_state="session")
            for label, (key, (_, least, most)) in zip(labels, PLANE.items(), strict=True)
        )
        st.button("Learn the line", icon=":material/school:", on_click=_learn, args=(points, positive))
        plane = Hyperplane(np.array([first, second]), offset)
        right = float(((plane.values(points) > 0) == positive).mean())
        st.metric("On their own side", f"{right:.1%}".replace("%", " %"), width="content")
    with picture:
        show_chart(
            plane_figure(points, positive.astype(int), ("0", "1"), axes=AXES, line=(plane.normal, plane.offset)),
            key="plane",
            alt=f"360 digits by their ink, and the line where {_equation(plane)}: {right:.0%} lie on their own side",
        )
        st.caption(f"The line is where {_equation(plane)}; above 0 the answer is 1. The arrow is its normal.")


@cache
def _zeros_and_ones() -> tuple[np.ndarray, np.ndarray]:
    """Of all digits 0 and 1 the two features, `(count, 2)`, and whether each is a 1."""
    digits = read_digits()
    chosen = digits.target < 2
    return ink_features(digits.images[chosen]), digits.target[chosen] == 1


def _equation(plane: Hyperplane) -> str:
    first, second = plane.normal
    return f"{written(first)}·middle + {factor(second)}·sides + {factor(plane.offset)} = 0"


def _learn(points: np.ndarray, positive: np.ndarray):
    """Moves the sliders to what logistic regression finds, in the tenths that they show."""
    plane = fit_plane(points, positive)
    for key, value in zip(PLANE, (*plane.normal, plane.offset), strict=True):
        st.session_state[key] = round(float(value), 1)
