"""The view Layers of the page Inspect: what every layer of a model answers to a photo, from edges to parts."""

import base64

import cv2
import keras
import numpy as np
import streamlit as st

from kerasface.inspection.layers.activations import LayerInfo, dead_channels
from kerasface.inspection.layers.depth import DepthLevel, depth_strip
from kerasface.inspection.layers.filters import filter_grid, first_filters
from kerasface.inspection.layers.mosaics import feature_grid, strongest_channels
from kerasface.runs.store import RunError
from kerasface.terminal.errors import told
from pages.parts.filters import show_filter_history
from pages.parts.inspect.channel import show_channel
from pages.parts.inspect.crops import show_crops
from pages.parts.inspect.models import (
    Inspected,
    Layers,
    choose_model,
    end_with,
    layers_or_stop,
    model_or_stop,
)
from pages.parts.inspect.subjects import Subject, choose_photo, subject_or_stop
from pages.parts.inspect.work import digest, kept
from pages.parts.photos import plain

COUNTS = (16, 48, 144)  # channels shown
TILE = 64  # pixels
STRIP_TILE = 118  # pixels; seven stand side by side
# Streamlit draws pictures in labels as small as their letters.
TILE_CSS = f"""<style>
.st-key-channels img {{ max-width: none; max-height: none; height: {TILE}px; border-radius: 4px; }}
.st-key-channels button {{ height: auto; padding: 0.3rem 0.4rem; border-radius: 0.6rem; }}
.st-key-channels button p {{ display: flex; flex-direction: column; align-items: center; gap: 0.15rem; }}
</style>"""


def show_layers():
    """Model and photo, the strip of depth, the channels of one layer and one of them large; then the first filters."""
    left, right = st.columns(2, gap="medium")
    with left:
        chosen = choose_model(("classify", "segment", "embed"), "inspect_layers_model", embedder=True)
    with right:
        photo = choose_photo(chosen)
    subject = subject_or_stop(chosen, photo)
    layers, model = layers_or_stop(chosen, subject.square.shape[:2]), model_or_stop(chosen)
    levels, silent = _look(chosen, model, subject)
    if not levels or layers.network is None:
        st.info("This model has no convolutions: its layers give no maps that could be shown.")
        show_filters(chosen, model)
        return
    key = f"layer_{chosen.key}"
    show_strip(subject, levels, key)
    info = choose_layer(layers, levels, key)
    maps = _maps(chosen, layers, subject, info.path)
    st.markdown(layer_sentence(info, maps, silent.get(info.path)))
    channel = choose_channel(maps, key=f"{key}_{info.path}")
    show_channel(chosen, model, subject, info.path, maps, channel, layers.places[info.path])
    show_crops(chosen, model, info.path, channel)
    show_filters(chosen, model)


def _maps(chosen: Inspected, layers: Layers, subject: Subject, path: str) -> np.ndarray:
    """What a layer answers; the last ones stay, so that another channel of them need not run the network."""
    last, of = kept(("maps",), dict), (chosen.key, digest(subject.square), path)
    if last.get("of") != of:
        answers = layers.network(subject.square[None])
        maps = np.array(answers[[one.path for one in layers.infos].index(path)][0])
        if not np.isfinite(maps).all():
            end_with(
                RunError(f"The layer {path} of {chosen.name} answers NaN or infinity: nothing can be drawn of it.")
            )
        last.update(of=of, maps=maps)
    return last["maps"]


def _look(chosen: Inspected, model: keras.Model, subject: Subject) -> tuple[list[DepthLevel], dict[str, int]]:
    """The strip of depth, and how many channels of each layer with a rectifier are silent; once for a photo."""

    def compute():
        silent = {found.layer: len(found.dead) for found in dead_channels(model, subject.square[None])}
        return depth_strip(model, subject.square), silent

    try:
        with st.spinner("Looking through the layers"):
            return kept(("depth", chosen.key, digest(subject.square)), compute)
    except ValueError as error:
        end_with(error)


def show_strip(subject: Subject, levels: list[DepthLevel], key: str):
    """A mosaic for each resolution, and a button under each that goes to its layer."""
    st.subheader("From edges to parts")
    st.markdown(
        "Deeper layers see more of the picture and less detail: first edges and colours, then textures, at last parts. "
        "Each mosaic shows the channels that answer most at one depth, bright where they answer."
    )
    with st.container(horizontal=True):
        with st.container(width=STRIP_TILE):
            size = "{} x {}".format(*subject.square.shape[:2])
            st.image(subject.square, width=STRIP_TILE, alt="What the model sees")
            st.caption(f"{size} pixels")
        for number, level in enumerate(levels, start=1):
            with st.container(width=STRIP_TILE):
                st.image(level.picture, width=STRIP_TILE, alt=f"The most active channels at depth {number}")
                rows, cols, channels = level.map_shape
                st.button(
                    f"{rows} x {cols}, {channels} channels",
                    key=f"go_{number}_{key}",
                    help=f"Go to {plain(level.layer)}",
                    on_click=st.session_state.update,
                    args=({key: level.layer},),
                    type="tertiary",
                )


def choose_layer(layers: Layers, levels: list[DepthLevel], key: str) -> LayerInfo:
    infos = {info.path: info for info in layers.infos}
    if st.session_state.get(key) not in infos:  # not the widget's default, which the buttons must not contradict
        st.session_state[key] = levels[0].layer
    numbers = {path: number for number, path in enumerate(infos, start=1)}
    path = st.select_slider(
        f"Depth: layer 1 to {len(infos)}",
        list(infos),
        format_func=lambda one: f"{numbers[one]}. {one}",
        key=key,
        persist_state="session",
    )
    return infos[path]


def layer_sentence(info: LayerInfo, maps: np.ndarray, silent: int | None) -> str:
    rows, cols, channels = maps.shape
    sentence = f"**{plain(info.path)}** ({info.kind}) gives {channels} channels of {rows} x {cols} places each."
    if silent is None:
        return sentence
    return (
        f"{sentence} **{silent} of {channels}** are silent on this picture: 0 everywhere. "
        "A channel that is silent on every picture is dead: it costs time and tells nothing."
    )


def choose_channel(maps: np.ndarray, key: str) -> int:
    """The most active channels as pictures to choose from; returns the chosen one."""
    counts = [count for count in COUNTS if count < maps.shape[-1]] + [min(maps.shape[-1], COUNTS[-1])]
    counts = list(dict.fromkeys(counts))
    count = counts[0]
    if len(counts) > 1:
        count = st.segmented_control(
            "Channels, the most active first", counts, default=count, required=True, key=f"count_{key}"
        )
    channels = strongest_channels(maps, count)
    tiles = {channel: f"![]({_address(maps, channel)}) {channel}" for channel in channels}
    st.html(TILE_CSS)
    with st.container(key="channels"):
        return st.pills(
            "Choose a channel to see it large",
            channels,
            format_func=tiles.get,
            default=channels[0],
            required=True,
            key=f"channel_{count}_{key}",
        )


def _address(maps: np.ndarray, channel: int) -> str:
    """A channel's map as a small PNG in a `data:` address."""
    tile = feature_grid(maps, channels=[channel], side=TILE)[..., 0]
    _, content = cv2.imencode(".png", tile)
    return f"data:image/png;base64,{base64.b64encode(content.tobytes()).decode()}"


def show_filters(chosen: Inspected, model: keras.Model):
    with st.expander("What the first layer looks for", icon=":material/filter_center_focus:"):
        try:
            filters = first_filters(model)
        except ValueError as error:
            st.caption(plain(told(error)))
            return
        rows, cols, _, count = filters.weights.shape
        st.image(filter_grid(filters.weights), alt="The filters of the first layer")
        st.caption(
            f"The {count} filters of {plain(filters.layer)}, {rows} x {cols} pixels each, as pictures. Mid-grey is a "
            "weight of 0; what looks like a filter, bright where it is bright, makes its channel answer: edges in one "
            "direction, blobs, changes of colour."
        )
        if chosen.run is not None and show_filter_history(chosen.run.path, f"inspect_filters_{chosen.key}"):
            st.caption("How they came about: what began as noise became edges and colours, epoch by epoch.")
