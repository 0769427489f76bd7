"""Boxes that a choice fills: what it brings, what the user sets over it, and a browser that has not heard of it yet."""

from dataclasses import dataclass, field

import streamlit as st


@dataclass
class _Filling:
    """What became of some boxes.

    Attributes:
        name: What they are filled from.
        laid: What it brought, by box.
        shown: What they held when the page was last made.
        replaced: What they held before, since the browser last showed what it was sent.
    """

    name: str
    laid: dict = field(default_factory=dict)
    shown: dict = field(default_factory=dict)
    replaced: dict[str, list] = field(default_factory=dict)


def fill(values: dict, prefix: str, name: str):
    """Puts values into boxes, but not over what the user set: that stays when they are filled from something else.

    A browser that has not got the values yet sends the boxes as they were before. It is known by `show_filled`'s box,
    in which nobody can type: while that holds another name, the values of before are nobody's choice.

    Args:
        values: What to put, by box; the same boxes each time.
        prefix: Of the boxes' keys: `{prefix}_{box}`.
        name: What they are filled from.
    """
    state = st.session_state
    filling = state.setdefault(f"{prefix}_filling", _Filling(name))
    if late := state.get(f"{prefix}_filled", filling.name) != filling.name:
        for box, shown in filling.shown.items():
            now = state[f"{prefix}_{box}"]
            was_there = any(now == old for old in filling.replaced.get(box, []))
            # What was typed meanwhile is sent once more, too: after the values that are on their way.
            state[f"{prefix}_{box}"] = shown if was_there else now
        state[f"{prefix}_filled"] = filling.name
    if name != filling.name and not late:
        filling.replaced = {}
    for box, value in values.items():
        key = f"{prefix}_{box}"
        if key not in state or (value != filling.laid.get(box) == state[key]):
            filling.replaced.setdefault(box, []).append(state.get(key))
            state[key] = value
    if state.get(f"{prefix}_filled") != name:
        state[f"{prefix}_filled"] = name
    filling.name, filling.laid = name, values
    filling.shown = {box: state[f"{prefix}_{box}"] for box in values}


def show_filled(prefix: str):
    """Says what the boxes are filled from; to be called after them, as what comes first is shown first."""
    st.text_input(
        "Filled from",
        help="The recipe that the boxes were filled from. What you set yourself stays with another recipe.",
        disabled=True,
        key=f"{prefix}_filled",
        persist_state="session",
    )
