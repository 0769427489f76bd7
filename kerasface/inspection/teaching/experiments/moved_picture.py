"""A picture that is moved: its maps move with it, pooling lets small moves pass, and what flattens the map does not."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn.linear_model import LogisticRegression

from kerasface.data.samples import read_digits
from kerasface.inspection.teaching.basics import KERNELS, convolve
from kerasface.inspection.teaching.worked.unpooling import max_pool
from kerasface.inspection.threads import OneThread

SIDE, DIGIT = 18, 8  # pixels of the canvas and of a digit
MOST = 3  # pixels that it is moved at most: so a kernel of 3 x 3 still sees all of it
_FILTERS, _FILTER_SIDE = 48, 5
_TRAINED, _JUDGED = 1000, 250  # digits


@dataclass(frozen=True, eq=False)
class MovedPicture:
    """A picture and what it looks like moved, before and after a convolution and pooling.

    Attributes:
        picture: `(18, 18)`.
        moved: The same ink elsewhere.
        answer: Of the kernel on the picture, `(16, 16)`.
        moved_answer: Of the kernel on the moved picture.
        answer_moved: The first answer, moved by as much: what equivariance promises.
        pooled: Answer after max pooling of 2 x 2, `(8, 8)`.
        moved_pooled: That of the moved picture.
    """

    picture: np.ndarray
    moved: np.ndarray
    answer: np.ndarray
    moved_answer: np.ndarray
    answer_moved: np.ndarray
    pooled: np.ndarray
    moved_pooled: np.ndarray

    @property
    def difference(self) -> float:
        """Largest difference between the answer to the moved picture and the moved answer: 0."""
        return float(np.abs(self.moved_answer - self.answer_moved).max())

    @property
    def pooled_unchanged(self) -> float:
        """Share of the pooled numbers above 0 that still stand where they stood, within a tenth."""
        before = self.pooled > 0
        same = np.abs(self.moved_pooled - self.pooled) <= 0.1 * np.abs(self.pooled)
        return float((same & before).sum() / max(before.sum(), 1))

    @property
    def alike_flattened(self) -> float:
        """Cosine between the two answers as flat rows of numbers: what a dense layer behind them compares."""
        a, b = self.answer.ravel(), self.moved_answer.ravel()
        return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-12))

    @property
    def means(self) -> tuple[float, float]:
        """Mean of each answer over all places, as global average pooling takes it: the same."""
        return float(self.answer.mean()), float(self.moved_answer.mean())


def on_canvas(digit: np.ndarray, down: int = 0, right: int = 0) -> np.ndarray:
    """Lays a digit `(8, 8)` in the middle of an empty canvas `(18, 18)`, moved by so many pixels.

    Raises:
        ValueError: If it is moved by more than `MOST` pixels.
    """
    if max(abs(down), abs(right)) > MOST:
        raise ValueError(f"A digit is moved by at most {MOST} pixels. Received: down={down}, right={right}.")
    canvas = np.zeros((SIDE, SIDE))
    top, left = (SIDE - DIGIT) // 2 + down, (SIDE - DIGIT) // 2 + right
    canvas[top : top + DIGIT, left : left + DIGIT] = digit
    return canvas


def move_picture(digit: int, down: int, right: int, kernel: str = "Upright edges") -> MovedPicture:
    """Moves one of the digits 0 to 9 and lays a kernel on it, before and after.

    Args:
        digit: From 0 to 9.
        down: Pixels downwards, from -3 to 3.
        right: Pixels to the right.
        kernel: One of `basics.KERNELS`; what is below 0 in its answer becomes 0, as ReLU does.

    Raises:
        ValueError: If an argument is out of range.
    """
    if not 0 <= digit <= 9 or kernel not in KERNELS:
        raise ValueError(f"Digits are 0 to 9, kernels {', '.join(KERNELS)}. Received: {digit}, kernel={kernel!r}.")
    ink = read_digits().images[digit]  # the data begin with 0 to 9
    picture, moved = on_canvas(ink), on_canvas(ink, down, right)
    answer, moved_answer = (np.maximum(convolve(each, KERNELS[kernel]), 0) for each in (picture, moved))
    # What comes in from beyond the edge is empty canvas: nothing is lost, so a move is a roll.
    answer_moved = np.roll(answer, (down, right), axis=(0, 1))
    pooled, moved_pooled = (max_pool(each).values for each in (answer, moved_answer))
    return MovedPicture(picture, moved, answer, moved_answer, answer_moved, pooled, moved_pooled)


@cache
@OneThread()
def accuracies_by_move(seed: int = 0) -> dict[str, tuple[float, ...]]:
    """Trains two linear classifiers on digits in the middle, and judges them on digits that are moved.

    One sees the flattened pixels; the other the mean over all places of what 48 random kernels of 5 x 5 answer. It
    takes about a second.

    Returns:
        `flattened` and `averaged`: accuracy for moves to the right by 0 to 3 pixels.
    """
    data = read_digits()
    kernels = np.random.default_rng(seed).normal(size=(_FILTERS, _FILTER_SIDE, _FILTER_SIDE))

    def pictures(part: slice, right: int) -> np.ndarray:
        return np.stack([on_canvas(ink, 0, right) for ink in data.images[part]]) / 16

    def averaged(canvases: np.ndarray) -> np.ndarray:
        border = (_FILTER_SIDE - 1) // 2  # so that every kernel comes to all of the ink
        padded = np.pad(canvases, ((0, 0), (border, border), (border, border)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (_FILTER_SIDE, _FILTER_SIDE), axis=(1, 2))
        answers = np.maximum(np.tensordot(windows, kernels, ((3, 4), (1, 2))), 0)  # (digits, places, places, filters)
        return answers.mean(axis=(1, 2))

    def flattened(canvases: np.ndarray) -> np.ndarray:
        return canvases.reshape(len(canvases), -1)

    train, judge = slice(0, _TRAINED), slice(_TRAINED, _TRAINED + _JUDGED)
    found = {}
    for name, features in (("flattened", flattened), ("averaged", averaged)):
        x = features(pictures(train, 0))
        mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
        model = LogisticRegression(max_iter=100, tol=1e-2).fit((x - mean) / deviation, data.target[train])
        found[name] = tuple(
            float(model.score((features(pictures(judge, right)) - mean) / deviation, data.target[judge]))
            for right in range(MOST + 1)
        )
    return found


def map_difference(maps: np.ndarray, moved_maps: np.ndarray, cells: int, border: int) -> float:
    """Returns how much the maps of a picture whose content went to the left differ from the maps moved as far.

    Args:
        maps: Of the picture, `(rows, cols, channels)`.
        moved_maps: Of the moved picture, of the same shape.
        cells: Columns that the content should have moved to the left.
        border: Cells at each side that are left out: there the network sees the edge of the picture.

    Returns:
        Mean difference by mean size: 0 where they are the same.

    Raises:
        ValueError: If the shapes differ or nothing is left between the borders.
    """
    rows, cols = maps.shape[:2]
    if maps.shape != moved_maps.shape or min(rows, cols - cells) <= 2 * border or cells < 0:
        raise ValueError(
            "Maps need one shape, and cells between their borders. "
            f"Received: {maps.shape} and {moved_maps.shape}, cells={cells}, border={border}."
        )
    inside = slice(border, rows - border)
    before = maps[inside, border + cells : cols - border]
    after = moved_maps[inside, border : cols - border - cells]
    return float(np.abs(after - before).mean() / max(np.abs(before).mean(), 1e-12))
