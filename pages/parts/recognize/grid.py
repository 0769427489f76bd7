"""Recognise, many photos: a small card of each with its names, which opens at full size."""

from dataclasses import dataclass

import cv2
import numpy as np
import streamlit as st

from kerasface.evaluation.names import as_name
from kerasface.faces.drawing import draw_faces
from kerasface.plotting.style import percent
from kerasface.tasks.recognition import Recognition
from pages.parts.photos import plain

FULL = 3  # photos that are shown at full size; more of them become cards
CARD = 168  # pixels: two side by side on a phone
NAMED = 4  # faces whose names have room in a card


@dataclass(frozen=True, eq=False)
class Seen:
    """A photo that was looked at.

    Attributes:
        found: The answer to the whole picture, or a list with one for each face.
        num_faces: Of a photo that was judged as a whole: the faces in it; `None` where nobody looked.
        picture: The photo with its faces marked, small, RGB uint8.
    """

    found: Recognition | list
    num_faces: int | None
    picture: np.ndarray

    @property
    def whole(self) -> bool:
        """Whether the picture was judged as a whole."""
        return not isinstance(self.found, list)


def small(image: np.ndarray, found: Recognition | list) -> np.ndarray:
    """The photo with its faces marked, at the width of a card on a dense screen."""
    picture = draw_faces(image, [entry.face for entry in found]) if isinstance(found, list) else image
    scale = 2 * CARD / max(picture.shape[:2])
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)


def show_card(name: str, seen: Seen, key: str) -> bool:
    """The photo and in a line each what it shows; returns whether its details are asked for."""
    with st.container(width=CARD, border=True, gap="small"):
        st.image(seen.picture, width="stretch", output_format="JPEG", alt=f"{name}, its faces marked")
        st.markdown("  \n".join(lines(seen)))
        st.caption(plain(name))
        return st.button("Details", key=key, width="stretch")


def lines(seen: Seen) -> list[str]:
    """What a photo shows, in Markdown: a name in bold only where it is an answer."""
    if seen.whole:
        faces = [_faces_of_people(seen.num_faces)] if seen.num_faces else []
        return [answer(seen.found, of_face=False), *faces]
    if not seen.found:
        return ["No face was found"]
    if not hasattr(seen.found[0], "top"):
        return ["1 face" if len(seen.found) == 1 else f"{len(seen.found)} faces"]
    several = len(seen.found) > 1
    told = [
        f"{f'{number}. ' if several else ''}{answer(entry, of_face=True)}"
        for number, entry in enumerate(seen.found[:NAMED], start=1)
    ]
    return told if len(seen.found) <= NAMED else [*told, f"and {len(seen.found) - NAMED} more faces"]


def answer(entry: Recognition, *, of_face: bool) -> str:
    """Who or what it is, in Markdown."""
    name, probability = entry.top[0]
    said = f"{plain(as_name(name))} :small[{percent(probability)}]"
    if entry.decision == "unknown":
        return f":orange[:material/help:] Unknown, :small[most alike: {plain(as_name(name))}]"
    if entry.decision is None and of_face:
        return f"Most alike: {said}"
    return f"**{plain(as_name(name))}** :small[{percent(probability)}]"


def _faces_of_people(count: int) -> str:
    return f":small[:material/face: {'1 face is' if count == 1 else f'{count} faces are'} in it]"
