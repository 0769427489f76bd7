"""Pictures and masks on the page Train: which belong together, and a few of them, one over the other."""

from pathlib import Path

import numpy as np
import streamlit as st

from kerasface.data.masks.reading import MaskFolders, read_mask, read_mask_folders
from kerasface.faces.drawing import draw_mask
from kerasface.images.decoding import ImageError, decode
from kerasface.terminal.errors import told
from kerasface.terminal.words import counted
from pages.parts.photos import plain
from pages.parts.tables import show_table
from pages.parts.train.kinds import Pictures

SHOWN = 6  # pictures
SIDE = 150  # pixels


def find_pairs(place: Path) -> MaskFolders:
    """The pairs of a folder; what was found there is kept until its folders change.

    Raises:
        ValueError: If it is no folder of pictures and masks.
    """
    folders = [place, *(place / name for name in ("images", "masks"))]
    key = str(place), *(folder.stat().st_mtime_ns if folder.is_dir() else 0 for folder in folders)
    kept = st.session_state.get("train_pairs", (None, None))
    if kept[0] != key:
        kept = st.session_state["train_pairs"] = key, read_mask_folders(place)
    return kept[1]


def show_masks(place: Path) -> Pictures | None:
    """What is there, and the first pictures under their masks; None, with a sentence, where it cannot be trained on."""
    try:
        with st.spinner("Reading the names"):
            found = find_pairs(place)
    except (ValueError, OSError) as error:
        st.error(plain(told(error)), icon=":material/folder_off:")
        return None
    names = ", ".join(plain(name) for name in found.classes)
    count = f"**{counted(len(found.names), 'picture')}** with masks of **{len(found.classes)} classes**"
    st.markdown(f"{count} in {plain(str(place))}: {names}")
    _show_first(found)
    if found.rejected:
        with st.expander(counted(len(found.rejected), "file has no partner", "files have no partner")):
            show_table([{"file": str(file), "reason": reason} for file, reason in found.rejected], "No partner")
    return Pictures(place, len(found.names), len(found.classes))


def _show_first(found: MaskFolders):
    """A few pictures from all over the folder; one that cannot be read is told by its reason."""
    chosen = np.unique(np.linspace(0, len(found.names) - 1, SHOWN).round().astype(int))
    with st.container(horizontal=True):
        for index in chosen:
            try:
                image = decode(found.images[index])
                mask = read_mask(found.masks[index], found.classes, found.colors)
                st.image(draw_mask(image, mask, found.colors), caption=found.names[index], width=SIDE)
            except (ImageError, ValueError) as error:
                st.warning(plain(told(error)), icon=":material/broken_image:")
