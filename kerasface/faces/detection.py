"""MTCNN: from photos to faces with five landmarks.

The cascade of Zhang et al. 2016 (arXiv:1604.02878): an image pyramid through P-Net, the surviving windows through
R-Net and O-Net, with corrections after each. Windows are suppressed after P-Net; of those that pass R-Net all but near
copies go on to O-Net, and what it says of one face from different windows is averaged. Photos of any sizes go together:
the levels of each photo's pyramid lie on one canvas, canvases come in a coarse grid of sizes, and those of one size are
stacked, so a stream of differently sized photos meets few shapes.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from kerasface.arrays import check_images
from kerasface.models import mtcnn
from kerasface.models.runtime import compile_network

PYRAMID_FACTOR = 0.709
# Canvases are padded to multiples of this many pixels: fewer shapes against wasted area.
_GRID = 32
# Pixels of the canvases given to P-Net at once: bounds its memory at about 50 MB.
_STACK_PIXELS = 500_000
_GREY = 128  # zero after preprocessing
_RIVAL_AREA = 0.5


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
        thresholds: Probabilities from which P-Net, R-Net and O-Net let a window pass; the defaults are the paper's.

    Raises:
        ModelFileError: If a weight file is missing or altered.
        ValueError: If an argument is out of range.
    """

    def __init__(self, min_face_size: float | None = None, thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)):
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
        return f"mtcnn-7-{smallest}-" + "-".join(f"{value:g}" for value in self.thresholds)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        """Finds all faces of every photo.

        Args:
            images: RGB photos, each `(height, width, 3)` uint8; sizes may differ.

        Returns:
            For each photo its faces, largest first; an empty list where there is none.

        Raises:
            ValueError: If an image has another shape or dtype.
        """
        check_images(images)
        photos = [_halvings(image) for image in images]
        windows = self._propose(photos)
        windows = self._refine(photos, windows)
        return self._finish(photos, windows)

    def _propose(self, photos) -> list[np.ndarray]:
        """P-Net: returns per photo windows `(n, 5)`: left, top, right, bottom, probability."""
        pyramids = [
            _packed(_pyramid(halvings, self.min_face_size or _automatic_min_face_size(halvings[0])))
            for halvings in photos
        ]
        by_shape = defaultdict(list)
        for index, (canvas, _) in enumerate(pyramids):
            by_shape[canvas.shape].append(index)
        windows: list[np.ndarray] = [np.zeros((0, 5))] * len(photos)
        for shape, indices in by_shape.items():
            step = max(1, _STACK_PIXELS // (shape[0] * shape[1]))
            for some in (indices[start : start + step] for start in range(0, len(indices), step)):
                outputs = self._maps(np.stack([pyramids[index][0] for index in some]))
                for index, probability, offsets in zip(some, *outputs, strict=True):
                    windows[index] = self._windows(photos[index][0], pyramids[index][1], probability, offsets)
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

    def _refine(self, photos, windows) -> list[np.ndarray]:
        """R-Net: corrects the windows and drops those that are no faces."""
        squares, patches, owners = _cut_all(photos, windows, mtcnn.RNET_SIZE)
        probability, offsets = self._rnet(patches)
        corrected = np.column_stack([_corrected(squares, offsets), probability])
        passed = probability > self.thresholds[1]
        # Not the best alone: each is one more view of the face to average after O-Net. Only near copies are dropped:
        # at 0.85 a third fewer go on to O-Net, and the faces found are the same.
        return [_suppress(corrected[passed & (owners == index)], 0.85) for index in range(len(photos))]

    def _finish(self, photos, windows) -> list[list[Face]]:
        """O-Net: corrects the windows once more and places the landmarks."""
        squares, patches, owners = _cut_all(photos, windows, mtcnn.ONET_SIZE)
        probability, offsets, landmarks = self._onet(patches)
        sides = squares[:, 2:3] - squares[:, 0:1], squares[:, 3:4] - squares[:, 1:2]
        points = np.stack(
            [squares[:, 0:1] + landmarks[:, :5] * sides[0], squares[:, 1:2] + landmarks[:, 5:] * sides[1]], axis=2
        )
        rows = np.column_stack([_corrected(squares, offsets), probability, points.reshape(-1, 10)])
        passed = probability > self.thresholds[2]
        return [
            _faces(_averaged(rows[passed & (owners == index)]), halvings[0].shape)
            for index, halvings in enumerate(photos)
        ]


def central_face(faces: Sequence[Face], image_shape: tuple[int, ...]) -> Face:
    """Returns the face whose centre is nearest the centre of the photo, as the LFW protocol has it.

    Faces of less than a quarter of the largest one's area are passed over: people in the background, and most of what
    is no face at all.

    Raises:
        ValueError: If there is no face.
    """
    if not faces:
        raise ValueError("central_face needs at least one face. Received: none.")
    centre = np.array(image_shape[1::-1]) / 2
    smallest = max(face.area for face in faces) / 4
    return min(
        (face for face in faces if face.area >= smallest),
        key=lambda face: float(np.linalg.norm(np.add(face.box[:2], np.divide(face.box[2:], 2)) - centre)),
    )


def none_stands_out(faces: Sequence[Face]) -> bool:
    """Whether it is open which face a photo is about: the second largest has half of the largest one's area or more.

    Args:
        faces: Largest first, as `FaceDetector.detect` gives them.
    """
    return len(faces) > 1 and faces[1].area >= _RIVAL_AREA * faces[0].area


def _automatic_min_face_size(image: np.ndarray) -> float:
    return max(20.0, max(image.shape[:2]) / 40)


def _halvings(image: np.ndarray) -> list[np.ndarray]:
    """Returns the photo, its half, its quarter and so on, down to the smallest that P-Net can take.

    Levels of the pyramid and patches are cut from the one nearest in size: averaging 2 x 2 pixels is many times faster
    than averaging other areas, and sampling from a photo shrunk already does not alias.
    """
    halvings = [image]
    while min(halvings[-1].shape[:2]) >= 2 * mtcnn.PNET_CELL:
        height, width = halvings[-1].shape[:2]
        halvings.append(cv2.resize(halvings[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return halvings


def _pyramid(halvings: list[np.ndarray], min_face_size: float) -> list[np.ndarray]:
    """Returns the photo at the scales at which faces from `min_face_size` up to its own size fill P-Net's window."""
    levels: list[np.ndarray] = []
    scale = mtcnn.PNET_CELL / min_face_size
    while min(extents := [round(extent * scale) for extent in halvings[0].shape[:2]]) >= mtcnn.PNET_CELL:
        source = next((half for half in reversed(halvings) if min(half.shape[:2]) >= min(extents)), halvings[0])
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


def _cut_all(photos, windows, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cuts the squares around all windows of all photos.

    Returns:
        The squares cut `(n, 4)`: left, top, right, bottom; the patches `(n, size, size, 3)` uint8; and the index of
        the photo of each `(n,)`.
    """
    squares = [_squared(rows) for rows in windows]
    owners = np.repeat(np.arange(len(photos)), [len(rows) for rows in squares])
    squares = np.concatenate(squares) if squares else np.zeros((0, 4))
    patches = np.empty((len(squares), size, size, 3), dtype=np.uint8)
    for patch, owner, square in zip(patches, owners, squares, strict=True):
        patch[:] = _cut(photos[owner], square, size)
    return squares, patches, owners


def _squared(windows: np.ndarray) -> np.ndarray:
    """Returns the smallest squares with the windows' centres that cover their longer sides, at least a pixel wide."""
    centres = (windows[:, :2] + windows[:, 2:4]) / 2
    halves = np.max(windows[:, 2:4] - windows[:, :2], axis=1, initial=1)[:, None] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def _cut(halvings: list[np.ndarray], square: np.ndarray, size: int) -> np.ndarray:
    """Samples one square, of any position and side, from the halving in which it has up to four times `size` pixels.

    Four, because the published weights were made for patches sampled like this from the photo itself.
    """
    left, top, right, _ = square
    step = (right - left) / size  # pixels of the photo between two of the patch
    level = min(max(0, math.ceil(math.log2(step / 4))), len(halvings) - 1)
    scale_x, scale_y = (a / b for a, b in zip(halvings[level].shape[1::-1], halvings[0].shape[1::-1], strict=True))
    # Pixel u of the patch has its centre at left + (u + 0.5) * step; pixel centres lie at halves.
    to_photo = np.array(
        [
            (step * scale_x, 0, (left + step / 2) * scale_x - 0.5),
            (0, step * scale_y, (top + step / 2) * scale_y - 0.5),
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(halvings[level], to_photo, (size, size), flags=flags, borderValue=(_GREY,) * 3)


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
    overlaps = _overlap(rows, rows, max_overlap, by_smaller)
    alive = np.ones(len(rows), dtype=bool)
    for index in range(len(rows)):
        if alive[index]:
            alive[index + 1 :] &= ~overlaps[index, index + 1 :]
    return rows[alive]


def _overlap(rows: np.ndarray, others: np.ndarray, max_overlap: float, by_smaller: bool = False) -> np.ndarray:
    """Tells which boxes overlap by more than `max_overlap`, shape `(len(rows), len(others))`; see `_suppress`."""
    areas, other_areas = (np.prod(np.maximum(boxes[:, 2:4] - boxes[:, :2], 0), axis=1) for boxes in (rows, others))
    lower = np.maximum(rows[:, None, :2], others[:, :2])
    upper = np.minimum(rows[:, None, 2:4], others[:, 2:4])
    shared = np.prod(np.maximum(upper - lower, 0), axis=2)
    areas = areas[:, None]
    whole = np.minimum(areas, other_areas) if by_smaller else areas + other_areas - shared
    return shared > max_overlap * whole


def _averaged(rows: np.ndarray) -> np.ndarray:
    """Makes one row per face of all rows that O-Net gave: the mean of those that overlap the most probable one.

    O-Net is sure of a face from every window near it, with probabilities such as 0.9993 and 0.9991 and boxes that
    differ by a tenth of their side. Which of them comes first is chance; their mean, weighted by probability, is not.

    Args:
        rows: `(n, 5 or more)`: left, top, right, bottom, probability, and further positions.

    Returns:
        One row per face with its highest probability, most probable first.
    """
    faces = _suppress(rows, 0.7, by_smaller=True)
    for face, same in zip(faces, _overlap(faces, rows, 0.5), strict=True):
        if same.any():  # a box without area overlaps not even itself
            score = face[4]
            face[:] = np.average(rows[same], axis=0, weights=rows[same, 4])
            face[4] = score
    return faces


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
