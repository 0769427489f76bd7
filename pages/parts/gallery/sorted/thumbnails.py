"""Small pictures of photos and of faces in them, made when they are shown; the last few hundred stay in the session."""

from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from kerasface.data.cache.images import content_keys
from kerasface.images.decoding import ImageError, decode
from kerasface.tasks.thumbnails import picture_of_box, picture_of_crop

SIDE = 320  # pixels: a card on a dense screen
KEPT = 240  # of a session, 20 kB each
_AROUND = 0.4  # of a face's longer side


def thumbnail(path: Path, source_hash: str) -> bytes | None:
    """The photo as a small JPEG; None where it is gone or another one by now."""
    return _kept(source_hash, path, source_hash, partial(picture_of_crop, side=SIDE), enough=SIDE)


def face_picture(path: Path, source_hash: str, box: tuple[float, float, float, float]) -> bytes | None:
    """A face with some of what is around it, as a JPEG; None where the photo is gone or another one by now."""
    cut = partial(picture_of_box, box=box, side=SIDE, around=_AROUND)
    return _kept((source_hash, box), path, source_hash, cut)


def _kept(
    key: Hashable, path: Path, source_hash: str, make: Callable[[np.ndarray], bytes | None], **how
) -> bytes | None:
    kept = st.session_state.setdefault("gallery_thumbnails", {})
    if key in kept:
        kept[key] = kept.pop(key)  # those in use are the last to be forgotten
        return kept[key]
    if content_keys([path])[0] != [source_hash]:
        return None
    try:
        picture = make(decode(path, **how))
    except ImageError:
        return None
    if picture is not None:
        kept[key] = picture
        for old in list(kept)[:-KEPT]:
            del kept[old]
    return picture
