"""How well masks agree with drawn ones: a folder of pictures and a folder of their masks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kerasface.data.cache.images import Progress
from kerasface.data.masks.augmentation import OUTSIDE
from kerasface.data.masks.reading import CLASSES_FILE, Color, files_by_stem, read_classes, read_mask
from kerasface.data.photos import read_photos
from kerasface.evaluation.segmentation import SegmentationCounts, SegmentationResult
from kerasface.images.decoding import ImageError
from kerasface.tasks.measuring.people import Report, unreported
from kerasface.tasks.segmentation import Segmenter

Rejected = list[tuple[Path, str]]


@dataclass(frozen=True, eq=False)
class MaskRates:
    """How well a segmentation agrees with drawn masks.

    Attributes:
        result: The rates.
        colors: RGB color of each class, by class id.
        failed: `(file, reason)` of every file that could not be used.
    """

    result: SegmentationResult
    colors: tuple[Color, ...]
    failed: tuple[tuple[Path, str], ...]

    def to_dict(self) -> dict:
        """Returns the rates as JSON-ready values."""
        failed = [{"image": str(path), "reason": reason} for path, reason in self.failed]
        return {**self.result.to_dict(), "num_failed": len(failed), "failed": failed}


def measure_masks(images: Path, masks: Path, segmenter: Segmenter, *, report: Report = unreported) -> MaskRates:
    """Segments every picture as a whole and compares the result with its mask, as `score_masks`.

    Args:
        images: Folder of the pictures.
        masks: Folder of the masks, each as large as its picture.
        segmenter: The model.
        report: Told how many pictures are done.

    Raises:
        ValueError: As `score_masks`.
    """
    result, failed = score_masks(
        images,
        masks,
        lambda image: segmenter.segment_whole(image).mask,
        segmenter.classes,
        segmenter.colors,
        on_progress=partial(report, "pictures"),
    )
    return MaskRates(result, tuple(segmenter.colors), tuple(failed))


def score_masks(
    images: Path,
    masks: Path,
    segment: Callable[[np.ndarray], np.ndarray],
    classes: Sequence[str],
    colors: Sequence[Color],
    *,
    on_progress: Progress | None = None,
) -> tuple[SegmentationResult, Rejected]:
    """Segments every picture and compares the result with its mask, pixel by pixel at the mask's own resolution.

    Files belong together by their names without suffix. Pictures are held a few at a time, whatever their number.

    Args:
        images: Folder of the pictures.
        masks: Folder of the masks, each as large as its picture. A `classes.txt` beside it must name the same classes;
            the colours there are those of masks in colours.
        segment: Gives the class ids `(height, width)` uint8 of an RGB picture `(height, width, 3)` uint8.
        classes: Names of the classes, by class id.
        colors: RGB colour of each class, for masks in colours.
        on_progress: Called with the number of pairs done and their total.

    Returns:
        The rates, and `(path, reason)` of every file that could not be used.

    Raises:
        ValueError: If a folder is missing, two files of one folder have the same stem, the masks have other classes,
            or nothing can be compared.
    """
    pairs, failed = _pairs(images, masks)
    colors = _own_colors(masks.parent / CLASSES_FILE, classes, colors)
    counts = SegmentationCounts(classes)
    report = on_progress or (lambda done, total: None)
    report(0, len(pairs))
    photos = (photo for batch in read_photos([image for image, _ in pairs]) for photo in batch)
    scored = 0
    for number, (photo, (_, path)) in enumerate(zip(photos, pairs, strict=True), 1):
        try:
            if photo.problem is not None:
                raise ImageError(photo.problem)
            mask = _read_mask(path, classes, colors)
            _check_sizes(photo, path, mask)
        except ImageError as error:
            failed.append((photo.path, str(error)))
        else:
            counts.add(mask, segment(photo.image))
            scored += 1
        report(number, len(pairs))
    if not scored:
        first = f" The first: {failed[0][1]}" if failed else ""
        raise ValueError(f"No picture of {images} could be compared with a mask of {masks}.{first}")
    return counts.result(), failed


def _pairs(images: Path, masks: Path) -> tuple[list[tuple[Path, Path]], Rejected]:
    for folder in (images, masks):
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder. Give one of pictures and one of masks with the same names.")
    (pictures, failed), (drawn, others) = files_by_stem(images), files_by_stem(masks)
    failed += others
    failed += [(path, f"{path}: No mask of this name.") for stem, path in pictures.items() if stem not in drawn]
    failed += [(path, f"{path}: No picture of this name.") for stem, path in drawn.items() if stem not in pictures]
    return [(path, drawn[stem]) for stem, path in pictures.items() if stem in drawn], failed


def _own_colors(path: Path, classes: Sequence[str], colors: Sequence[Color]) -> list[Color]:
    """Returns the colours of the masks: those in `classes.txt`, where it is there and states them."""
    if not path.exists():
        return list(colors)
    names, stated = read_classes(path)
    if names != tuple(classes):
        raise ValueError(
            f"{path} names other classes than the model. Received: {', '.join(names)}; the model's: "
            f"{', '.join(classes)}. Only equal classes can be compared."
        )
    return [own or color for own, color in zip(stated, colors, strict=True)]


def _read_mask(path: Path, classes: Sequence[str], colors: Sequence[Color]) -> np.ndarray:
    try:
        return read_mask(path, classes, colors)
    except ImageError as error:
        try:
            read_mask(path, range(OUTSIDE))
        except ImageError:
            raise error from None
        # A sound mask whose ids the model does not know: what it does know may mean something else there.
        raise ValueError(f"{error} The model knows {', '.join(classes)}: give masks of its classes.") from error


def _check_sizes(photo, path: Path, mask: np.ndarray) -> None:
    if mask.shape != photo.image.shape[:2]:
        sizes = [f"{width} x {height}" for height, width in (mask.shape, photo.image.shape[:2])]
        raise ImageError(
            f"{path}: A mask is as large as its picture. Received: {sizes[0]} pixels, the picture {photo.path.name} "
            f"has {sizes[1]}."
        )
