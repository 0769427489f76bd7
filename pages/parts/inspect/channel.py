"""One channel of a layer, large: where it answers on the photo, and a picture made up to excite it."""

import keras
import numpy as np
import streamlit as st

from kerasface.inspection.layers.maximization import maximize
from kerasface.inspection.layers.mosaics import feature_grid
from kerasface.inspection.placement import Placement, to_image
from pages.parts.inspect.models import Inspected
from pages.parts.inspect.overlays import laid_over, show_legend
from pages.parts.inspect.subjects import Subject
from pages.parts.inspect.work import is_kept, kept, work
from pages.parts.photos import plain

SIDE = 216  # pixels of each picture; four stand side by side
STEPS = 128  # of the search for a picture, as `maximize` has them
OPACITY = 0.75


def show_channel(
    chosen: Inspected,
    model: keras.Model,
    subject: Subject,
    layer: str,
    maps: np.ndarray,
    channel: int,
    place: Placement,
):
    """The photo, the channel's map, the map on the photo, and on demand what excites the channel most."""
    map = maps[..., channel]
    signed = bool(map.min() < 0)
    st.markdown(f"**Channel {channel}**, :small[{plain(answer_sentence(map))}]")
    with st.container(horizontal=True):
        _show(subject.square, "What the model sees")
        grey = feature_grid(maps, channels=[channel], side=SIDE)
        _show(grey, f"The channel's map, {map.shape[0]} x {map.shape[1]} places")
        if place.rows is not None:
            laid = to_image(map, place.rows, place.cols, subject.square.shape[:2])
            picture = laid_over(subject.square, laid, signed=signed, opacity=OPACITY)
            with st.container(width=SIDE):
                _show(picture, "Where on the photo it answers")
                low, high = ("below 0", "above 0") if signed else ("no answer", "strongest")
                show_legend(signed, low, high)
        key = ("maximum", chosen.key, layer, channel)
        if is_kept(key):
            _show(kept(key, None), "Made up: what excites it most")
    if is_kept(key):
        st.caption(
            f"The last picture began as noise and was changed {STEPS} times so that the channel answers more; only "
            "what survives small shifts and turns grows. It shows what the channel looks for, in no one photo."
        )
        return
    found = work(
        key,
        f"Making up a picture for channel {channel}: {STEPS} steps",
        STEPS,
        lambda report: maximize(
            model,
            layer,
            channel,
            image_size=subject.square.shape[:2],
            steps=STEPS,
            on_progress=lambda done, _: report(done),
        ),
        button="What excites this channel most?",
    )
    if found is not None:
        st.rerun()  # it belongs next to the others


def answer_sentence(map: np.ndarray) -> str:
    if not map.any():
        return "silent on this picture"
    return f"answers from {map.min():.3g} to {map.max():.3g}"


def _show(picture: np.ndarray, text: str):
    st.image(picture, width=SIDE, caption=text, alt=text, output_format="PNG")
