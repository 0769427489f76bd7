"""How well masks agree with drawn ones: a folder of pictures and a folder of their masks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from kerasface.data.cache.images import Progress
from kerasface.data.masks.augmentation import OUTSIDE
from kerasface.data.masks.labels import LabelFile, LabelMap, label_map
from kerasface.data.masks.reading import CLASSES_FILE, Color, files_by_stem, read_classes, read_mask
from kerasface.data.photos import read_photos
from kerasface.evaluation.segmentation import SegmentationCounts, SegmentationResult, image_mean_iou
from kerasface.images.decoding import ImageError
from kerasface.tasks.measuring.people import Report, unreported
from kerasface.tasks.segmentation import Segmenter

Rejected = list[tuple[Path, str]]

WORST = 12  # masks that are kept to be looked at
_SHOWN = 440  # pixels of their longer side


@dataclass(frozen=True, eq=False)
class WorstMask:
    """A picture whose mask agrees little with the true one.

    Attributes:
        file: Its file, relative to the data.
        image: RGB uint8, `(height, width, 3)`: the picture, or a smaller one of it.
        true: Class ids, integers, `(height, width)`.
        predicted: The same as the model gave them.
        mean_iou: Mean IoU of the classes that occur in it.
    """

    file: str
    image: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    mean_iou: float


@dataclass(frozen=True, eq=False)
class MaskRates:
    """How well a segmentation agrees with drawn masks.

    Attributes:
        result: The rates, by the classes of the masks.
        colors: RGB color of each class, by class id.
        worst: The masks that came out worst, the worst first, at most 12.
        failed: `(file, reason)` of every file that could not be used.
    """

    result: SegmentationResult
    colors: tuple[Color, ...]
    worst: tuple[WorstMask, ...]
    failed: tuple[tuple[Path, str], ...]

    def to_dict(self) -> dict:
        """Returns the rates as JSON-ready values."""
        failed = [{"image": str(path), "reason": reason} for path, reason in self.failed]
        worst = [{"image": mask.file, "mean_iou": mask.mean_iou} for mask in self.worst]
        return {**self.result.to_dict(), "worst": worst, "num_failed": len(failed), "failed": failed}


class MaskTrial:
    """Compares masks with predicted ones picture by picture, in the words of the masks, and keeps the worst.

    Args:
        meant: What the labels of the masks stand for.
        colors: RGB of each label, by its id.
    """

    def __init__(self, meant: LabelMap, colors: Sequence[Color]):
        self.meant = meant
        self.colors = tuple(tuple(colors[label]) for label in meant.judged_labels)
        names = [meant.labels[label] for label in meant.judged_labels]
        self.counts = SegmentationCounts(names, boundaries=not meant.coarse)
        self.num_pictures = 0
        self._worst: list[WorstMask] = []

    def add(self, file: str, image: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> None:
        """Counts one picture, unless its mask ignores all of it.

        Args:
            file: How it is called.
            image: RGB uint8, `(height, width, 3)`.
            true: Ids of labels, `(height, width)`.
            predicted: Ids of the model's classes, `(height, width)`.
        """
        true, predicted, ignored = self.meant.judged(true, predicted)
        if ignored.all():
            return
        self.counts.add(true, predicted, ignored)
        self.num_pictures += 1
        score = image_mean_iou(true, predicted, len(self.counts.classes), ignored)
        worst = [*self._worst, WorstMask(file, *_shown(image, true, predicted), score)]
        self._worst = sorted(worst, key=lambda mask: mask.mean_iou)[:WORST]

    def rates(self, failed: Rejected = ()) -> MaskRates:
        """Returns the rates over all pictures so far, with what failed."""
        return MaskRates(self.counts.result(), self.colors, tuple(self._worst), tuple(failed))


def _shown(image: np.ndarray, *masks: np.ndarray) -> list[np.ndarray]:
    """A picture and its masks as small as they are looked at, so that a dozen large photos take no memory."""
    height, width = image.shape[:2]
    scale = min(1, _SHOWN / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = [cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) for mask in masks]
    return [cv2.resize(image, size, interpolation=cv2.INTER_AREA), *small]


def measure_masks(
    images: Path, masks: Path, segmenter: Segmenter, *, said: LabelFile | None = None, report: Report = unreported
) -> MaskRates:
    """Segments every picture as a whole and compares the result with its mask, as `score_masks`.

    Args:
        images: Folder of the pictures.
        masks: Folder of the masks, each as large as its picture.
        segmenter: The model.
        said: What the labels of the masks stand for, if they are not the model's classes.
        report: Told how many pictures are done.

    Raises:
        ValueError: As `score_masks`.
    """
    return score_masks(
        images,
        masks,
        lambda image: segmenter.segment_whole(image).mask,
        segmenter.classes,
        segmenter.colors,
        said=said,
        on_progress=partial(report, "pictures"),
    )


def score_masks(
    images: Path,
    masks: Path,
    segment: Callable[[np.ndarray], np.ndarray],
    classes: Sequence[str],
    colors: Sequence[Color],
    *,
    said: LabelFile | None = None,
    on_progress: Progress | None = None,
) -> MaskRates:
    """Segments every picture and compares the result with its mask, pixel by pixel at the mask's own resolution.

    Files belong together by their names without suffix. Pictures are held a few at a time, whatever their number.

    Args:
        images: Folder of the pictures.
        masks: Folder of the masks, each as large as its picture. A `classes.txt` beside it names their classes; the
            colours there are those of masks in colours.
        segment: Gives the class ids `(height, width)` uint8 of an RGB picture `(height, width, 3)` uint8.
        classes: Names of the model's classes, by class id.
        colors: RGB colour of each class, for masks in colours.
        said: What the labels of the masks stand for; without it they are the model's classes. Where there is no
            `classes.txt`, its lines are their classes, in the order of the ids.
        on_progress: Called with the number of pairs done and their total.

    Raises:
        ValueError: If a folder is missing, two files of one folder have the same stem, the masks have other classes,
            or nothing can be compared.
    """
    pairs, failed = _pairs(images, masks)
    labels, own_colors = _own(masks.parent / CLASSES_FILE, classes, colors, said)
    trial = MaskTrial(label_map(labels, classes, said, str(masks)), own_colors)
    report = on_progress or (lambda done, total: None)
    report(0, len(pairs))
    photos = (photo for batch in read_photos([image for image, _ in pairs]) for photo in batch)
    for number, (photo, (_, path)) in enumerate(zip(photos, pairs, strict=True), 1):
        try:
            if photo.problem is not None:
                raise ImageError(photo.problem)
            mask = _read_mask(path, labels, own_colors)
            _check_sizes(photo, path, mask)
        except ImageError as error:
            failed.append((photo.path, str(error)))
        else:
            trial.add(photo.path.name, photo.image, mask, segment(photo.image))
        report(number, len(pairs))
    if not trial.num_pictures:
        first = f" The first: {failed[0][1]}" if failed else ""
        raise ValueError(f"No picture of {images} could be compared with a mask of {masks}.{first}")
    return trial.rates(failed)


def _pairs(images: Path, masks: Path) -> tuple[list[tuple[Path, Path]], Rejected]:
    for folder in (images, masks):
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder. Give one of pictures and one of masks with the same names.")
    (pictures, failed), (drawn, others) = files_by_stem(images), files_by_stem(masks)
    failed += others
    failed += [(path, f"{path}: No mask of this name.") for stem, path in pictures.items() if stem not in drawn]
    failed += [(path, f"{path}: No picture of this name.") for stem, path in drawn.items() if stem not in pictures]
    return [(path, drawn[stem]) for stem, path in pictures.items() if stem in drawn], failed


def _own(
    path: Path, classes: Sequence[str], colors: Sequence[Color], said: LabelFile | None
) -> tuple[list[str], list[Color]]:
    """Returns the classes of the masks and their colours: those in `classes.txt`, where it is there and states them."""
    color_of = dict(zip(classes, colors, strict=True))
    names, stated = (list(classes), [None] * len(classes)) if said is None else (list(said.stands_for), [])
    if path.exists():
        own, stated = read_classes(path)
        if said is None and own != tuple(classes):
            raise ValueError(
                f"{path} names other classes than the model. Received: {', '.join(own)}; the model's: "
                f"{', '.join(classes)}. Say in a file what each stands for (--map)."
            )
        names = list(own)
    meant = {name: (name,) for name in names} if said is None else said.stands_for
    likely = [color_of.get(next(iter(meant.get(name, ())), ""), (0, 0, 0)) for name in names]
    stated = stated or [None] * len(names)
    return names, [own or color for own, color in zip(stated, likely, strict=True)]


def _read_mask(path: Path, classes: Sequence[str], colors: Sequence[Color]) -> np.ndarray:
    try:
        return read_mask(path, classes, colors)
    except ImageError as error:
        try:
            read_mask(path, range(OUTSIDE))
        except ImageError:
            raise error from None
        # A sound mask whose ids the model does not know: what it does know may mean something else there.
        raise ValueError(
            f"{error} The model knows {', '.join(classes)}: give masks of its classes, or say in a file what the "
            "labels stand for (--map)."
        ) from error


def _check_sizes(photo, path: Path, mask: np.ndarray) -> None:
    if mask.shape != photo.image.shape[:2]:
        sizes = [f"{width} x {height}" for height, width in (mask.shape, photo.image.shape[:2])]
        raise ImageError(
            f"{path}: A mask is as large as its picture. Received: {sizes[0]} pixels, the picture {photo.path.name} "
            f"has {sizes[1]}."
        )
