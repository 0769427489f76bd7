"""A topic of the playground: activation functions and their slopes as curves."""

import numpy as np
import streamlit as st

from kerasface.inspection.teaching.worked.activation_functions import ACTIVATIONS, maxout
from kerasface.plotting.teaching.curves import activation_curves
from pages.parts.charts import show_chart
from pages.parts.playground.numbers import written

CODE = """
import numpy as np
from kerasface.inspection.teaching.worked.activation_functions import ACTIVATIONS

x = np.linspace(-5, 5, 11)
for name, activation in ACTIVATIONS.items():
    print(name, activation.of(x).round(3), activation.slope(x).round(3))
"""
X = np.linspace(-6, 6, 481)


def show_activations():
    """The function and its derivative, at one input in numbers, and what is left of an error after some layers."""
    st.markdown(
        "**Activation functions** bend: without them layer upon layer would be one linear layer. The slope decides "
        "what comes back through them when the error is passed back: each layer multiplies it by the slope at its sum."
    )
    name = st.segmented_control(
        "Activation", list(ACTIVATIONS), default="ReLU", required=True, key="activation", persist_state="session"
    )
    controls, picture = st.columns([2, 4], gap="large")
    activation = ACTIVATIONS[name]
    with controls:
        if name == "maxout":
            keep = {"persist_state": "session"}
            first = st.slider("Slope of line 1", -2.0, 2.0, -0.5, 0.1, key="maxout_w1", **keep)
            start = st.slider("Offset of line 1", -2.0, 2.0, -0.5, 0.1, key="maxout_b1", **keep)
            second = st.slider("Slope of line 2", -2.0, 2.0, 1.0, 0.1, key="maxout_w2", **keep)
            activation = maxout([(first, start), (second, 0)])
        at = st.slider("x: the sum that comes in", -6.0, 6.0, 1.0, 0.1, key="activation_x", persist_state="session")
        depth = st.slider("Layers that the error passes", 1, 40, 10, key="activation_depth", persist_state="session")
    value, slope = (float(curve(np.array(at))) for curve in (activation.of, activation.slope))
    with controls, st.container(horizontal=True):
        st.metric("f(x)", written(value), width="content")
        st.metric("Slope f'(x)", written(slope), width="content")
        st.metric(f"Slope^{depth}", f"{slope**depth:.3g}", width="content", help="What the slopes alone leave of it.")
    with picture:
        show_chart(
            activation_curves(X, activation.of(X), activation.slope(X), (at, value, slope)),
            key="activation_curves",
            alt=f"{name} from -6 to 6 and its slope; at {at:g} it is {value:.3g} with a slope of {slope:.3g}",
        )
    st.latex(rf"f(x) = {activation.formula}")
    st.markdown(activation.text)
