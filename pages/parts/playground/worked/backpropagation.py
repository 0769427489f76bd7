"""A topic of the playground: forward through 3-4-4-1 with numbers, and the error back, edge by edge."""

import numpy as np
import streamlit as st

from kerasface.inspection.teaching.worked.activation_functions import ACTIVATIONS
from kerasface.inspection.teaching.worked.backpropagation import (
    WIDTHS,
    Backpropagation,
    backpropagate,
    random_network,
)
from kerasface.plotting.teaching.networks import network_figure
from pages.parts.charts import show_chart
from pages.parts.playground.numbers import factor, products, written

CODE = """
from kerasface.inspection.teaching.worked.backpropagation import backpropagate, random_network

network = random_network((3, 4, 4, 1))
found = backpropagate([0.5, -1.0, 2.0], [1.0], network)
print([layer.outputs.round(3) for layer in found.layers], found.loss)
print(found.gradients[0].of_weights)  # dL/dw of the first layer
print(found.chain(0, 2, 1))  # dL/da, f'(z) and the input: their product is one of them
network = found.stepped(rate=0.5)
"""
INPUTS = (0.5, -1.0, 2.0)
NETWORK = "backpropagation_network"


def show_backpropagation():
    """Inputs and target, the network in numbers, and the chain of one weight."""
    st.markdown(
        "**Forward**, every unit adds up what comes in, weighted, and bends the sum. **Back**, the error at the end is "
        "passed along the same edges: each weight learns how much the loss changes when it does. Then all of them take "
        "a step against it."
    )
    found = _computed()
    layer, source, unit = _choose_edge()
    told = [
        [
            [f"weight {written(weight)}, gradient {written(gradient)}" for weight, gradient in zip(*rows, strict=True)]
            for rows in zip(computed.weights, back.of_weights, strict=True)
        ]
        for computed, back in zip(found.layers, found.gradients, strict=True)
    ]
    units = [found.layers[0].inputs, *[computed.outputs for computed in found.layers]]
    figure = network_figure(units, [entry.weights for entry in found.layers], told, chosen=(layer, source, unit))
    show_chart(
        figure,
        key="network",
        alt=f"The network 3-4-4-1: it answers {written(units[-1][0])}, with a loss of {written(found.loss)}",
    )
    st.caption(
        "Green edges have a weight above 0, orange ones below, thick ones a large one. In gold: the edge that is "
        "worked out, and every way on which its error comes back. Point at an edge for its numbers."
    )
    _show_chain(found, layer, source, unit)


def _computed() -> Backpropagation:
    """Asks for inputs, target and rate, and computes; Step changes the network that is kept."""
    inputs = []
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        for place, value in enumerate(INPUTS, start=1):
            key = f"network_input_{place}"
            inputs.append(
                st.slider(f"Input {place}", -2.0, 2.0, value, 0.1, key=key, persist_state="session", width=170)
            )
        target = st.slider("Target", 0.0, 1.0, 1.0, 0.05, key="network_target", persist_state="session", width=170)
        name = st.selectbox(
            "Activation", list(ACTIVATIONS), key="network_activation", persist_state="session", width=170
        )
        rate = st.select_slider(
            "Rate", (0.1, 0.3, 1.0, 3.0, 10.0), 1.0, key="network_rate", persist_state="session", width=170
        )
    st.session_state.setdefault(NETWORK, (random_network(WIDTHS), 0))
    network, steps = st.session_state[NETWORK]
    try:
        found = backpropagate(inputs, [target], network, ACTIVATIONS[name])
    except ValueError:
        st.error(
            "The weights are no finite numbers any more: the rate was too large. Reset them.", icon=":material/error:"
        )
        st.button("Reset", icon=":material/restart_alt:", on_click=_reset, key="network_again")
        st.stop()
    with st.container(horizontal=True, vertical_alignment="center"):
        step = {"icon": ":material/skip_next:", "type": "primary", "on_click": _step, "args": (found, rate, steps)}
        st.button("Step against the gradient", key="network_step", **step)
        st.button("Reset", icon=":material/restart_alt:", on_click=_reset, disabled=not steps, key="network_reset")
        st.markdown(
            f"Step {steps}: the answer is **{written(found.layers[-1].outputs[0])}**, the target {target:g}, the loss "
            f"(a \N{MINUS SIGN} y)² / 2 = **{found.loss:.4g}**."
        )
    return found


def _step(found: Backpropagation, rate: float, steps: int):
    with np.errstate(over="ignore", invalid="ignore"):
        st.session_state[NETWORK] = found.stepped(rate), steps + 1


def _reset():
    st.session_state.pop(NETWORK, None)


def _choose_edge() -> tuple[int, int, int]:
    with st.container(horizontal=True, gap="medium"):
        layer = st.selectbox(
            "Weight of layer", range(1, len(WIDTHS)), key="edge_layer", persist_state="session", width=150
        )
        options = {"persist_state": "session", "width": 150}
        source = st.selectbox("from unit", range(1, WIDTHS[layer - 1] + 1), key=f"edge_from_{layer}", **options)
        unit = st.selectbox("to unit", range(1, WIDTHS[layer] + 1), key=f"edge_to_{layer}", **options)
    return layer - 1, source - 1, unit - 1


def _show_chain(found: Backpropagation, layer: int, source: int, unit: int):
    """The sum of the chosen unit, and the three factors of the chosen weight's gradient."""
    computed, back = found.layers[layer], found.gradients[layer]
    of_output, slope, number = found.chain(layer, source, unit)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Forward**, the unit that it leads to")
        terms = products(zip(computed.inputs, computed.weights[:, unit], strict=True))
        st.markdown(f"z = {terms} + {factor(computed.biases[unit])} = **{written(computed.sums[unit])}**")
        st.markdown(f"a = f(z) = **{written(computed.outputs[unit])}**")
    with right:
        st.markdown("**Back**, the chain rule")
        if layer + 1 == len(found.layers):
            origin = f"a \N{MINUS SIGN} y = {written(of_output)}"
        else:
            passed = found.gradients[layer + 1].passed[unit]
            origin = (
                f"{' + '.join(factor(value) for value in passed)} = {written(of_output)}, what its edges bring back"
            )
        st.markdown(f"dL/da = {origin}")
        st.markdown(
            f"dL/dw = dL/da · f'(z) · what came in = {factor(of_output)}·{factor(slope)}·{factor(number)} = "
            f"**{written(back.of_weights[source, unit])}**"
        )
