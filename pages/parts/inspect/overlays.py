"""How the page Inspect draws maps: over their picture with a legend, and as shares of the parts they fall on."""

from collections.abc import Sequence

import cv2
import numpy as np
import streamlit as st
from plotly.colors import sample_colorscale

from kerasface.inspection.attribution.overlays import SIGNED_SCALE, UNSIGNED_SCALE, overlay_map
from kerasface.inspection.attribution.regions import background_warning, region_shares
from pages.parts.photos import plain
from pages.parts.segment.drawing import show_areas

SIDE = 480  # pixels of a picture under a map, so that a small one is not drawn in blocks
STOPS = 9  # of the legend's colours


def laid_over(
    square: np.ndarray, map: np.ndarray, *, signed: bool, opacity: float, limit: float | None = None
) -> np.ndarray:
    """A picture under its map, enlarged where it is small; as `overlay_map` has them."""
    scale = max(1.0, SIDE / max(map.shape))
    size = [round(scale * extent) for extent in map.shape[::-1]]
    picture, large = (cv2.resize(each, size, interpolation=cv2.INTER_LINEAR) for each in (square, map))
    return overlay_map(picture, large, signed=signed, limit=limit, opacity=opacity)


def show_legend(signed: bool, low: str, high: str):
    """The colours from one end to the other; where a map is 0 the picture is left as it is."""
    places = np.linspace(-1 if signed else 0, 1, STOPS)
    shares = (places + 1) / 2 if signed else places
    colors = sample_colorscale(SIGNED_SCALE if signed else UNSIGNED_SCALE, shares.tolist(), colortype="tuple")
    stops = [
        f"rgba({', '.join(str(round(255 * value)) for value in color)}, {abs(place):.2f})"
        for color, place in zip(colors, places, strict=True)
    ]
    middle = "<span>does not matter</span>" if signed else ""
    st.html(
        f"""<div role="img" aria-label="Colours from {low} to {high}" style="max-width: 480px">
        <div style="height: 0.7rem; border-radius: 0.35rem; border: 1px solid #808c8a;
          background: linear-gradient(to right, {", ".join(stops)})"></div>
        <div style="display: flex; justify-content: space-between; gap: 0.5rem; font-size: 0.8rem; line-height: 1.2">
          <span>{low}</span>{middle}<span style="text-align: right">{high}</span></div></div>"""
    )


def show_shares(
    map: np.ndarray,
    mask: np.ndarray,
    classes: Sequence[str],
    colors: Sequence[tuple[int, int, int]],
    key: str,
    *,
    warn: bool = True,
):
    """Bars of how much of what is positive on a map falls on each part, and a warning where it is the background."""
    shares = region_shares(map, mask, classes)
    if not any(shares.values()):
        st.caption("Nothing on this map is positive: there are no shares.")
        return
    show_areas(shares, classes, colors, key=key)
    warning = background_warning(shares, classes[0]) if warn else None
    if warning:
        st.warning(plain(warning), icon=":material/warning:")
