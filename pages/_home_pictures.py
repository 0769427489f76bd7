"""The pictures of the page Home: what each page makes of the sample portrait, made by the product when it is shown."""

from contextlib import suppress
from functools import cache

import cv2
import numpy as np
import streamlit as st
from PIL import Image, ImageDraw, ImageFont

from kerasface.data.samples import draw_digit
from kerasface.faces.drawing import CHOSEN
from pages._photos import sample_portrait

WIDTH, HEIGHT = 480, 320  # pixels of every picture, so that nothing moves when one takes another's place
TOP = (slice(0, 320), slice(16, 496))  # rows and columns of the portrait in which the face stands in the middle
NAME = "The astronaut"
INK = (12, 24, 22)


@cache
def plain_pictures() -> dict[str, np.ndarray]:
    """What is shown at once: the portrait as it is, or grey paper. RGB uint8 of `HEIGHT` and `WIDTH`, by page."""
    portrait = np.ascontiguousarray(sample_portrait().image[TOP])
    paper = np.full((HEIGHT, WIDTH, 3), 200, dtype=np.uint8)
    names = ("gallery", "verify", "segment", "inspect", "playground", "train")
    return {name: portrait if name in ("gallery", "segment") else paper for name in names}


@st.cache_resource(show_spinner="Making the pictures")  # of the sample portrait alone: no photo of a user is ever here
def made_pictures() -> dict[str, np.ndarray]:
    """What the networks make of the portrait; a page whose model is not there is left out.

    Raises:
        ModelFileError: If weights are missing or altered.
    """
    from kerasface import runs
    from kerasface.faces.drawing import draw_mask
    from kerasface.inspection.activations import feature_maps
    from kerasface.inspection.mosaics import feature_grid
    from kerasface.models.face_resnet import build_face_resnet_map
    from kerasface.segment import Segmenter
    from pages._models import SHIPPED_SEGMENTER, shared_analyzer

    portrait = plain_pictures()["gallery"]
    (faces,) = shared_analyzer().analyze([portrait])
    maps = feature_maps(
        build_face_resnet_map(num_stages=1), _square(portrait, faces[0].face.box), "stage1_block3_relu2"
    )
    grid = feature_grid(maps, count=6, side=WIDTH // 3, columns=3, scale="each")
    pictures = {
        "gallery": _named(portrait, faces[0].face.box),
        "verify": np.hstack([_fitted(entry.crop) for entry in _both(shared_analyzer())]),
        "inspect": cv2.resize(grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA),
        "playground": _convolved(),
        "train": _sheet([draw_digit(digit) for digit in range(6)], 3),
    }
    with suppress(runs.RunError):  # not there, and the page says how to get it
        found = Segmenter(runs.load_run(runs.DEFAULT_ROOT, SHIPPED_SEGMENTER)).segment_faces(portrait)
        pictures["segment"] = draw_mask(portrait, found.mask, found.colours, opacity=0.55)
    return pictures


def _both(analyzer) -> list:
    """The face of both sample photos as the embedder sees it."""
    photos = [sample_portrait().image, sample_portrait(close_up=True).image]
    return [faces[0] for faces in analyzer.analyze(photos)]


def _named(portrait: np.ndarray, box: tuple) -> np.ndarray:
    """A frame around the face and a name above it, as the view Who is who has them."""
    canvas = Image.fromarray(portrait)
    draw = ImageDraw.Draw(canvas)
    left, top, right, bottom = box[0], box[1], box[0] + box[2], box[1] + box[3]
    draw.rounded_rectangle((left, top, right, bottom), 6, outline=CHOSEN, width=3)
    font = ImageFont.load_default(17)
    tag = draw.textbbox((left + 6, top - 28), NAME, font=font)
    draw.rounded_rectangle((tag[0] - 7, tag[1] - 6, tag[2] + 7, tag[3] + 6), 4, fill=CHOSEN)
    draw.text((left + 6, top - 28), NAME, font=font, fill=INK)
    return np.asarray(canvas)


def _square(image: np.ndarray, box: tuple, side: int = 160) -> np.ndarray:
    """The square around a face."""
    x, y, width, height = (round(value) for value in box)
    half = max(width, height) // 2 + 10
    row, col = max(half, y + height // 2), max(half, x + width // 2)
    return cv2.resize(image[row - half : row + half, col - half : col + half], (side, side))


def _fitted(image: np.ndarray) -> np.ndarray:
    """The middle of an image in half of a picture."""
    height, width = image.shape[:2]
    wanted = min(width, round(height * WIDTH / 2 / HEIGHT))
    left = (width - wanted) // 2
    return cv2.resize(image[:, left : left + wanted], (WIDTH // 2, HEIGHT), interpolation=cv2.INTER_AREA)


def _convolved() -> np.ndarray:
    """A digit, and what two kernels make of it: green where the answer is above 0, orange where it is below."""
    from kerasface.inspection.basics import KERNELS, convolve

    digit = draw_digit(5).mean(axis=-1) / 255
    tiles = [np.stack([digit] * 3, axis=-1)]
    for name in ("Upright edges", "Level edges"):
        answer = np.pad(convolve(digit, KERNELS[name]), 1) / 4
        strength = np.clip(np.abs(answer), 0, 1)[..., None]
        tiles.append(1 - strength * (1 - np.where(answer[..., None] > 0, (0.16, 0.62, 0.5), (0.85, 0.47, 0.34))))
    return _sheet([(255 * tile).astype(np.uint8) for tile in tiles], 3)


def _sheet(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    """Small pictures in rows, in the middle of white paper."""
    side = WIDTH // columns
    large = [cv2.resize(tile, (side, side), interpolation=cv2.INTER_NEAREST) for tile in tiles]
    rows = [np.hstack(large[first : first + columns]) for first in range(0, len(large), columns)]
    sheet = np.vstack(rows)
    missing = HEIGHT - len(sheet)
    return np.pad(sheet, ((missing // 2, missing - missing // 2), (0, 0), (0, 0)), constant_values=255)
