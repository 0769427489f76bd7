"""Segmentation: the class of every pixel of a photo, by a trained model, face by face or for the picture as a whole."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from kerasface.arrays import check_image
from kerasface.faces.alignment import FACE_RESNET_CROP, CropTemplate, align
from kerasface.faces.detection import Face, FaceDetector
from kerasface.faces.regions import BACKGROUND, GRAY, Region, class_ids, compose, cut_square, inside, square_around
from kerasface.faces.turns import turned
from kerasface.models.runtime import best_precision, compile_network
from kerasface.runs.store import Run, RunError

FACE = "face"  # name of the region of every class but background and hair

_BATCH = 8  # squares given to the network at once


@dataclass(frozen=True, eq=False)
class SegmentedFace:
    """One face of a photo and the class of every pixel around it.

    Attributes:
        face: Where it is.
        region: x, y, width and height of the square that was looked at, in pixels of the photo, cut at its border.
        mask: Class ids `(region height, region width)` uint8: what the model made of this face alone.
        classes: Names of the classes, by class id.
    """

    face: Face
    region: Region
    mask: np.ndarray
    classes: tuple[str, ...]

    def part(self, name: str) -> np.ndarray:
        """Returns which pixels of the region belong to a part of the face; see `region_of`."""
        return region_of(self.mask, [name], self.classes)

    def areas(self) -> dict[str, float]:
        """Returns the share of each class but the background in the pixels that are no background.

        The shares sum to 1, or are all 0 where everything is background.
        """
        counts = _counts(self.mask, self.classes)
        labeled = max(sum(counts[1:]), 1)
        return {name: count / labeled for name, count in zip(self.classes[1:], counts[1:], strict=True)}

    def to_dict(self) -> dict:
        """Returns the face as JSON-ready values, without the mask."""
        return {**self.face.to_dict(), "region": list(self.region), "areas": self.areas()}


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The class of every pixel of a photo.

    Attributes:
        mask: Class ids, uint8, of the photo's own height and width.
        faces: The faces it is composed of, largest first; empty if the picture was segmented as a whole.
        classes: Names of the classes, by class id.
        colors: R, G and B of each class, 0 to 255.
    """

    mask: np.ndarray
    faces: tuple[SegmentedFace, ...]
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]

    def areas(self) -> dict[str, float]:
        """Returns the share of each class in the photo's pixels; the shares sum to 1."""
        counts = _counts(self.mask, self.classes)
        return {name: count / self.mask.size for name, count in zip(self.classes, counts, strict=True)}

    def to_dict(self) -> dict:
        """Returns the segmentation as JSON-ready values, without the mask."""
        classes = [
            {"id": class_id, "name": name, "colour": list(color)}
            for class_id, (name, color) in enumerate(zip(self.classes, self.colors, strict=True))
        ]
        return {"classes": classes, "areas": self.areas(), "faces": [face.to_dict() for face in self.faces]}


def region_of(mask: np.ndarray, names: Collection[str], classes: Sequence[str]) -> np.ndarray:
    """Tells which pixels belong to the named parts.

    Args:
        mask: Class ids `(height, width)`.
        names: Names of classes, and `"face"` for every class but the background and `"hair"`.
        classes: Names of all classes, by class id.

    Returns:
        `(height, width)` bool.

    Raises:
        ValueError: If a name is unknown.
    """
    groups = {FACE: [index for index, name in enumerate(classes) if index != BACKGROUND and name != "hair"]}
    groups |= {name: [index] for index, name in enumerate(classes)}
    if unknown := [name for name in names if name not in groups]:
        raise ValueError(f"Parts must be of {', '.join(dict.fromkeys((*classes, FACE)))}. Received: names={unknown}.")
    return np.isin(mask, [index for name in names for index in groups[name]])


def mask_in_crop(segmented: SegmentedFace, template: CropTemplate = FACE_RESNET_CROP) -> np.ndarray:
    """Brings a face's mask into the aligned crop that an embedder sees of it.

    Each class is drawn as the crop itself is, and the one that covers most of a pixel gets it.

    Args:
        segmented: The face.
        template: How the embedder's crops are cut.

    Returns:
        Class ids `(*template.image_size,)` uint8; background outside the region.
    """
    landmarks = segmented.face.landmarks - np.array(segmented.region[:2], dtype=np.float32)
    covers = [
        align(np.uint8(255) * (segmented.mask == index), landmarks, template.points, template.image_size)
        for index in range(len(segmented.classes))
    ]
    return np.argmax(covers, axis=0).astype(np.uint8)


class Segmenter:
    """A trained model that tells the class of every pixel.

    Beside the photo it takes one byte per pixel for the mask, one for each pixel of each face's region, and less than
    100 MB whatever the photo's size: probabilities are brought to its resolution a strip at a time.

    Args:
        run: A run of task `segment`.
        detector: Finds the faces; MTCNN with its defaults, made when it is first needed, if not given.

    Attributes:
        run: The run.
        classes: Names of the classes, by class id; the first one is the background.
        colors: R, G and B of each class, 0 to 255.

    Raises:
        RunError: If the run is of another kind, or its card does not fit its model.
    """

    def __init__(self, run: Run, detector: FaceDetector | None = None):
        self.run = run
        self.classes = _checked_classes(run)
        self.colors = _checked_colors(run)
        self._network = compile_network(run.source, max_batch=_BATCH, precision=best_precision())
        _check_maps(run, self._network.output_shapes)
        self.side = run.side(self._network.input_shape)
        self._detector = detector

    def segment_faces(self, image: np.ndarray) -> Segmentation:
        """Finds all faces of a photo and tells the class of every pixel around each.

        A square around each face, as much larger than its box as in training, is brought to the size that the model
        was trained on. Where the squares of several faces overlap, each pixel belongs to the nearest face that does not
        call it background (`regions.compose`).

        Args:
            image: RGB photo `(height, width, 3)` uint8.

        Raises:
            RunError: If the model was not trained on faces.
            ModelFileError: If a weight file of the detector is missing or altered.
            ValueError: If the image has another shape or dtype.
        """
        check_image(image)
        context = _checked_context(self.run)
        if self._detector is None:
            self._detector = FaceDetector()
        (found,) = self._detector.detect([image])
        faces = []
        for some in (found[start : start + _BATCH] for start in range(0, len(found), _BATCH)):
            squares = [square_around(face.box, context, face.turned) for face in some]
            # The model saw faces that stand.
            crops = [
                turned(cut_square(image, square, self.side), face.turned)
                for face, square in zip(some, squares, strict=True)
            ]
            for face, (x, y, side), upright in zip(some, squares, self._probabilities(np.stack(crops)), strict=True):
                probabilities = turned(upright, -face.turned)
                region = inside((x, y, side), image.shape)
                window = (region[0] - x, region[1] - y, *region[2:])
                faces.append(SegmentedFace(face, region, class_ids(probabilities, (side, side), window), self.classes))
        mask = compose(
            [entry.mask for entry in faces],
            [entry.region for entry in faces],
            [entry.face.box for entry in faces],
            image.shape[:2],
        )
        return Segmentation(mask, tuple(faces), self.classes, self.colors)

    def segment_whole(self, image: np.ndarray) -> Segmentation:
        """Tells the class of every pixel of a picture as a whole; no face is looked for.

        The picture is brought to the size that the model takes. Where the model takes any size, its longer side stays
        between that of the squares of training and 384 pixels.

        Args:
            image: RGB picture `(height, width, 3)` uint8.

        Raises:
            ValueError: If the image has another shape or dtype.
        """
        check_image(image)
        height, width = image.shape[:2]
        scale = self.side / max(height, width)
        rows, cols = max(1, round(scale * height)), max(1, round(scale * width))
        small = cv2.resize(image, (cols, rows), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        top, left = (self.side - rows) // 2, (self.side - cols) // 2
        square = np.full((self.side, self.side, 3), GRAY, dtype=np.uint8)
        square[top : top + rows, left : left + cols] = small
        (probabilities,) = self._probabilities(square[None])
        probabilities = probabilities[top : top + rows, left : left + cols]
        mask = class_ids(probabilities, (height, width), (0, 0, width, height))
        return Segmentation(mask, (), self.classes, self.colors)

    def _probabilities(self, images: np.ndarray) -> np.ndarray:
        """Runs the model: `(n, rows, cols, 3)` uint8 to `(n, rows, cols, num_classes)` float32."""
        (probabilities,) = self._network(images)
        if probabilities.shape != (*images.shape[:3], len(self.classes)):
            raise RunError(
                f"The model {self.run.name!r} must give {len(self.classes)} probabilities for every pixel of its "
                f"{images.shape[1:3]}. Received: shape={probabilities.shape[1:]}."
            )
        return probabilities


def _checked_classes(run: Run) -> tuple[str, ...]:
    run.check_task("segment")
    return run.labels


def _check_maps(run: Run, shapes: tuple[tuple[int | None, ...], ...]) -> None:
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][-1] != len(run.labels):
        raise RunError(
            f"The model {run.name!r} must have one output: maps of the {len(run.labels)} classes that its card names. "
            f"Received: output shapes {shapes}."
        )


def _checked_colors(run: Run) -> tuple[tuple[int, int, int], ...]:
    if run.card.colours:
        return run.card.colours
    raise RunError(
        f"The card of {run.name!r} must hold a colour [R, G, B] of 0 to 255 for each of its {len(run.labels)} classes. "
        "Received: colours=None."
    )


def _checked_context(run: Run) -> float:
    """Returns the side of the square around a face, in heights of its box."""
    if context := run.card.input.context:
        return context
    raise RunError(
        f"The model {run.name!r} was not trained on faces: segment the picture as a whole (`segment_whole`, --whole). "
        f"Received: context={context!r} in its card."
    )


def _counts(mask: np.ndarray, classes: Sequence[str]) -> list[int]:
    # Not by `np.bincount`, which would make an int64 of every pixel.
    return [int(np.count_nonzero(mask == index)) for index in range(len(classes))]
