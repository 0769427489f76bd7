"""Numbered boxes and coloured masks on a photo, readable at any photo size."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from kerasface.arrays import check_image

if TYPE_CHECKING:
    from kerasface.faces.detection import Face

CHOSEN = (64, 224, 190)  # RGB
OTHER = (250, 176, 92)
_INK = (12, 24, 22)


def draw_faces(
    image: np.ndarray, faces: Sequence[Face], *, chosen: Collection[int] | None = None, longest_side: int = 1000
) -> np.ndarray:
    """Draws every face's box, landmarks and number, 1 for the first face.

    The photo is first brought to the size at which it is shown, so that lines and numbers come out equally wide and
    crisp on a thumbnail and on 64 megapixels.

    Args:
        image: RGB uint8, shape `(H, W, 3)`.
        faces: Faces of this photo; boxes and landmarks in its pixels.
        chosen: Indices into `faces` that are drawn in the leading colour; all of them by default.
        longest_side: Longer side of the result in pixels, at least 64.

    Returns:
        A new RGB uint8 image, shape `(h, w, 3)`, with the photo's proportions.

    Raises:
        ValueError: If `longest_side` is below 64, or the photo has another shape or dtype.
    """
    check_image(image)
    if longest_side < 64:
        raise ValueError(
            f"The picture must be at least 64 pixels long. Received: longest_side={longest_side}. Raise it."
        )
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # INTER_AREA averages all source pixels, so a large photo does not alias.
    canvas = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    # The last face is drawn first: faces come largest first, and the main one must stay on top.
    for index in reversed(range(len(faces))):
        color = CHOSEN if chosen is None or index in chosen else OTHER
        _draw_face(canvas, faces[index], scale, str(index + 1), color)
    return canvas


def draw_mask(
    image: np.ndarray,
    mask: np.ndarray,
    colors: Sequence[tuple[int, int, int]],
    *,
    opacity: float = 0.5,
    shown: Collection[int] | None = None,
    outlines: bool = True,
) -> np.ndarray:
    """Lays the classes of a mask over a photo, each in its colour.

    Args:
        image: RGB uint8, shape `(H, W, 3)`.
        mask: Class ids, uint8, shape `(H, W)`.
        colors: R, G and B of each class, 0 to 255, by class id.
        opacity: How much the colours hide, from 0 to 1.
        shown: Ids of the classes to draw; all but 0, the background, by default.
        outlines: Whether each shown class has an opaque line along its inner edge: small parts stay visible under any
            opacity.

    Returns:
        A new RGB uint8 image, shape `(H, W, 3)`.

    Raises:
        ValueError: If the photo has another shape or dtype, mask and photo differ in size, an id has no colour, or
            `opacity` is outside `[0, 1]`.
    """
    check_image(image)
    if mask.shape != image.shape[:2] or mask.dtype != np.uint8:
        raise ValueError(
            f"The mask must be uint8 and as large as the image. Received: mask {mask.shape} {mask.dtype}, "
            f"image {image.shape}."
        )
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must lie between 0 and 1. Received: opacity={opacity}.")
    shown = range(1, len(colors)) if shown is None else shown
    if max(int(mask.max(initial=0)), *shown, 0) >= len(colors) or min(shown, default=0) < 0:
        raise ValueError(
            f"Every class needs a colour. Received: {len(colors)} colours, ids up to {mask.max(initial=0)}, "
            f"shown={list(shown)}."
        )
    tints = np.zeros((256, 3), dtype=np.uint8)
    tints[: len(colors)] = colors
    drawn = np.isin(np.arange(256), list(shown))
    line = max(1, round(max(mask.shape) / 700))
    result = np.empty_like(image, order="C")
    # A strip at a time, because all of it at once would take several times the memory of a large photo.
    for top in range(0, len(mask), 256):
        strip = slice(top, top + 256)
        colored = cv2.addWeighted(image[strip], 1 - opacity, tints[mask[strip]], opacity, 0)
        result[strip] = np.where(drawn[mask[strip]][..., None], colored, image[strip])
        if outlines:
            edges = _edges(mask, strip, line) & drawn[mask[strip]]
            result[strip][edges] = tints[mask[strip]][edges]
    return result


def mask_png(mask: np.ndarray, colors: Sequence[tuple[int, int, int]]) -> bytes:
    """Encodes a mask as a PNG file whose values are the class ids, with a palette that shows their colours.

    Args:
        mask: Class ids uint8, shape `(H, W)`.
        colors: R, G and B of each class, 0 to 255.
    """
    picture, file = Image.fromarray(mask), io.BytesIO()
    picture.putpalette([value for color in colors for value in color])
    picture.save(file, "PNG")
    return file.getvalue()


def _edges(mask: np.ndarray, rows: slice, line: int) -> np.ndarray:
    """Tells which pixels of some rows have another class within `line` pixels."""
    above = min(line, rows.start)
    near = mask[rows.start - above : rows.stop + line]
    kernel = np.ones((2 * line + 1,) * 2, dtype=np.uint8)
    return (cv2.dilate(near, kernel) != cv2.erode(near, kernel))[above:][: rows.stop - rows.start]


def _draw_face(canvas: np.ndarray, face: Face, scale: float, number: str, color: tuple[int, int, int]) -> None:
    """Draws one face onto `canvas`, whose pixels are `scale` times those of the face's photo."""
    line = max(1, round(max(canvas.shape[:2]) / 300))
    x, y, width, height = (float(value) * scale for value in face.box)
    corners = (round(x), round(y)), (round(x + width), round(y + height))
    for thickness, tint in ((line + 2, _INK), (line, color)):  # the dark edge keeps the box visible on light skin
        cv2.rectangle(canvas, *corners, tint, thickness, cv2.LINE_AA)
    for point in np.asarray(face.landmarks, dtype=float) * scale:
        centre = tuple(int(value) for value in np.rint(point))
        cv2.circle(canvas, centre, line + 2, _INK, -1, cv2.LINE_AA)
        cv2.circle(canvas, centre, line + 1, color, -1, cv2.LINE_AA)
    _draw_tag(canvas, corners[0], number, color, line)


def _draw_tag(canvas: np.ndarray, corner: tuple[int, int], number: str, color: tuple[int, int, int], line: int) -> None:
    """Draws a filled tag with `number` on top of the box's upper left corner, moved inside the picture where needed."""
    font_scale = max(0.4, max(canvas.shape[:2]) / 1200)
    thickness = max(1, round(2 * font_scale))
    (width, height), _ = cv2.getTextSize(number, cv2.FONT_HERSHEY_SIMPLEX, font_scale, thickness)
    pad = max(2, height // 3)
    tag_width, tag_height = width + 2 * pad, height + 2 * pad
    left = min(max(corner[0] - line, 0), max(canvas.shape[1] - tag_width, 0))
    top = min(max(corner[1] - tag_height, 0), max(canvas.shape[0] - tag_height, 0))
    cv2.rectangle(canvas, (left, top), (left + tag_width, top + tag_height), color, -1)
    origin = (left + pad, top + pad + height)
    cv2.putText(canvas, number, origin, cv2.FONT_HERSHEY_SIMPLEX, font_scale, _INK, thickness, cv2.LINE_AA)
