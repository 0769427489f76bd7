"""What is learned live, and how: pictures, optimizer, batches, moved pictures."""

import streamlit as st

from kerasface.files.paths import user_path
from kerasface.terminal.errors import told
from kerasface.train.live.data import LiveData, color_crops, digits, own_pictures
from kerasface.train.live.training import OPTIMIZERS
from pages.parts.photos import plain

RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
BATCH_SIZES = (1, 8, 32, 128, 512)
MOMENTA = (0.0, 0.5, 0.9, 0.95, 0.99)
OWN = "A folder of yours"
PICTURES = {
    "Digits": "1,797 handwritten digits of 8 x 8 pixels.",
    "Crops in color": "1,300 crops of 24 x 24 pixels, cut out of ten photos: which photo is each from? Those held out "
    "come from another part of the photo.",
    OWN: "A folder with a folder per class, such as faces per person; the middle square of each, 24 x 24 pixels.",
}
_KEEP = {"persist_state": "session"}


@st.cache_resource(show_spinner="Reading the pictures", max_entries=4)
def _sample(name: str) -> LiveData:
    return digits() if name == "Digits" else color_crops()


@st.cache_resource(show_spinner="Reading the pictures", max_entries=2, ttl="10m")
def _own(folder: str) -> LiveData:
    return own_pictures(user_path(folder))


def choose_data() -> LiveData | None:
    """The pictures to learn; nothing, and a sentence, where there are none yet."""
    name = st.segmented_control("Pictures", PICTURES, default="Digits", required=True, key="live_pictures", **_KEEP)
    st.caption(PICTURES[name])
    if name != OWN:
        return _sample(name)
    folder = st.text_input("Folder on this machine", key="live_folder", placeholder="~/photos/people", **_KEEP)
    if not folder.strip():
        return None
    try:
        data = _own(folder.strip())
    except (OSError, ValueError) as error:
        st.error(plain(told(error)), icon=":material/folder_off:")
        return None
    for note in data.notes:
        st.caption(plain(note))
    return data


def choose_settings(data: LiveData) -> tuple[dict, float]:
    """The settings of a training, and its rate, which may change at any time."""
    rates, optimizers, batches = st.columns([4, 3, 3], gap="medium")
    rate = rates.select_slider(
        "Learning rate, also while it runs", RATES, 0.03, format_func="{:g}".format, key="live_rate", **_KEEP
    )
    optimizer = optimizers.selectbox("Optimizer", OPTIMIZERS, key="live_optimizer", **_KEEP)
    sizes = [size for size in BATCH_SIZES if size <= len(data.train)]
    batch_size = batches.select_slider("Batch size", sizes, min(32, sizes[-1]), key=f"live_batch_{sizes[-1]}", **_KEEP)
    left, middle, right = st.columns([4, 3, 3], gap="medium", vertical_alignment="bottom")
    momentum = 0.0
    if optimizer == "SGD":
        momentum = left.select_slider("Momentum", MOMENTA, 0.0, format_func="{:g}".format, key="live_momentum", **_KEEP)
    elif optimizer == "Adadelta":
        left.caption("Adadelta finds its own steps: take a rate of about 1.")
    shift = middle.select_slider("Moved by up to, pixels", (0, 1, 2, 3), 0, key="live_shift", **_KEEP)
    flip = right.toggle("Mirrored half of the time", key="live_flip", help="A mirrored digit is no digit.", **_KEEP)
    settings = {"optimizer": optimizer, "momentum": momentum, "batch_size": batch_size, "flip": flip, "shift": shift}
    return settings, rate
