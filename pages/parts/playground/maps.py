"""Two topics of the playground: what DropBlock takes from a real feature map, and a convolution by hand."""

import keras
import numpy as np
import pandas as pd
import streamlit as st

from kerasface.data.samples import draw_digit, read_digits
from kerasface.images.squares import fit_square
from kerasface.inspection.layers.activations import feature_maps
from kerasface.inspection.layers.mosaics import mosaic, strongest_channels
from kerasface.inspection.teaching.basics import KERNELS, convolve
from kerasface.inspection.teaching.dropped_maps import DroppedMaps, drop_blocks, drop_singles, dropped_pictures
from kerasface.models.face_resnet import build_face_resnet_map
from kerasface.models.pretrained import ModelFileError
from kerasface.plotting.segmentation import data_url
from kerasface.runs.store import DEFAULT_ROOT, RunError, list_runs, load_run
from kerasface.terminal.errors import told
from pages.parts.photos import plain, sample_portrait
from pages.parts.playground.grids import show_grid
from pages.parts.playground.mixup import FACE_PLACE
from pages.parts.playground.numbers import products

CONVOLUTION_CODE = """
from sklearn.datasets import load_digits
from kerasface.inspection.teaching.basics import KERNELS, convolve

digit = load_digits().images[0]
print(convolve(digit, KERNELS["Upright edges"]))  # cross-correlation, as networks do
turned = [row[::-1] for row in KERNELS["Upright edges"][::-1]]
print(convolve(digit, turned))  # convolution, as mathematics means it
"""
DROPBLOCK_CODE = """
import numpy as np
from kerasface.inspection.teaching.dropped_maps import drop_blocks, drop_singles

maps = np.random.default_rng(0).uniform(size=(40, 40, 8)).astype("float32")
blocks = drop_blocks(maps, rate=0.15, block_size=7)
singles = drop_singles(maps, blocks)
for dropped in (blocks, singles):
    print(f"{dropped.dropped_share:.1%} dropped, {dropped.told_by_neighbors:.0%} of the neighbors of a hole are left")
"""
FACE, DIGIT = "Face", "Digit"
LAYERS = {FACE: "stage1_block3_relu2", DIGIT: "block1_conv_relu"}
SHIPPED_DIGITS = "digits"
FACE_SIDE = 160  # pixels: maps of 40 x 40
MAP_SIDE = 180  # pixels at which one channel is drawn


@st.cache_resource(show_spinner="Loading the model.")
def face_model() -> keras.Model:
    return build_face_resnet_map(num_stages=1)


@st.cache_resource(show_spinner="Loading the model.", max_entries=2)
def _digit_model(root: str, sha256: str) -> keras.Model:
    """By hash, so that a model that was trained again is loaded again."""
    return load_run(root, SHIPPED_DIGITS).model


def show_dropblock():
    """Channels of a feature map before, after DropBlock, and after as much plain dropout."""
    st.markdown(
        "**DropBlock** takes whole squares out of a feature map while a network trains; plain dropout takes as many "
        "single values. What single holes hide, their neighbours still tell, so the network need learn nothing new; "
        "under a block the nose is really gone, and the rest of the face must do."
    )
    controls, pictures = st.columns([2, 7], gap="medium")
    with controls:
        source = _choose_source()
        block_size = st.slider("Side of a block", 1, 15, 7, key="block_size", persist_state="session")
        keep = st.slider("Keep", 50, 100, 85, format="%d %%", key="keep", persist_state="session") / 100
        seed = st.number_input("Draw number", 0, 999, 0, key="drop_seed", persist_state="session")
    maps = _maps_or_stop(source)
    blocks = drop_blocks(maps, rate=1 - keep, block_size=block_size, seed=seed)
    singles = drop_singles(maps, blocks, seed=seed)
    channels = strongest_channels(maps, 4)
    titles = ("Before", "DropBlock", "Plain dropout")
    for column, title, dropped in zip(pictures.columns(3), titles, (None, blocks, singles), strict=True):
        with column:
            drawn = mosaic(dropped_pictures(maps, dropped, channels), side=MAP_SIDE, columns=2)
            st.image(data_url(drawn, lossless=True), caption=title, width="stretch", alt=f"Four channels: {title}")
            st.caption(
                _told(dropped) if dropped else "The four most active of {2} channels, {0} x {1}.".format(*maps.shape)
            )


def _choose_source() -> str:
    has_digits = any(summary.name == SHIPPED_DIGITS and summary.card for summary in list_runs())
    if not has_digits:
        return FACE
    return st.segmented_control("Picture", LAYERS, default=FACE, required=True, key="map_of", persist_state="session")


def _maps_or_stop(source: str) -> np.ndarray:
    """The maps, computed once per visitor; where the model cannot be loaded, the page says so and ends here."""
    kept = st.session_state.setdefault("playground_maps", {})
    if source in kept:
        return kept[source]
    try:
        with st.spinner("Computing the feature maps"):
            if source == FACE:
                face = fit_square(sample_portrait().image[FACE_PLACE], FACE_SIDE)
                kept[source] = feature_maps(face_model(), face, LAYERS[source])
            else:
                (card,) = [item.card for item in list_runs() if item.name == SHIPPED_DIGITS]
                model = _digit_model(DEFAULT_ROOT, card.model_sha256)
                kept[source] = feature_maps(model, draw_digit(8), LAYERS[source])
    except (ModelFileError, RunError, ValueError) as error:  # ValueError: a model of another architecture
        st.error(plain(told(error)), icon=":material/error:")
        st.stop()
    return kept[source]


def _told(dropped: DroppedMaps) -> str:
    return (
        f"{dropped.dropped_share:.1%} dropped (orange). Of the direct neighbours of a hole "
        f"**{dropped.told_by_neighbors:.0%}** are still there."
    ).replace("%", " %")


def show_convolution():
    """A digit, a kernel to edit, the map that comes out, and the sum behind one of its cells."""
    st.markdown(
        "**A convolution** lays a kernel on every place of a picture, multiplies what lies on each other and adds it "
        "up. An edge kernel answers where ink begins or ends and gives 0 on even ground; a network starts with random "
        "kernels and learns which ones help."
    )
    with st.container(horizontal=True, gap="medium"):
        digit = st.pills("Digit", range(10), default=0, required=True, key="digit", persist_state="session", wrap=True)
        preset = st.pills(
            "Kernel",
            KERNELS,
            default=next(iter(KERNELS)),
            required=True,
            key="kernel",
            on_change=_forget_edits,
            wrap=True,
            persist_state="session",
        )
    picture = read_digits().images[digit]  # the data begin with 0 to 9
    left, middle, right = st.columns([4, 3, 4], gap="medium")
    with middle:
        kernel = _edit_kernel(preset)
        if not np.isfinite(kernel).all():
            st.warning("Each of the nine cells needs a number.", icon=":material/edit:")
            st.stop()
        flip = st.toggle("Turn the kernel round first", key="flip", persist_state="session")
        laid = kernel[::-1, ::-1] if flip else kernel
        found = convolve(picture, laid)
        row = st.slider("Row of the answer", 1, found.shape[0], 3, key="answer_row", persist_state="session")
        col = st.slider("Column of the answer", 1, found.shape[1], 3, key="answer_col", persist_state="session")
    window = picture[row - 1 : row + 2, col - 1 : col + 2]
    with left:
        title = "**Picture** :small[ink from 0 to 16]"
        covered = (row - 1, col - 1, 3, 3)
        show_grid(title, picture, "The numbers of the picture, what the kernel covers framed", framed=covered)
    with right:
        show_grid(
            "**Answer** :small[8 - 3 + 1 = 6 places a side]",
            found,
            "The numbers of the answer, the one worked out framed",
            framed=(row - 1, col - 1, 1, 1),
            hover=_sums(picture, laid, found),
        )
    _show_cell(window, laid, (row, col), found[row - 1, col - 1])
    _show_turned(picture, kernel)


def _show_cell(window: np.ndarray, kernel: np.ndarray, place: tuple[int, int], answer: float):
    """The sum behind one number of the answer."""
    pairs = zip(window.ravel(), kernel.ravel(), strict=True)
    terms = " + ".join(
        f"{ink:g}·({_number(weight)})" if weight < 0 else f"{ink:g}·{weight:.3g}" for ink, weight in pairs
    )
    st.markdown(f"Row {place[0]}, column {place[1]}: {terms} = **{_number(answer)}**")


def _show_turned(picture: np.ndarray, kernel: np.ndarray):
    """What the turn of the kernel is about."""
    difference = float(np.abs(convolve(picture, kernel[::-1, ::-1]) - convolve(picture, kernel)).max())
    st.caption(
        "What mathematics calls **convolution** turns the kernel round, by half a turn, before it multiplies; "
        "without it is "
        "**cross-correlation**. Networks do the latter and call it convolution: as weights are learned, it is all "
        "the same. "
        + (
            "This kernel is the same turned round."
            if not difference
            else f"Here it changes numbers by up to {difference:.3g}."
        )
    )


def _sums(picture: np.ndarray, kernel: np.ndarray, found: np.ndarray) -> list[list[str]]:
    """Where each number of the answer comes from; products that are 0 are left out."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, kernel.shape)
    return [
        [
            (
                products(
                    (ink, weight) for ink, weight in zip(window.ravel(), kernel.ravel(), strict=True) if ink * weight
                )
                or "0"
            )
            + f" = {_number(found[down, across])}"
            for across, window in enumerate(line)
        ]
        for down, line in enumerate(windows)
    ]


def _forget_edits():
    st.session_state.pop("kernel_edited", None)


def _edit_kernel(preset: str) -> np.ndarray:
    """The nine weights, to be edited; what was edited is still there after a look at another page."""
    st.markdown("**Kernel** :small[edit a cell]")
    key = f"kernel_{preset}"
    if key not in st.session_state:
        start = st.session_state.get("kernel_edited", KERNELS[preset])
        st.session_state["kernel_start"] = np.array(start, dtype=np.float64)
    columns = ["left", "middle", "right"]
    frame = pd.DataFrame(st.session_state["kernel_start"], columns=columns)
    config = {
        # A word as heading would leave the last column no room.
        name: st.column_config.NumberColumn(str(place), format="%.3g", step=0.001, min_value=-1000, max_value=1000)
        for place, name in enumerate(columns, start=1)
    }
    edited = st.data_editor(frame, hide_index=True, column_config=config, key=key, alt="The kernel's nine weights")
    kernel = edited.to_numpy(dtype=np.float64)
    st.session_state["kernel_edited"] = kernel
    return kernel


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
