"""The layers of the network that is trained live: added, changed and removed."""

from dataclasses import asdict

import streamlit as st

from kerasface.train.live.stack import ACTIVATIONS, CONVOLUTION, DENSE, KINDS, MOST_LAYERS, STACKS, Layer

SIZES = (1, 2, 4, 9, 10, 16, 20, 25, 32, 50, 100)
KERNELS = (1, 3, 5, 7)
_STACK = "live_stack"  # rows of the list: `(number, Layer)`; a number is never used again
_NEXT = "live_stack_next"


def choose_layers() -> tuple[Layer, ...]:
    """The list of layers, folded away below what it is made of."""
    if _STACK not in st.session_state:
        _begin_with(next(iter(STACKS)))
    rows = st.session_state[_STACK]
    told = " · ".join(str(layer) for _, layer in rows) or "none: a linear classifier"
    with st.expander(f"Layers: {told}", icon=":material/layers:", key="live_layers"):
        st.pills("Begin with", list(STACKS), key="live_preset", on_change=_take_preset)
        for place, (number, layer) in enumerate(rows, start=1):
            with st.container(horizontal=True, vertical_alignment="bottom"):
                _show_row(place, number, layer)
        if len(rows) < MOST_LAYERS:
            with st.container(horizontal=True):
                for kind in KINDS:
                    st.button(kind, icon=":material/add:", on_click=_add, args=(kind,), key=f"live_add_{kind}")
        st.caption("Behind the last layer comes a dense one with an answer per class, and softmax.")
    return tuple(layer for _, layer in st.session_state[_STACK])


def _show_row(place: int, number: int, layer: Layer):
    def choose(field: str, label: str, options: tuple, width: int):
        st.selectbox(
            f"{place}. {label}",
            options,
            index=options.index(getattr(layer, field)),
            key=f"live_layer_{number}_{field}",
            on_change=_change,
            args=(number, field),
            width=width,
        )

    choose("kind", "Kind", KINDS, 170)
    if layer.kind in (CONVOLUTION, DENSE):
        choose("size", "Filters" if layer.kind == CONVOLUTION else "Units", SIZES, 100)
        if layer.kind == CONVOLUTION:
            choose("kernel", "Kernel", KERNELS, 100)
        choose("activation", "Activation", ACTIVATIONS, 130)
    st.button(
        "", icon=":material/delete:", key=f"live_remove_{number}", on_click=_remove, args=(number,), type="tertiary",
        help=f"Remove layer {place}",
    )  # fmt: skip


def _begin_with(name: str):
    first = st.session_state.get(_NEXT, 0)
    st.session_state[_STACK] = list(enumerate(STACKS[name], start=first))
    st.session_state[_NEXT] = first + len(STACKS[name])


def _take_preset():
    if name := st.session_state["live_preset"]:
        _begin_with(name)


def _add(kind: str):
    number = st.session_state[_NEXT]
    st.session_state[_STACK] = [*st.session_state[_STACK], (number, Layer(kind, size=20 if kind == DENSE else 9))]
    st.session_state[_NEXT] = number + 1
    st.session_state["live_preset"] = None


def _change(number: int, field: str):
    value = st.session_state[f"live_layer_{number}_{field}"]
    rows = st.session_state[_STACK]
    st.session_state[_STACK] = [
        (other, Layer(**(asdict(layer) | {field: value})) if other == number else layer) for other, layer in rows
    ]
    st.session_state["live_preset"] = None


def _remove(number: int):
    st.session_state[_STACK] = [row for row in st.session_state[_STACK] if row[0] != number]
    st.session_state["live_preset"] = None
