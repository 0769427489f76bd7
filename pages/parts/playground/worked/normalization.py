"""A topic of the playground: four normalizations of one tensor, and which numbers share a mean."""

import numpy as np
import streamlit as st

from kerasface.inspection.teaching.worked.normalization import KINDS, divisors, normalize
from pages.parts.playground.grids import show_sets
from pages.parts.playground.numbers import factor, written

CODE = """
import numpy as np
from kerasface.inspection.teaching.worked.normalization import KINDS, normalize

maps = np.random.default_rng(0).integers(0, 10, (2, 2, 2, 4))  # images, rows, columns, channels
for kind in KINDS:
    found = normalize(maps, kind, groups=2)
    print(kind, len(found.means), "sets, mu", found.means.round(2), "sigma", found.deviations.round(2))
"""
CHANNELS, SIDE = 4, 2
TEXTS = {
    "batch": "**Batch**: one set for each channel, over all images. A network remembers the means for later, as one "
    "image alone has none: so it behaves otherwise in training than in use, and needs batches that are not small.",
    "layer": "**Layer**: one set for each image, over all its channels. No other image matters: the same in training "
    "and in use.",
    "group": "**Group**: as layer, but channel by channel in groups: between layer (one group) and instance (as many "
    "as channels).",
    "instance": "**Instance**: one set for each image and channel. The contrast of each map is taken away: used "
    "where the style of a picture should not count.",
}


def show_normalization():
    """The tensor with its sets in colors, the sums of one set, and what comes out."""
    st.markdown(
        "**Normalization** moves numbers to mean 0 and deviation 1. What the kinds differ in is only which numbers are "
        "taken together: those of one color."
    )
    with st.container(horizontal=True, gap="medium"):
        kind = st.segmented_control(
            "Normalization", KINDS, default=KINDS[0], required=True, key="norm_kind", persist_state="session"
        )
        images = st.slider("Images in the batch", 1, 3, 2, key="norm_images", persist_state="session", width=200)
        seed = st.number_input("Draw number", 0, 999, 0, key="norm_seed", persist_state="session", width=140)
        groups = 2
        if kind == "group":
            groups = st.select_slider(
                "Groups", divisors(CHANNELS), 2, key="norm_groups", persist_state="session", width=200
            )
    drawn = np.random.default_rng(seed).integers(0, 10, (3, SIDE, SIDE, CHANNELS))
    maps = drawn[:images].astype(np.float64)  # another image leaves the first ones as they are
    found = normalize(maps, kind, groups=groups)
    count = len(found.means)
    chosen = min(st.session_state.get("norm_set", 1), count) - 1
    st.session_state["norm_set"] = chosen + 1
    if count > 1:
        chosen = st.slider("Set that is worked out", 1, count, key="norm_set", persist_state="session", width=260) - 1
    before, after = st.columns(2, gap="large")
    own = maps[found.sets == chosen]
    with before:
        st.markdown("**Before**")
        told = f"{images} images of {CHANNELS} channels in {count} sets; set {chosen + 1} has {own.size} numbers"
        show_sets(maps, found.sets, chosen, told)
    with after:
        st.markdown("**After**")
        show_sets(found.output, found.sets, chosen, "The same numbers, normalized")
    st.markdown(TEXTS[kind])
    mean, variance = found.means[chosen], found.variances[chosen]
    squares = written(own.size * variance)
    st.markdown(
        f"Set {chosen + 1} of {count}, {own.size} numbers: μ = ({' + '.join(written(value) for value in own)}) / "
        f"{own.size} "
        f"= **{written(mean)}**; \N{GREEK SMALL LETTER SIGMA}² = {squares} / {own.size} = {written(variance)}, "
        f"\N{GREEK SMALL LETTER SIGMA} = **{written(np.sqrt(variance))}**."
    )
    first = own[0]
    st.markdown(
        f"Its first number: ({written(first)} \N{MINUS SIGN} {factor(mean)}) / √({written(variance)} + 0.00001) = "
        f"**{written(found.output[found.sets == chosen][0])}**"
    )
    if kind == "instance" and images == 1:
        st.caption("Of one image, batch and instance normalization are the same while a network trains.")
