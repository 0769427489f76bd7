"""The first filters of a run after each epoch, to be leafed through: on Train, and on Inspect."""

from pathlib import Path

import streamlit as st

from kerasface.inspection.layers.filters import filter_history
from kerasface.plotting.segmentation import data_url
from kerasface.train.engine.snapshots import read_filters

FILTER_SIDE = 48  # pixels


def show_filter_history(run: Path, key: str) -> bool:
    """The first layer after each epoch; returns whether the run has noted it.

    Args:
        run: Folder of the run.
        key: Of the slider.
    """
    shots = read_filters(run)
    if shots is None:
        return False
    pictures = dict(zip(shots.epochs, filter_history(list(shots.weights), side=FILTER_SIDE), strict=True))
    epoch = shots.epochs[-1]
    if len(pictures) > 1:
        epoch = st.select_slider("The first layer's filters after epoch", list(pictures), epoch, key=key)
    st.image(data_url(pictures[epoch], lossless=True), alt=f"The filters after epoch {epoch}")
    return True
