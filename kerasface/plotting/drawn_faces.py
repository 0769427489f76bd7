"""Draws numbers as faces, so that people who do not exist can be told apart by eye."""

import cv2
import numpy as np

NUM_TRAITS = 8
_SIDE = 150  # pixels, that of an aligned crop
_DETAIL = 4  # pixels drawn for each pixel of the picture
_SKIN = np.array([[255, 224, 196], [232, 184, 140], [190, 132, 90], [120, 78, 52]], dtype=np.float64)
_HAIR = np.array([[60, 42, 30], [120, 72, 36], [205, 160, 88], [150, 150, 150]], dtype=np.float64)
_BACKGROUND, _INK, _LIPS = (214, 224, 222), (38, 34, 32), (176, 72, 72)


def draw_face(traits: np.ndarray, blur: float = 0.0) -> np.ndarray:
    """Draws a face of which every number moves one trait a little: near numbers, faces alike.

    Args:
        traits: Eight numbers, most of them in `[-2, 2]`; what lies beyond looks like its end. In this order: width of
            the face, colour of skin, colour of hair, height of the hair, distance and size of the eyes, slant of the
            brows, width of the mouth, its curve.
        blur: Standard deviation of a blur in pixels.

    Returns:
        RGB uint8, `(150, 150, 3)`.

    Raises:
        ValueError: If there are not eight numbers.

    Reference:
        Chernoff, "The Use of Faces to Represent Points in k-Dimensional Space Graphically", Journal of the American
        Statistical Association 1973.
    """
    traits = np.asarray(traits, dtype=np.float64)
    if traits.shape != (NUM_TRAITS,):
        raise ValueError(f"A face has {NUM_TRAITS} traits. Received: shape {traits.shape}.")
    width, skin, hair, fringe, eyes, brows, mouth, smile = np.clip(traits, -2, 2) / 2  # [-1, 1]
    picture = np.full((_SIDE * _DETAIL, _SIDE * _DETAIL, 3), _BACKGROUND, dtype=np.uint8)
    skin, hair = _mixed(_SKIN, skin), _mixed(_HAIR, hair)
    half = 44 + 10 * width
    _oval(picture, (75, 70), (half + 7, 60), hair)
    _oval(picture, (75, 82), (half, 56), skin)
    _oval(picture, (75, 30 + 5 * fringe), (half * 0.86, 15 + 5 * fringe), hair)
    for side in (-1, 1):
        x, size = 75 + side * (18 + 4 * eyes), 5.5 + 2 * eyes
        _oval(picture, (x, 74), (size * 1.4, size), (250, 250, 250))
        _oval(picture, (x, 74), (size * 0.6, size * 0.75), _INK)
        _line(picture, [(x - side * 9, 60 + 5 * brows), (x + side * 10, 60 - 4 * brows)], hair * 0.7, 3)
    _line(picture, [(75, 80), (71, 97), (78, 98)], skin * 0.72, 2)
    reach, bend = 16 + 8 * mouth, 9 * smile
    steps = np.linspace(-1, 1, 15)
    _line(picture, [(75 + reach * step, 114 + bend * (0.6 - step**2)) for step in steps], _LIPS, 4)
    picture = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(picture, (0, 0), blur) if blur > 0 else picture


def _mixed(colors: np.ndarray, position: float) -> np.ndarray:
    """The colour at a position in [-1, 1] along a row of colours."""
    along = (position + 1) / 2 * (len(colors) - 1)
    return np.array([np.interp(along, np.arange(len(colors)), channel) for channel in colors.T])


def _oval(picture: np.ndarray, centre, half_axes, color) -> None:
    axes = tuple(max(1, round(_DETAIL * value)) for value in half_axes)
    cv2.ellipse(picture, _place(centre), axes, 0, 0, 360, [float(value) for value in color], -1, cv2.LINE_AA)


def _line(picture: np.ndarray, points, color, thickness: int) -> None:
    corners = np.array([_place(point) for point in points], dtype=np.int32)
    color = [float(value) for value in color]
    cv2.polylines(picture, [corners], isClosed=False, color=color, thickness=thickness * _DETAIL, lineType=cv2.LINE_AA)


def _place(point) -> tuple[int, int]:
    return round(_DETAIL * float(point[0])), round(_DETAIL * float(point[1]))
