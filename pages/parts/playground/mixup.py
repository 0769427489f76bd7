"""A topic of the playground: two photos mixed, and their labels in the same shares."""

import time

import numpy as np
import streamlit as st

from kerasface.data.samples import draw_digit
from kerasface.images.squares import fit_square
from kerasface.inspection.teaching.basics import beta_density, mixup
from kerasface.plotting.basics import share_density
from kerasface.plotting.decisions import top_bars
from pages.parts.charts import show_chart
from pages.parts.photos import FILE_TYPES, Photo, decode_upload, plain, sample_portrait

CODE = """
from skimage.data import astronaut, cat
from kerasface.images.squares import fit_square
from kerasface.inspection.teaching.basics import mixup

mixed = mixup(fit_square(astronaut(), 128), fit_square(cat(), 128), share=0.6)
print(mixed.shape, mixup([1.0, 0.0], [0.0, 1.0], share=0.6))  # the label in the same shares
"""
PAIRS = ("Portrait and cat", "Two digits", "Your photos")
SIDE = 360  # pixels of the pictures
SMALL_SIDE = 108  # of those that are mixed
FACE_PLACE = (slice(20, 240), slice(110, 330))  # rows and columns of the face in the sample portrait
SHARES = np.linspace(0.005, 0.995, 199)


def show_mixup():
    """Two photos, the share of the first, what comes out, and how likely such a share is in training."""
    st.markdown(
        "**Mixup** trains on pictures that are a part one and a part another, with the label in the same parts. "
        "Most draws lie near 0 or 1 where $\\alpha$ is small, so most pictures stay nearly themselves; "
        "in between the network learns to be as unsure as the picture is."
    )
    controls, pictures = st.columns([2, 5], gap="medium")
    with controls:
        pair = st.selectbox("Photos", PAIRS, key="mixup_pair", persist_state="session")
        photos = _sample(pair) if pair != PAIRS[-1] else _uploads()
        st.session_state.setdefault("share", 0.6)  # not the slider's default, which a draw must not contradict
        share = st.slider("Lambda: the share of the first", 0.0, 1.0, step=0.01, key="share", persist_state="session")
        alpha = st.slider("Alpha of Beta(alpha, alpha)", 0.1, 2.0, 0.2, 0.1, key="mixup_alpha", persist_state="session")
        st.button("Draw lambda", icon=":material/casino:", on_click=_draw, key="draw")
        show_chart(
            share_density(SHARES, beta_density(SHARES, alpha), share),
            key="density",
            alt="How likely each share of the first photo is",
        )
    if photos is None:
        pictures.caption("Choose two photos. They are mixed on this machine and are not stored.")
        return
    with pictures:
        _show_mixed(photos, share)


def _draw():
    alpha = st.session_state["mixup_alpha"]
    # The slider shows hundredths.
    st.session_state["share"] = round(float(np.random.default_rng(time.time_ns()).beta(alpha, alpha)), 2)


def _sample(pair: str) -> tuple[Photo, Photo]:
    if pair == PAIRS[1]:
        return Photo("3", draw_digit(3)), Photo("8", draw_digit(8))
    from skimage.data import cat

    return Photo("person", sample_portrait().image[FACE_PLACE]), Photo("cat", cat())


def _uploads() -> tuple[Photo, Photo] | None:
    photos = []
    for name in ("first", "second"):
        upload = st.file_uploader(f"The {name} photo", FILE_TYPES, key=f"mixup_{name}")
        photo = decode_upload(upload) if upload else None
        if photo:
            stem = photo.name.rsplit(".", 1)[0]
            # A key of this file, or the next one would be called as this.
            label = st.text_input(f"Label of the {name}", stem, max_chars=60, key=f"label_{name}_{upload.file_id}")
            photos.append(Photo(label or name, photo.image))
    return tuple(photos) if len(photos) == 2 else None


def _show_mixed(photos: tuple[Photo, Photo], share: float):
    first, second = (fit_square(photo.image, SIDE) for photo in photos)
    mixed = mixup(first, second, share)
    left, right = st.columns([2, 3], gap="medium")
    with left.container(horizontal=True):
        for photo, picture in zip(photos, (first, second), strict=True):
            st.image(picture, caption=plain(photo.name), output_format="JPEG", width=SMALL_SIDE, alt=photo.name)
    with right:
        st.image(mixed, output_format="JPEG", width="stretch", alt="The mixed picture")
    # Both may be of one class: then the label stays whole.
    label: dict[str, float] = {}
    for photo, part in zip(photos, (share, 1 - share), strict=True):
        label[photo.name] = label.get(photo.name, 0.0) + part
    with left:
        st.markdown("**The soft label**")
        show_chart(
            top_bars(list(label.items()), decided=False),
            key="soft_label",
            alt="The mixed label: how much of each class",
        )
