"""MTCNN: from photos to faces with five landmarks.

The cascade of Zhang et al. 2016 (arXiv:1604.02878): an image pyramid through P-Net, the surviving windows through
R-Net and O-Net, with corrections and non-maximum suppression after each. Photos of any sizes go together: pyramid
levels are padded to a coarse grid of sizes and stacked with those of the other photos, so a stream of differently
sized photos meets few shapes.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from kerasface.models import mtcnn
from kerasface.models.runtime import compile_network

PYRAMID_FACTOR = 0.709
# Canvases are padded to multiples of this many pixels: fewer shapes against wasted area.
_GRID = 32
# Pixels of the canvases given to P-Net at once: bounds its memory at about 50 MB.
_STACK_PIXELS = 500_000
_GREY = 128  # zero after preprocessing


@dataclass(frozen=True, eq=False)
class Face:
    """One detected face.

    Attributes:
        box: x, y of the upper left corner, width and height, in pixels of the photo, cut at its border.
        landmarks: `(5, 2)` float32, x and y in pixels: left eye, right eye, nose, left and right corner of the mouth,
            left and right as seen in the photo.
        detection_score: Probability in `[0, 1]` that this is a face, as O-Net sees it.
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    detection_score: float

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return self.box[2] * self.box[3]

    def to_dict(self) -> dict:
        """Returns the face as JSON-ready values, positions rounded to 0.01 pixels."""
        return {
            "box": [round(value, 2) for value in self.box],
            "landmarks": [[round(float(x), 2), round(float(y), 2)] for x, y in self.landmarks],
            "detection_score": round(self.detection_score, 4),
        }


class FaceDetector:
    """Finds faces with MTCNN.

    Args:
        min_face_size: Side of the smallest face looked for, in pixels, at least 12. `None` looks down to 20 pixels or
            1/40 of the photo's longer side, whichever is more: a photo of 12 megapixels then costs about as much
            as one of one megapixel.
        thresholds: Probabilities from which P-Net, R-Net and O-Net let a window pass.

    Raises:
        ModelFileError: If a weight file is missing or altered.
        ValueError: If an argument is out of range.
    """

    def __init__(self, min_face_size: float | None = None, thresholds: tuple[float, float, float] = (0.6, 0.7, 0.8)):
        if min_face_size is not None and min_face_size < mtcnn.PNET_CELL:
            raise ValueError(f"min_face_size must be at least 12 pixels. Received: min_face_size={min_face_size}.")
        if len(thresholds) != 3 or not all(0 < value < 1 for value in thresholds):
            raise ValueError(f"thresholds must be three numbers in (0, 1). Received: thresholds={thresholds}.")
        self.min_face_size = min_face_size
        self.thresholds = thresholds
        self._pnet = compile_network(mtcnn.build_pnet(), max_batch=64)
        self._rnet = compile_network(mtcnn.build_rnet(), max_batch=512)
        self._onet = compile_network(mtcnn.build_onet(), max_batch=128)

    @property
    def fingerprint(self) -> str:
        """Settings in one string: crops are comparable, and caches valid, where it is equal."""
        smallest = "auto" if self.min_face_size is None else f"{self.min_face_size:g}"
        return f"mtcnn-2-{smallest}-" + "-".join(f"{value:g}" for value in self.thresholds)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        """Finds all faces of every photo.

        Args:
            images: RGB photos, each `(height, width, 3)` uint8; sizes may differ.

        Returns:
            For each photo its faces, largest first; an empty list where there is none.

        Raises:
            ValueError: If an image has another shape or dtype.
        """
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ValueError(
                    "Photos must be uint8 arrays (height, width, 3). "
                    f"Received: shape={image.shape}, dtype={image.dtype}."
                )
        windows = self._propose(images)
        windows = self._refine(images, windows)
        return self._finish(images, windows)

    def _propose(self, images) -> list[np.ndarray]:
        """P-Net: returns per photo windows `(n, 5)`: left, top, right, bottom, probability."""
        pyramids = [_packed(_pyramid(image, self.min_face_size or _automatic_min_face_size(image))) for image in images]
        by_shape = defaultdict(list)
        for index, (canvas, _) in enumerate(pyramids):
            by_shape[canvas.shape].append(index)
        windows: list[np.ndarray] = [np.zeros((0, 5))] * len(images)
        for shape, indices in by_shape.items():
            step = max(1, _STACK_PIXELS // (shape[0] * shape[1]))
            for some in (indices[start : start + step] for start in range(0, len(indices), step)):
                outputs = self._maps(np.stack([pyramids[index][0] for index in some]))
                for index, probability, offsets in zip(some, *outputs, strict=True):
                    windows[index] = self._windows(images[index], pyramids[index][1], probability, offsets)
        return windows

    def _maps(self, canvases: np.ndarray) -> tuple[np.ndarray, ...]:
        """P-Net's outputs, computed in overlapping strips where one canvas alone would take too much memory."""
        height, width = canvases.shape[1:3]
        rows = max(_GRID, 4 * _STACK_PIXELS // width // _GRID * _GRID)
        if height <= rows:
            return self._pnet(canvases)
        overlap = mtcnn.PNET_CELL - mtcnn.PNET_STRIDE
        strips = [self._pnet(canvases[:, top : top + rows + overlap]) for top in range(0, height, rows)]
        return tuple(np.concatenate(maps, axis=1) for maps in zip(*strips, strict=True))

    def _windows(self, image, places, probability, offsets) -> np.ndarray:
        """Reads one photo's windows off P-Net's maps; `places` are x, y, width, height of each level on the canvas."""
        found = [np.zeros((0, 5))]
        for place in places:
            # Only windows that lie wholly inside the level, none that see its neighbours.
            left, top = (corner // mtcnn.PNET_STRIDE for corner in place[:2])
            cols, rows = ((extent - mtcnn.PNET_CELL) // mtcnn.PNET_STRIDE + 1 for extent in place[2:])
            inside = np.s_[top : top + rows, left : left + cols]
            y, x = np.nonzero(probability[inside] > self.thresholds[0])
            corner = np.stack([x, y], axis=1) * float(mtcnn.PNET_STRIDE)
            windows = np.hstack([corner, corner + mtcnn.PNET_CELL]) + offsets[inside][y, x] * mtcnn.PNET_CELL
            windows *= np.tile(np.divide(image.shape[1::-1], place[2:]), 2)
            found.append(_suppress(np.column_stack([windows, probability[inside][y, x]]), 0.5))
        return _suppress(np.concatenate(found), 0.7)

    def _refine(self, images, windows) -> list[np.ndarray]:
        """R-Net: corrects the windows and drops those that are no faces."""
        squares, patches, owners = _cut_all(images, windows, mtcnn.RNET_SIZE)
        probability, offsets = self._rnet(patches)
        corrected = np.column_stack([_corrected(squares, offsets), probability])
        passed = probability > self.thresholds[1]
        return [_suppress(corrected[passed & (owners == index)], 0.7) for index in range(len(images))]

    def _finish(self, images, windows) -> list[list[Face]]:
        """O-Net: corrects the windows once more and places the landmarks."""
        squares, patches, owners = _cut_all(images, windows, mtcnn.ONET_SIZE)
        probability, offsets, landmarks = self._onet(patches)
        sides = squares[:, 2:3] - squares[:, 0:1], squares[:, 3:4] - squares[:, 1:2]
        points = np.stack(
            [squares[:, 0:1] + landmarks[:, :5] * sides[0], squares[:, 1:2] + landmarks[:, 5:] * sides[1]], axis=2
        )
        rows = np.column_stack([_corrected(squares, offsets), probability, points.reshape(-1, 10)])
        passed = probability > self.thresholds[2]
        return [
            _faces(_suppress(rows[passed & (owners == index)], 0.7, by_smaller=True), image.shape)
            for index, image in enumerate(images)
        ]


def central_face(faces: Sequence[Face], image_shape: tuple[int, ...]) -> Face:
    """Returns the face whose centre is nearest the centre of the photo, as the LFW protocol has it.

    Raises:
        ValueError: If there is no face.
    """
    if not faces:
        raise ValueError("central_face needs at least one face. Received: none.")
    centre = np.array(image_shape[1::-1]) / 2
    return min(faces, key=lambda face: float(np.linalg.norm(np.add(face.box[:2], np.divide(face.box[2:], 2)) - centre)))


def _automatic_min_face_size(image: np.ndarray) -> float:
    return max(20.0, max(image.shape[:2]) / 40)


def _pyramid(image: np.ndarray, min_face_size: float) -> list[np.ndarray]:
    """Returns the photo at the scales at which faces from `min_face_size` up to its own size fill P-Net's window."""
    levels: list[np.ndarray] = []
    scale = mtcnn.PNET_CELL / min_face_size
    while min(extents := [round(extent * scale) for extent in image.shape[:2]]) >= mtcnn.PNET_CELL:
        # Averaging areas of a level about twice as large costs a fraction of starting from the photo each time.
        source = next((level for level in reversed(levels) if min(level.shape[:2]) >= 1.9 * min(extents)), image)
        interpolation = cv2.INTER_AREA if extents[0] < source.shape[0] else cv2.INTER_LINEAR
        levels.append(cv2.resize(source, extents[::-1], interpolation=interpolation))
        scale *= PYRAMID_FACTOR
    return levels


def _packed(levels: list[np.ndarray]) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """Lays the levels of a pyramid side by side on one canvas, so that P-Net runs once per photo.

    Returns:
        The canvas, its sides multiples of `_GRID`, and x, y, width, height of each level on it; x and y are even, as
        P-Net's stride wants.
    """
    places, columns, width = [], [], 0  # a column is [x, height used]
    for level in levels:
        rows, cols = level.shape[:2]
        column = next((column for column in columns if column[1] + rows <= levels[0].shape[0]), None)
        if column is None:
            column = [width, 0]
            columns.append(column)
            width += cols + cols % 2
        places.append((column[0], column[1], cols, rows))
        column[1] += rows + rows % 2
    height = levels[0].shape[0] if levels else 1
    sides = [-(-max(extent, 1) // _GRID) * _GRID for extent in (height, width)]
    canvas = np.full((*sides, 3), _GREY, dtype=np.uint8)
    for level, (x, y, cols, rows) in zip(levels, places, strict=True):
        canvas[y : y + rows, x : x + cols] = level
    return canvas, places


def _cut_all(images, windows, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cuts the squares around all windows of all photos.

    Returns:
        The squares cut `(n, 4)`, whole pixels: left, top, right, bottom; the patches `(n, size, size, 3)` uint8; and
        the index of the photo of each `(n,)`.
    """
    squares = [_squared(rows) for rows in windows]
    owners = np.repeat(np.arange(len(images)), [len(rows) for rows in squares])
    squares = np.concatenate(squares) if squares else np.zeros((0, 4), dtype=int)
    patches = np.empty((len(squares), size, size, 3), dtype=np.uint8)
    for patch, owner, square in zip(patches, owners, squares, strict=True):
        patch[:] = _cut(images[owner], square, size)
    return squares, patches, owners


def _squared(windows: np.ndarray) -> np.ndarray:
    """Returns the smallest squares of whole pixels with the windows' centres and longer sides."""
    centres = (windows[:, :2] + windows[:, 2:4]) / 2
    sides = np.maximum(np.max(windows[:, 2:4] - windows[:, :2], axis=1, initial=1), 1)[:, None]
    corner = np.rint(centres - sides / 2)
    return np.concatenate([corner, corner + np.rint(sides)], axis=1).astype(int)


def _cut(image: np.ndarray, square: np.ndarray, size: int) -> np.ndarray:
    left, top, right, bottom = square
    height, width = image.shape[:2]
    inside = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left < 0 or top < 0 or right > width or bottom > height:
        patch = np.full((bottom - top, right - left, 3), _GREY, dtype=np.uint8)
        y, x = max(-top, 0), max(-left, 0)
        patch[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
        inside = patch
    interpolation = cv2.INTER_AREA if right - left > size else cv2.INTER_LINEAR
    return cv2.resize(inside, (size, size), interpolation=interpolation)


def _corrected(squares: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    extents = squares[:, 2:] - squares[:, :2]
    return squares + offsets * np.tile(extents, (1, 2))


def _suppress(rows: np.ndarray, max_overlap: float, by_smaller: bool = False) -> np.ndarray:
    """Greedy non-maximum suppression.

    Args:
        rows: `(n, 5 or more)`: left, top, right, bottom, probability, and whatever goes along.
        max_overlap: Rows that overlap a more probable one by more are dropped.
        by_smaller: Overlap as a fraction of the smaller box instead of the union (as after O-Net).

    Returns:
        The rows kept, most probable first.
    """
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    if len(rows) < 2:
        return rows
    lower, upper = rows[:, :2], rows[:, 2:4]
    areas = np.prod(upper - lower, axis=1)
    sides = np.minimum(upper[:, None], upper) - np.maximum(lower[:, None], lower)
    shared = np.maximum(sides[..., 0], 0) * np.maximum(sides[..., 1], 0)
    whole = np.minimum(areas[:, None], areas) if by_smaller else areas[:, None] + areas - shared
    overlaps = shared > max_overlap * whole
    alive = np.ones(len(rows), dtype=bool)
    for index in range(len(rows)):
        if alive[index]:
            alive[index + 1 :] &= ~overlaps[index, index + 1 :]
    return rows[alive]


def _faces(rows: np.ndarray, image_shape: tuple[int, ...]) -> list[Face]:
    """Makes faces of O-Net's rows, largest first; a box wholly outside the photo is none."""
    rows[:, 0:4:2] = rows[:, 0:4:2].clip(0, image_shape[1])
    rows[:, 1:4:2] = rows[:, 1:4:2].clip(0, image_shape[0])
    faces = [
        Face(
            box=(float(left), float(top), float(right - left), float(bottom - top)),
            landmarks=np.reshape(points, (5, 2)).astype(np.float32),
            detection_score=float(score),
        )
        for left, top, right, bottom, score, *points in rows
        if right > left and bottom > top
    ]
    return sorted(faces, key=lambda face: -face.area)
