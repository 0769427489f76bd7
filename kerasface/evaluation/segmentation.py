"""How well masks agree with the true ones: IoU, F1 and boundaries per class. Masks in, records out; no model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

TOLERANCE = 0.0075  # of a picture's diagonal, as in the reference of `image_boundary_f1`
_CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class SegmentationResult:
    """Results of a segmentation over pictures with true masks; rates are fractions.

    A class that occurs neither in the true masks nor in the predicted ones has no rates: `None`.

    Attributes:
        classes: Names of the classes, by class id.
        confusion: Pixels of each true class (rows) that got each class (columns), int64, `(num_classes, num_classes)`.
        pixel_accuracy: Share of the pixels that got their class.
        pixel_accuracy_low: Lower end of its 95 % interval, by resampling pictures; `None` for one picture alone.
        pixel_accuracy_high: Upper end.
        mean_iou: Mean IoU of the classes that occur.
        mean_iou_low: Lower end of its 95 % interval, by resampling pictures; `None` for one picture alone.
        mean_iou_high: Upper end.
        iou: Class to the pixels that both masks give it, as a share of those that either does (Jaccard index).
        f1: Class to the harmonic mean of precision and recall of its pixels (Dice coefficient).
        boundary_f1: Class to its mean boundary F1 over the pictures in which it occurs; `None` for all where masks are
            too coarse to tell.
        num_images: Pictures judged.
    """

    classes: tuple[str, ...]
    confusion: np.ndarray
    pixel_accuracy: float
    pixel_accuracy_low: float | None
    pixel_accuracy_high: float | None
    mean_iou: float
    mean_iou_low: float | None
    mean_iou_high: float | None
    iou: dict[str, float | None]
    f1: dict[str, float | None]
    boundary_f1: dict[str, float | None]
    num_images: int

    def to_dict(self) -> dict:
        """Returns the record as JSON-ready values: lists, dicts, numbers and `None`, no NaN."""
        return {**vars(self), "classes": list(self.classes), "confusion": self.confusion.tolist()}


class SegmentationCounts:
    """Collects what masks do right and wrong, picture by picture, of any sizes.

    Of each picture a few numbers per class are kept, and no pixel.

    Args:
        classes: Names of the classes, by class id, all different.
        tolerance: How far a boundary may lie from the true one, as a share of the picture's diagonal, in `[0, 1)`.
        boundaries: Whether the true masks are fine enough to score boundaries by.

    Raises:
        ValueError: If there is no class, two have one name, or the tolerance is outside its range.

    Example:
        >>> counts = SegmentationCounts(["background", "skin"])
        >>> counts.add(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]]))
        >>> round(counts.result().iou["skin"], 3)
        0.667
    """

    def __init__(self, classes: Sequence[str], tolerance: float = TOLERANCE, *, boundaries: bool = True):
        if not classes or len(set(classes)) < len(classes):
            raise ValueError(
                "Classes need one name each, all different. "
                f"Received: classes={list(classes)}. Name every class id once."
            )
        _check_tolerance(tolerance)
        self.classes = tuple(classes)
        self.tolerance = tolerance
        self.boundaries = boundaries
        self._confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
        self._tallies: list[np.ndarray] = []  # of each picture, as `_tallies` gives them
        self._boundary_f1: list[np.ndarray] = []

    def add(self, true: np.ndarray, predicted: np.ndarray, ignored: np.ndarray | None = None) -> None:
        """Counts one picture.

        Args:
            true: Class ids, integers, `(height, width)`.
            predicted: The same for the mask to be judged.
            ignored: Pixels that do not count, bool, `(height, width)`; none by default. Boundaries there count neither.

        Raises:
            ValueError: If the masks differ in shape, are no integers, have an id that has no name, or no pixel counts.
        """
        confusion = confusion_matrix(true, predicted, len(self.classes), ignored)
        scores = np.full(len(self.classes), np.nan)
        if self.boundaries:
            scores = image_boundary_f1(true, predicted, len(self.classes), self.tolerance, ignored)
        self._confusion += confusion
        self._tallies.append(_tallies(confusion))
        self._boundary_f1.append(scores)

    def result(self, *, bootstrap: int = 1000, seed: int = 0) -> SegmentationResult:
        """Returns the rates over all pictures so far.

        Args:
            bootstrap: Number of bootstrap samples behind the intervals, at least 1.
            seed: Seed of the bootstrap.

        Raises:
            ValueError: If no picture was added, or `bootstrap` is below 1.
        """
        if not self._tallies or bootstrap < 1:
            raise ValueError(
                "Rates need a picture or more and a bootstrap of at least 1. "
                f"Received: {len(self._tallies)} pictures, bootstrap={bootstrap}. Call `add` first."
            )
        total = _tallies(self._confusion)
        right, true, predicted = total
        iou = _iou(total)
        boundary = np.array(self._boundary_f1)  # (num_images, num_classes), NaN where a class does not occur
        occurs = ~np.isnan(boundary)
        boundary_f1 = _shares(np.nansum(boundary, axis=0), occurs.sum(axis=0))
        accuracy_low, accuracy_high, iou_low, iou_high = _intervals(np.array(self._tallies), bootstrap, seed)
        return SegmentationResult(
            classes=self.classes,
            confusion=self._confusion.copy(),
            pixel_accuracy=float(_accuracy(total)),
            pixel_accuracy_low=accuracy_low,
            pixel_accuracy_high=accuracy_high,
            mean_iou=float(np.nanmean(iou)),
            mean_iou_low=iou_low,
            mean_iou_high=iou_high,
            iou=self._by_name(iou),
            f1=self._by_name(_shares(2 * right, true + predicted)),
            boundary_f1=self._by_name(boundary_f1),
            num_images=len(self._tallies),
        )

    def _by_name(self, values: np.ndarray) -> dict[str, float | None]:
        return {
            name: None if math.isnan(value) else value
            for name, value in zip(self.classes, values.tolist(), strict=True)
        }


def confusion_matrix(
    true: np.ndarray, predicted: np.ndarray, num_classes: int, ignored: np.ndarray | None = None
) -> np.ndarray:
    """Counts the pixels of each class that got each class.

    Args:
        true: Class ids, integers, `(height, width)`.
        predicted: The same for the mask to be judged.
        num_classes: Ids are below it.
        ignored: Pixels that do not count, bool, `(height, width)`; none by default.

    Returns:
        Counts, int64, `(num_classes, num_classes)`: rows are true classes, columns predicted ones.

    Raises:
        ValueError: If the masks differ in shape, are no integers, have an id outside `[0, num_classes)`, or no pixel
            counts.
    """
    true, predicted = _checked(true, predicted, num_classes)
    if ignored is not None:
        if ignored.shape != true.shape or ignored.all():
            raise ValueError(
                "What is ignored is told for every pixel, and some must count. "
                f"Received: ignored of shape {ignored.shape}, {np.count_nonzero(~ignored)} of it counting."
            )
        true, predicted = true[~ignored], predicted[~ignored]
    cells = true.astype(np.int64) * num_classes + predicted.astype(np.int64)
    return np.bincount(cells.ravel(), minlength=num_classes**2).reshape(num_classes, num_classes)


def image_mean_iou(
    true: np.ndarray, predicted: np.ndarray, num_classes: int, ignored: np.ndarray | None = None
) -> float:
    """Returns the mean IoU of the classes that occur in one picture, to sort pictures by.

    Arguments and errors are those of `confusion_matrix`.
    """
    return float(np.nanmean(_iou(_tallies(confusion_matrix(true, predicted, num_classes, ignored)))))


def image_boundary_f1(
    true: np.ndarray,
    predicted: np.ndarray,
    num_classes: int,
    tolerance: float = TOLERANCE,
    ignored: np.ndarray | None = None,
) -> np.ndarray:
    """Scores how well the boundaries of one picture's classes follow the true ones.

    Boundary pixels of a class are those with a neighbour of another class above, below or beside them; the edge of the
    picture is no boundary. Precision is the share of predicted ones with a true one within the tolerance, recall the
    share of true ones with a predicted one there. A class with a boundary in one mask alone scores 0, a class that
    fills both masks 1.

    Args:
        true: Class ids, integers, `(height, width)`.
        predicted: The same for the mask to be judged.
        num_classes: Ids are below it.
        tolerance: Largest distance, as a share of the picture's diagonal, in `[0, 1)`.
        ignored: Pixels that are of no region and no boundary, bool, `(height, width)`; none by default.

    Returns:
        Harmonic mean of precision and recall of each class, float64, `(num_classes,)`; NaN where a class occurs in
        neither mask.

    Raises:
        ValueError: As `confusion_matrix`, or if the tolerance is outside its range.

    Reference:
        Csurka, Larlus, Perronnin, "What is a good evaluation measure for semantic segmentation?", BMVC 2013, section 3.
    """
    true, predicted = _checked(true, predicted, num_classes)
    _check_tolerance(tolerance)
    distance = tolerance * math.hypot(*true.shape)
    edges = _edges(true), _edges(predicted)
    counted = np.ones(true.shape, dtype=bool) if ignored is None else ~ignored
    scores = np.full(num_classes, np.nan)
    for class_id in range(num_classes):
        regions = [(mask == class_id) & counted for mask in (true, predicted)]
        if any(region.any() for region in regions):
            one, other = (region & edge for region, edge in zip(regions, edges, strict=True))
            scores[class_id] = _agreement(one, other, distance)
    return scores


def _edges(mask: np.ndarray) -> np.ndarray:
    """Where a neighbour has another class, bool, `(height, width)`."""
    edges = np.zeros(mask.shape, dtype=bool)
    below, beside = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    edges[1:] |= below
    edges[:-1] |= below
    edges[:, 1:] |= beside
    edges[:, :-1] |= beside
    return edges


def _agreement(true: np.ndarray, predicted: np.ndarray, distance: float) -> float:
    """F1 of boundary pixels, bool, `(height, width)` both, within a distance in pixels."""
    num_true, num_predicted = np.count_nonzero(true), np.count_nonzero(predicted)
    if num_true == 0 or num_predicted == 0:
        return float(num_true == num_predicted)
    # Where neither has a boundary nothing is measured: most classes take a small part of the picture.
    x, y, width, height = cv2.boundingRect((true | predicted).view(np.uint8))
    true, predicted = (part[y : y + height, x : x + width] for part in (true, predicted))
    precision = np.count_nonzero(_distances(true)[predicted] <= distance) / num_predicted
    recall = np.count_nonzero(_distances(predicted)[true] <= distance) / num_true
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _distances(boundary: np.ndarray) -> np.ndarray:
    """Exact distance of every pixel to the nearest boundary pixel, float32."""
    return cv2.distanceTransform((~boundary).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _tallies(confusion: np.ndarray) -> np.ndarray:
    """Pixels of each class that are right, that are true and that are predicted, int64, `(3, num_classes)`."""
    return np.stack([np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)])


def _iou(tallies: np.ndarray) -> np.ndarray:
    """IoU of each class, NaN where it does not occur: `(..., 3, num_classes)` to `(..., num_classes)`."""
    right, true, predicted = np.moveaxis(tallies, -2, 0)
    return _shares(right, true + predicted - right)


def _accuracy(tallies: np.ndarray) -> np.ndarray:
    return tallies[..., 0, :].sum(axis=-1) / tallies[..., 1, :].sum(axis=-1)


def _shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotients, NaN where there is no whole."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def _intervals(tallies: np.ndarray, bootstrap: int, seed: int) -> tuple[float | None, ...]:
    """Ends of the intervals of pixel accuracy and mean IoU, from tallies `(num_images, 3, num_classes)`."""
    count = len(tallies)
    if count == 1:
        return (None,) * 4
    generator = np.random.default_rng(seed)
    flat = tallies.reshape(count, -1)
    drawn = (np.bincount(generator.integers(0, count, count), minlength=count) for _ in range(bootstrap))
    samples = np.stack([times @ flat for times in drawn]).reshape(bootstrap, *tallies.shape[1:])
    ends = [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2]
    found = (_accuracy(samples), np.nanmean(_iou(samples), axis=1))
    return tuple(float(end) for values in found for end in np.quantile(values, ends))


def _check_tolerance(tolerance: float) -> None:
    if not 0 <= tolerance < 1:
        raise ValueError(f"The tolerance is a share of the diagonal. Received: tolerance={tolerance}. Try {TOLERANCE}.")


def _checked(true, predicted, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape or true.ndim != 2 or true.size == 0:
        raise ValueError(
            "Two masks need the same shape (height, width), with a pixel or more. "
            f"Received: shapes {true.shape} and {predicted.shape}. Bring both to one size."
        )
    for name, mask in (("true", true), ("predicted", predicted)):
        if not np.issubdtype(mask.dtype, np.integer):
            raise ValueError(
                f"Masks hold class ids, which are integers. Received: the {name} mask as {mask.dtype}. "
                "Take the most probable class of each pixel, as uint8."
            )
        low, high = int(mask.min()), int(mask.max())
        if low < 0 or high >= num_classes:
            raise ValueError(
                f"Class ids must lie in [0, {num_classes}). Received: ids {low} to {high} in the {name} mask. "
                "Name every class, and cut off what lies outside the picture."
            )
    return true, predicted
