"""Small pictures of photos, made when they are shown; the last few hundred stay in the session."""

import io
from pathlib import Path

import streamlit as st
from PIL import Image

from kerasface.images.decoding import ImageError, decode

SIDE = 320  # pixels: a card on a dense screen
KEPT = 240  # of a session, 20 kB each


def thumbnail(path: Path, source_hash: str) -> bytes | None:
    """The photo as a small JPEG; None where it is gone by now."""
    kept = st.session_state.setdefault("gallery_thumbnails", {})
    if source_hash in kept:
        kept[source_hash] = kept.pop(source_hash)  # those in use are the last to be forgotten
        return kept[source_hash]
    try:
        picture = Image.fromarray(decode(path))
    except ImageError:
        return None
    picture.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=82)
    kept[source_hash] = file.getvalue()
    for old in list(kept)[:-KEPT]:
        del kept[old]
    return kept[source_hash]


def face_picture(path: Path, box: tuple[float, float, float, float]) -> bytes | None:
    """A face with some of what is around it, as a JPEG; None where the photo is gone or another one."""
    try:
        picture = Image.fromarray(decode(path))
    except ImageError:
        return None
    x, y, width, height = box
    margin = 0.4 * max(width, height)
    left, top = max(0, round(x - margin)), max(0, round(y - margin))
    right, bottom = min(picture.width, round(x + width + margin)), min(picture.height, round(y + height + margin))
    if left >= right or top >= bottom:  # another photo is under this name by now
        return None
    cut = picture.crop((left, top, right, bottom))
    cut.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    cut.save(file, "JPEG", quality=88)
    return file.getvalue()
