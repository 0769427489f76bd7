"""Numbers on the playground: grids of them to edit, and sums spelled out."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import ArrayLike


def written(value: float) -> str:
    """A number as it is read: four digits that count, and a minus sign of its width."""
    return f"{value + 0.0:.4g}".replace("-", "\N{MINUS SIGN}")


def factor(value: float) -> str:
    """A number within a sum or product: in parentheses where it is below 0."""
    return f"({written(value)})" if value < 0 else written(value)


def products(pairs: Iterable[tuple[float, float]]) -> str:
    """A sum of products, such as `3·2 + 1·(-1)`."""
    return " + ".join(f"{factor(left)}·{factor(right)}" for left, right in pairs)


def edit_numbers(title: str, start: ArrayLike, key: str, alt: str) -> np.ndarray:
    """Shows a grid of numbers to be edited, as it was left in this session.

    Args:
        title: Above it, as Markdown.
        start: `(rows, cols)`; others than before begin anew.
        key: Of the widget.
        alt: What a screen reader says of it.

    Returns:
        The numbers; a cell that was emptied is NaN, which every function of `teaching/worked` refuses by name.
    """
    start = np.asarray(start, dtype=np.float64)
    kept = st.session_state.setdefault("edited_numbers", {})
    begun, current = kept.get(key, (None, None))
    if begun is None or not np.array_equal(begun, start):
        current = start
        st.session_state.pop(key, None)
    if key not in st.session_state:  # after another page the widget begins with what was edited
        st.session_state[f"{key}_start"] = current
    columns = [str(place) for place in range(1, start.shape[1] + 1)]
    config = {
        name: st.column_config.NumberColumn(name, format="%.4g", step=0.001, min_value=-1000, max_value=1000)
        for name in columns
    }
    st.markdown(f"{title} :small[edit a cell]")
    frame = pd.DataFrame(st.session_state[f"{key}_start"], columns=columns)
    edited = st.data_editor(frame, hide_index=True, column_config=config, key=key, alt=alt).to_numpy(dtype=np.float64)
    kept[key] = start, edited
    return edited
