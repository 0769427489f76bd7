"""What the views of the page Evaluate show alike: tables of rates, and files to keep."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import streamlit as st

from pages.parts.evaluate.sources import SAMPLE, Source
from pages.parts.evaluate.work import forget

PICTURE = 92  # pixels a photo of a pair is shown at: four cards stand side by side on a wide screen


def show_table(heads: Sequence[str], rows: Sequence[Sequence[str]]):
    """A table whose cells are our own text: nothing is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    st.markdown("\n".join(f"| {' | '.join(cells)} |" for cells in lines))


def show_face_cards(cards: Iterable[tuple[Sequence[np.ndarray | None], str, str]]):
    """Cards of two faces side by side, where both are there.

    Args:
        cards: For each both pictures, who or what they are for a screen reader, and Markdown.
    """
    with st.container(horizontal=True, gap="small"):
        for pictures, alt, text in cards:
            with st.container(border=True, width=2 * PICTURE + 34):
                if all(picture is not None for picture in pictures):
                    st.image(np.hstack(pictures), width=2 * PICTURE, alt=alt, output_format="JPEG")
                st.markdown(text)


def show_files(files: dict[str, tuple[Callable[[], str], str]], key: tuple, source: Source):
    """Downloads, and a button that measures again.

    Args:
        files: Label to what makes the file when it is asked for, and its name.
        key: Of the results.
        source: What they were measured on.
    """
    kinds = {"json": "application/json", "csv": "text/csv", "html": "text/html"}
    with st.container(horizontal=True):
        for label, (content, name) in files.items():
            kind = kinds[name.rpartition(".")[2]]
            st.download_button(label, content, name, kind, icon=":material/download:", on_click="ignore")
        if source.kind != SAMPLE:
            st.button("Measure again", icon=":material/refresh:", on_click=forget, args=(key,))
