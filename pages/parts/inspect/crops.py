"""The photos of a folder that excite a channel most, and the part of each that it answers to."""

from dataclasses import dataclass

import keras
import numpy as np
import streamlit as st

from kerasface.data.cache.embeddings import image_files
from kerasface.files.paths import user_path
from kerasface.inspection.layers.deconvolution import deconvolved_patches
from kerasface.inspection.layers.top_crops import TopCrop, top_crops
from kerasface.inspection.maps.sources import digit_pictures
from kerasface.inspection.subjects import model_square, squares_of
from kerasface.terminal.errors import told
from kerasface.terminal.words import counted
from pages.parts.inspect.models import Inspected
from pages.parts.inspect.work import Report, kept, work
from pages.parts.models import analyzer_or_stop
from pages.parts.photos import plain

MOST = 300  # photos looked at, the first by name; their faces take some 20 seconds to find on two cores
SIDE = 96  # pixels of a crop
DIGITS = 1000
HALF = 100  # steps of reading the photos, and of looking for the strongest answers


@dataclass(frozen=True, eq=False)
class Squares:
    """What a model takes of some photos, `(num_squares, side, side, 3)` uint8, what each is called, and a caption."""

    pictures: np.ndarray
    names: list[str]
    note: str


def show_crops(chosen: Inspected, model: keras.Model, layer: str, channel: int):
    """Asks for a folder, or takes the sample digits, and shows the crops that excite the channel."""
    with st.expander("Which photos excite it most?", icon=":material/photo_library:"):
        folder = ""
        if not chosen.reads_digits:
            folder = st.text_input(
                "Folder of photos on this machine", key="inspect_crops_folder", persist_state="session"
            ).strip()
            if not folder:
                st.caption(f"Up to {MOST} photos of it are looked at, also those in folders inside it; none is stored.")
                return
        found = work(
            ("crops", chosen.key, layer, channel, folder),
            f"Looking for what excites channel {channel}",
            2 * HALF,
            lambda report: _find(chosen, model, layer, channel, folder, report),
            button="Find its crops",
        )
        if found:
            _show(*found, channel)


def _find(
    chosen: Inspected, model: keras.Model, layer: str, channel: int, folder: str, report: Report
) -> tuple[Squares, tuple[TopCrop, ...], list[np.ndarray] | str]:
    """The photos, the crops, and what in each leads to the answer; or a sentence why that cannot be shown."""
    last = kept(("squares",), dict)  # so that the next channel need not read the photos again
    if last.get("of") != (chosen.key, folder):
        last.clear()
        last["squares"] = _read_folder(chosen, folder, report) if folder else _read_digits(chosen)
        last["of"] = (chosen.key, folder)
    squares = last["squares"]
    crops = top_crops(
        model,
        layer,
        squares.pictures,
        [channel],
        on_progress=lambda done, total: report(HALF + HALF * done // total),
    )[channel]
    try:
        led_back = deconvolved_patches(model, layer, channel, squares.pictures, crops)
    except ValueError as error:  # a network without ReLUs
        return squares, crops, told(error)
    return squares, crops, led_back


def _read_digits(chosen: Inspected) -> Squares:
    pictures = [model_square(picture, chosen.card.input) for picture in digit_pictures(range(DIGITS)).values()]
    return Squares(np.stack(pictures), [f"digit {index}" for index in range(DIGITS)], f"Of {DIGITS:,} sample digits.")


def _read_folder(chosen: Inspected, folder: str, report: Report) -> Squares:
    paths = image_files(user_path(folder))
    asked = paths[:MOST]
    detector = analyzer_or_stop().detector if chosen.of_faces else None
    pictures, used, problems = squares_of(
        asked, chosen.card.input, detector, on_progress=lambda done: report(HALF * done // len(asked))
    )
    note = f"Of {counted(len(used), 'photo')}."
    if len(paths) > MOST:
        note += f" The folder holds {len(paths):,}; the first {MOST} by name were looked at."
    if problems:
        note += f" {counted(len(problems), 'photo')} left out, such as {problems[0]}"
    return Squares(pictures, [path.name for path in used], note)


def _show(squares: Squares, crops: tuple[TopCrop, ...], led_back: list[np.ndarray] | str, channel: int):
    with st.container(horizontal=True):
        for place, crop in enumerate(crops):
            name = plain(squares.names[crop.index])
            with st.container(width=SIDE):
                st.image(crop.patch, width=SIDE, alt=f"What excites channel {channel} in {name}", output_format="PNG")
                if not isinstance(led_back, str):
                    alt = f"What in {name} leads to the answer of channel {channel}"
                    st.image(led_back[place], width=SIDE, alt=alt, output_format="PNG")
                st.caption(f"{name}: {crop.score:.3g}")
    if isinstance(led_back, str):
        st.caption(plain(led_back))
    else:
        st.caption(
            "Below each, the answer led back to the pixels (deconvolution, Zeiler and Fergus 2013): mid-grey where "
            "nothing led to it. What all of them have in common is what the channel looks for."
        )
    st.caption(
        f"{plain(squares.note)} The strongest answers come first. Cut out is what the largest answer hangs on: the "
        "rows and columns that hold 95 % of its gradient, drawn larger than they are."
    )
