"""MTCNN: from photos to faces with five landmarks.

The cascade of Zhang et al. 2016 (arXiv:1604.02878): an image pyramid through P-Net, the surviving windows through
R-Net and O-Net, with corrections after each. Windows are suppressed after P-Net; of those that pass R-Net all but near
copies go on to O-Net, and what it says of one face from different windows is averaged. Photos of any sizes go together:
the levels of each photo's pyramid lie on one canvas, canvases come in a coarse grid of sizes, and those of one size are
stacked, so a stream of differently sized photos meets few shapes.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasface.arrays import check_images
from kerasface.faces.pyramid import GRAY, GRID, automatic_min_face_size, halvings, packed, pyramid
from kerasface.faces.turns import TURNS, stands, turned, turned_back
from kerasface.faces.windows import averaged, corrected, cut, cut_all, overlapping, squared, suppress, zoomed
from kerasface.models import shipped
from kerasface.models.runtime import compile_network

# Pixels of the canvases given to P-Net at once: bounds its memory at about 50 MB.
_STACK_PIXELS = 500_000
_WORTH_SHARING = 30_000  # pixels of a canvas, from which its strips are computed side by side
_DOUBTFUL = 0.3  # probability from which R-Net and O-Net look at a window again
# Sides of the windows seen one after the other, as parts of what was proposed or corrected.
_LOOKS = (1, 1, 0.85, 1.17)
_WORTH_A_LOOK = 36  # pixels: the longer side of a doubted window, from which it is looked at again
_SURE = 0.95  # score from which a photo that was turned has a face; all but 0.3 % of the faces that stand have it
_CLEARLY = 3  # times as high odds: of a face turned against the same or another one as it stands
_BEYOND_DOUBT = 0.999  # score that hardly any face has that does not stand
_RIVAL_AREA = 0.5


@dataclass(frozen=True, eq=False)
class Face:
    """One detected face.

    Attributes:
        box: x, y of the upper left corner, width and height, in pixels of the photo, cut at its border.
        landmarks: `(5, 2)` float32, x and y in pixels: left eye, right eye, nose, left and right corner of the mouth,
            left and right as seen when the face stands upright.
        detection_score: Probability in `[0, 1]` that this is a face, as O-Net sees it.
        turned: By how many degrees, clockwise, the photo was turned until the face stood upright: 0, 90, 180 or 270.
            Box and landmarks are in pixels of the photo as it was given all the same.
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    detection_score: float
    turned: int = 0

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
            "turned": self.turned,
        }


def same_detection(one: str, other: str) -> bool:
    """Tells whether two detectors find the same face at the same place, by their fingerprints.

    How small a face is looked for says which ones are found, and hardly anything of where they are.
    """
    return [one.split("-")[:2], one.split("-")[3:]] == [other.split("-")[:2], other.split("-")[3:]]


class FaceDetector:
    """Finds faces with MTCNN.

    Args:
        min_face_size: Side of the smallest face looked for, in pixels, at least 12. `None` looks down to 20 pixels, in
            large photos to 1/40 of the longer side, in long ones to 1/22 of the shorter.
        thresholds: Probabilities from which P-Net, R-Net and O-Net let a window pass; the defaults are the paper's.

    Raises:
        ModelFileError: If a weight file is missing or altered.
        ValueError: If an argument is out of range.
    """

    def __init__(self, min_face_size: float | None = None, thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)):
        if min_face_size is not None and min_face_size < shipped.PNET_CELL:
            raise ValueError(f"min_face_size must be at least 12 pixels. Received: min_face_size={min_face_size}.")
        if len(thresholds) != 3 or not all(0 < value < 1 for value in thresholds):
            raise ValueError(f"thresholds must be three numbers in (0, 1). Received: thresholds={thresholds}.")
        self.min_face_size = min_face_size
        self.thresholds = thresholds
        self._pnet = compile_network(shipped.PNET, max_batch=64)
        self._rnet = compile_network(shipped.RNET, max_batch=512)
        self._onet = compile_network(shipped.ONET, max_batch=128)

    @property
    def fingerprint(self) -> str:
        """Settings in one string: crops are comparable, and caches valid, where it is equal."""
        smallest = "auto" if self.min_face_size is None else f"{self.min_face_size:g}"
        return f"mtcnn-9-{smallest}-" + "-".join(f"{value:g}" for value in self.thresholds)

    def detect(self, images: Sequence[np.ndarray], *, turns: bool = True) -> list[list[Face]]:
        """Finds all faces of every photo.

        A photo in which no face stands upright, or none that is sure, is looked at turned by 90, 180 and 270 degrees
        too, and the faces of the best turn are given; that takes four times as long, on such photos only.

        Args:
            images: RGB photos, each `(height, width, 3)` uint8; sizes may differ.
            turns: Whether to turn photos. Where many are without a face and all stand upright, as those of a webcam,
                `False` saves time.

        Returns:
            For each photo its faces, largest first; an empty list where there is none. All faces of a photo have the
            same `turned`.

        Raises:
            ValueError: If an image has another shape or dtype.
        """
        check_images(images)
        photos = [halvings(image) for image in images]
        found = self._upright(photos)
        if not turns or not (doubted := self._doubted(photos, found)):
            return found
        best = {index: _best_standing(found[index]) for index in doubted}
        del photos
        for degrees in TURNS:
            for index, faces in zip(
                doubted, self._upright([halvings(turned(images[index], degrees)) for index in doubted]), strict=True
            ):
                score = _best_standing(faces)
                if score > _SURE and _odds(score) > _CLEARLY * _odds(best[index]):
                    best[index] = score
                    found[index] = [turned_back(face, degrees, images[index].shape) for face in faces]
        return found

    def _upright(self, photos) -> list[list[Face]]:
        """Finds the faces of every photo as it stands, with a second look where there is none at first sight."""
        proposed = self._propose(photos)
        found = self._finish(photos, self._refine(photos, proposed, _LOOKS[:1]), _LOOKS[:1])
        empty = [index for index, faces in enumerate(found) if not faces]
        if empty:
            some = [photos[index] for index in empty]
            again = self._finish(some, self._refine(some, [proposed[index] for index in empty], _LOOKS), _LOOKS)
            for index, faces in zip(empty, again, strict=True):
                found[index] = faces
        return found

    def _doubted(self, photos, found) -> list[int]:
        """Returns the indices of photos that may have to be turned.

        The networks take one in three faces that stand on their heads for a face, some with 0.99, landmarks on the
        wrong side. But in its place O-Net finds the face more probable when that is turned upright: so of 700 photos
        turned 99.7 % are noticed, and of 1,460 that stand as they should one in 200 is turned in vain.
        """
        doubted, asked, patches = set(), [], []
        for index, (halved, faces) in enumerate(zip(photos, found, strict=True)):
            best = max(faces, key=lambda face: face.detection_score, default=None)
            if best is None or best.detection_score < _SURE or not stands(best.landmarks):
                doubted.add(index)
            elif best.detection_score < _BEYOND_DOUBT:
                x, y, width, height = best.box
                square = squared(np.array([(x, y, x + width, y + height)]))
                (patch,) = cut(halved, square, shipped.ONET_SIZE)
                asked.append(index)
                patches += [patch, *(turned(patch, degrees) for degrees in TURNS)]
        if asked:
            probabilities = self._onet(np.stack(patches))[0].reshape(-1, 4)
            doubted |= {
                index
                for index, (upright, *others) in zip(asked, probabilities, strict=True)
                if _odds(max(others)) > _CLEARLY * _odds(upright)
            }
        return sorted(doubted)

    def _propose(self, photos) -> list[np.ndarray]:
        """P-Net: returns per photo windows `(n, 5)`: left, top, right, bottom, probability."""
        pyramids = [
            packed(pyramid(halved, self.min_face_size or automatic_min_face_size(*halved[0].shape[:2])))
            for halved in photos
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
        """P-Net's outputs; of one canvas alone in overlapping strips, which are computed side by side.

        Also where it would take too much memory otherwise. A strip's outputs are those of the whole canvas.
        """
        extents = canvases.shape[1:3]
        axis = int(extents[1] > extents[0])
        step = max(GRID, 4 * _STACK_PIXELS // min(extents) // GRID * GRID)
        if len(canvases) == 1 and extents[0] * extents[1] >= _WORTH_SHARING:
            step = min(step, -(-extents[axis] // (GRID * self._pnet.side_by_side)) * GRID)
        if extents[axis] <= step:
            return self._pnet(canvases)
        overlap = shipped.PNET_CELL - shipped.PNET_STRIDE
        starts = range(0, extents[axis], step)
        widths = [(0, 0), (0, 0), (0, 0), (0, 0)]
        widths[1 + axis] = (0, starts[-1] + step + overlap - extents[axis])  # the last strip is as long as the others
        padded = np.moveaxis(np.pad(canvases, widths, constant_values=GRAY), 1 + axis, 0)
        strips = [np.moveaxis(padded[start : start + step + overlap], 0, 1 + axis) for start in starts]
        together = self._pnet.side_by_side if len(canvases) == 1 else 1
        parts = [
            self._pnet(np.concatenate(strips[first : first + together])) for first in range(0, len(strips), together)
        ]
        kept = (extents[axis] - overlap) // shipped.PNET_STRIDE
        return tuple(
            _joined(maps, len(canvases), 1 + axis)[_up_to(kept, 1 + axis)] for maps in zip(*parts, strict=True)
        )

    def _windows(self, image, places, probability, offsets) -> np.ndarray:
        """Reads one photo's windows off P-Net's maps; `places` are x, y, width, height of each level on the canvas."""
        found = [np.zeros((0, 5))]
        for place in places:
            # Only windows that lie wholly inside the level, none that see its neighbours.
            left, top = (corner // shipped.PNET_STRIDE for corner in place[:2])
            cols, rows = ((extent - shipped.PNET_CELL) // shipped.PNET_STRIDE + 1 for extent in place[2:])
            inside = np.s_[top : top + rows, left : left + cols]
            y, x = np.nonzero(probability[inside] > self.thresholds[0])
            corner = np.stack([x, y], axis=1) * float(shipped.PNET_STRIDE)
            windows = np.hstack([corner, corner + shipped.PNET_CELL]) + offsets[inside][y, x] * shipped.PNET_CELL
            windows *= np.tile(np.divide(image.shape[1::-1], place[2:]), 2)
            found.append(suppress(np.column_stack([windows, probability[inside][y, x]]), 0.5))
        return suppress(np.concatenate(found), 0.7)

    def _refine(self, photos, windows, looks: Sequence[float]) -> list[np.ndarray]:
        """R-Net: corrects the windows and drops those that are no faces; returns rows as `_propose` does."""

        def rnet(squares, patches):
            probability, offsets = self._rnet(patches)
            return np.column_stack([corrected(squares, offsets), probability])

        passed = _judged(rnet, photos, windows, shipped.RNET_SIZE, self.thresholds[1], looks)
        # Not the best alone: each is one more view of the face to average after O-Net. Only near copies are dropped:
        # at 0.85 a third fewer go on to O-Net, and the faces found are the same.
        return [suppress(rows, 0.85) for rows in passed]

    def _finish(self, photos, windows, looks: Sequence[float]) -> list[list[Face]]:
        """O-Net: corrects the windows once more and places the landmarks."""

        def onet(squares, patches):
            probability, offsets, landmarks = self._onet(patches)
            sides = squares[:, 2:3] - squares[:, 0:1], squares[:, 3:4] - squares[:, 1:2]
            points = np.stack(
                [squares[:, 0:1] + landmarks[:, :5] * sides[0], squares[:, 1:2] + landmarks[:, 5:] * sides[1]], axis=2
            )
            return np.column_stack([corrected(squares, offsets), probability, points.reshape(-1, 10)])

        passed = _judged(onet, photos, windows, shipped.ONET_SIZE, self.thresholds[2], looks)
        return [_faces(averaged(rows), halved[0].shape) for rows, halved in zip(passed, photos, strict=True)]


def _judged(network, photos, windows, size: int, threshold: float, looks: Sequence[float]) -> list[np.ndarray]:
    """Runs R-Net or O-Net on windows, on those that it doubts again, and returns for each photo the rows that passed.

    P-Net's windows of large faces lie a sixth of a face apart, so the nearest one may show too little of it. The
    network says all the same where the face is; what it doubts it sees once more from there, then a little nearer and a
    little farther off. Without that the only face of one grey photo in 500 is lost, though the network is sure of it,
    most often with 0.99 and more, as soon as it sees it whole (benchmarks/detection_recall.py). Photos with a
    face at first sight get one look: second ones added 33 doubtful faces to 1,000 photos, and moved the landmarks of
    one main face in twenty by half a pixel and more. Nor is a small window looked at again: of 600 pictures of noise
    it made a face of 36, none of them larger than 32 pixels.

    Args:
        network: Takes squares `(n, 4)` and their patches; returns rows: the corrected window, its probability, and
            whatever belongs to it.
        photos: Each with its `halvings`.
        windows: For each photo its windows.
        size: Side of the patches.
        threshold: Probability from which a window passes.
        looks: Of `_LOOKS`, those that it may take.
    """
    passed = [[] for _ in photos]
    for zoom in looks:
        squares, patches, owners = cut_all(photos, [zoomed(rows, zoom) for rows in windows], size)
        rows = network(squares, patches)
        windows = []
        for index, so_far in enumerate(passed):
            own = rows[owners == index]
            so_far.append(own[own[:, 4] > threshold])
            large = np.max(own[:, 2:4] - own[:, 0:2], axis=1) >= _WORTH_A_LOOK
            doubted = own[large & (own[:, 4] <= threshold) & (own[:, 4] > _DOUBTFUL)]
            # One that lies on a face that passed has nothing to add.
            windows.append(doubted[~overlapping(doubted, np.concatenate(so_far), 0.5).any(axis=1)])
        if not any(map(len, windows)):
            break
    return [np.concatenate(rows) for rows in passed]


def _joined(maps: Sequence[np.ndarray], num_canvases: int, axis: int) -> np.ndarray:
    """Puts the maps of strips, `num_canvases` of each strip, in a row."""
    strips = [strip for part in maps for strip in np.split(part, len(part) // num_canvases)]
    return np.concatenate(strips, axis=axis)


def _up_to(end: int, axis: int) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, slice(end))


def _best_standing(faces: Sequence[Face]) -> float:
    return max((face.detection_score for face in faces if stands(face.landmarks)), default=0.0)


def _odds(probability: float) -> float:
    return float(probability) / max(1 - float(probability), 1e-7)


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
