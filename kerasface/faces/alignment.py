"""Aligned crops: five landmarks moved onto an embedder's template."""

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kerasface.arrays import check_array, check_image

if TYPE_CHECKING:
    from kerasface.faces.detection import Face

# Pixels: the longest side that OpenCV takes. Shorter photos are not cut: it rounds where it samples by where it starts,
# and a few pairs of LFW are decided by that.
_LONGEST = 32_766


@dataclass(frozen=True, eq=False)
class CropTemplate:
    """How faces are cut for a network: where their landmarks belong, on crops of which size.

    Attributes:
        name: What it is called.
        points: Left eye, right eye, nose, left and right corner of the mouth on the crop: x, y in pixels, `(5, 2)`.
        image_size: Height and width of the crop.
    """

    name: str
    points: np.ndarray
    image_size: tuple[int, int]

    @property
    def fingerprint(self) -> str:
        """Name and points in one string: crops are comparable where it is equal."""
        points = np.asarray(self.points, dtype=np.float64)
        return f"{self.name}-five_points-{hashlib.sha256(points.tobytes()).hexdigest()[:6]}"

    def cut(self, image: np.ndarray, face: "Face") -> np.ndarray:
        """Cuts the aligned crop of a face, `(*image_size, 3)` uint8, RGB.

        Args:
            image: RGB photo `(height, width, 3)` uint8.
            face: Where the face is in it.

        Raises:
            ValueError: If the photo has another shape or dtype.
        """
        check_image(image)
        return align(image, face.landmarks, self.points, self.image_size)


# Where the 150 x 150 crops of `face_resnet` have left eye, right eye, nose, left and right corner of the mouth: x, y.
# Median over 767 photos of where our landmarks fall in the chips that dlib itself cuts of the same faces.
FACE_RESNET_TEMPLATE = np.array(
    [(47.31, 45.39), (101.71, 45.32), (74.29, 77.67), (50.44, 105.20), (98.10, 105.16)], dtype=np.float64
)
FACE_RESNET_CROP = CropTemplate("face_resnet", FACE_RESNET_TEMPLATE, (150, 150))
# Where crops of 112 x 112 have them for networks that were trained with ArcFace's alignment, most of what others share:
# the published points of InsightFace (Deng et al., "ArcFace", CVPR 2019).
ARCFACE_TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)],
    dtype=np.float64,
)
# By the name that a user gives.
TEMPLATES = {
    "arcface-112": CropTemplate("arcface", ARCFACE_TEMPLATE, (112, 112)),
    "face_resnet-150": FACE_RESNET_CROP,
}


def similarity_transform(points: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Returns the least-squares similarity that moves `points` onto `template`.

    Args:
        points: `(n, 2)` positions in the photo, x and y in pixels; at least two different ones.
        template: `(n, 2)` positions in the crop.

    Returns:
        `(2, 3)` matrix `[sR | t]` of rotation, uniform scale and translation, never a reflection.

    Raises:
        ValueError: If all points coincide: no similarity is defined.

    Reference:
        S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991.
        In the plane its solution is one complex division.
    """
    source, target = points @ (1, 1j), template @ (1, 1j)
    centred = source - source.mean()
    spread = np.vdot(centred, centred).real
    if spread <= (1e-9 * np.abs(source).max()) ** 2:  # equal but for rounding
        raise ValueError(f"Alignment needs landmarks at different places. Received: points={points.tolist()}.")
    turn = np.vdot(centred, target - target.mean()) / spread
    shift = target.mean() - turn * source.mean()
    return np.array([(turn.real, -turn.imag, shift.real), (turn.imag, turn.real, shift.imag)])


def align(image: np.ndarray, landmarks: np.ndarray, template: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Cuts the aligned crop of one face.

    Where the face is larger than the crop, the crop is drawn on a finer grid and averaged over areas, so that
    shrinking does not alias. What lies outside the photo is black.

    Args:
        image: RGB photo `(height, width, 3)`, uint8.
        landmarks: `(5, 2)` positions in the photo, pixels.
        template: `(5, 2)` where the landmarks belong in the crop.
        image_size: Height and width of the crop.

    Returns:
        `(*image_size, 3)`, uint8, RGB.

    Raises:
        ValueError: If the photo is no array.
    """
    check_array(image, "A photo is an array (height, width, 3)")
    matrix = similarity_transform(landmarks.astype(np.float64), template)
    pixels_per_pixel = 1 / math.hypot(*matrix[:, 0])
    finer = max(1, math.ceil(pixels_per_pixel - 1e-6))  # a scale of 1 stays 1 whatever the rounding
    # Pixel (u, v) of the finer grid has its centre at ((u + 0.5) / finer - 0.5) of the crop.
    matrix = finer * matrix
    matrix[:, 2] += (finer - 1) / 2
    height, width = image_size
    if max(image.shape[:2]) > _LONGEST:
        image, corner = _part_seen(image, matrix, (width * finer, height * finer))
        if not image.size:
            return np.zeros((height, width, *image.shape[2:]), dtype=np.uint8)
        matrix[:, 2] += matrix[:, :2] @ corner
    crop = cv2.warpAffine(image, matrix, (width * finer, height * finer), flags=cv2.INTER_LINEAR)
    return crop if finer == 1 else cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)


def _part_seen(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """Cuts out of a photo what a crop of `size` (width, height) shows of it; returns the part and its corner (x, y)."""
    corners = np.array([(-1, -1, 1), (size[0], -1, 1), (-1, size[1], 1), (*size, 1)])
    seen = corners @ cv2.invertAffineTransform(matrix).T
    left, top = np.maximum(np.floor(seen.min(axis=0)).astype(int) - 1, 0)
    right, bottom = np.maximum(np.ceil(seen.max(axis=0)).astype(int) + 2, 0)
    return image[top:bottom, left:right], (left, top)
