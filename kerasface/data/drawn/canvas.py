"""A picture and its mask that grow together, shape by shape, finer than they are stored."""

import itertools

import cv2
import numpy as np

Points = list[tuple[float, float]] | np.ndarray
_FINER = 2  # pixels drawn per pixel stored, along each side: edges of the picture are smooth
_SHIFT = 4  # bits behind the point in OpenCV's coordinates


class Canvas:
    """Paints shapes into a picture and, where they stand for a class, into its mask.

    Coordinates are those of the stored picture: x to the right, y down, in pixels.

    Args:
        width: Columns of the picture.
        height: Rows of the picture.
        generator: The source of all randomness.
    """

    def __init__(self, width: int, height: int, generator: np.random.Generator):
        self.width, self.height, self.random = width, height, generator
        self._image = np.zeros((height * _FINER, width * _FINER, 3), np.float32)
        self._mask = np.zeros(self._image.shape[:2], np.uint8)

    def polygon(self, points: Points) -> np.ndarray:
        """Which fine pixels lie in a polygon, bool."""
        return self._filled(lambda where, fixed: cv2.fillPoly(where, [fixed(points)], 1, shift=_SHIFT))

    def line(self, points: Points, width: float) -> np.ndarray:
        """Which fine pixels lie within half of `width` of a line through the points."""
        found = np.zeros(self._mask.shape, bool)
        for start, end in itertools.pairwise(np.asarray(points, np.float64)):
            along = end - start
            across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6) * width / 2
            found |= self.polygon([start + across, end + across, end - across, start - across])
            found |= self.ellipse(*start, width / 2, width / 2) | self.ellipse(*end, width / 2, width / 2)
        return found

    def ellipse(self, x: float, y: float, across: float, down: float, turn: float = 0.0) -> np.ndarray:
        """Which fine pixels lie in an ellipse with these half axes, turned by radians."""
        return self.blob(x, y, across, down, turn, wobble=0.0)

    def blob(self, x: float, y: float, across: float, down: float, turn: float, wobble: float) -> np.ndarray:
        """Which fine pixels lie in an ellipse whose edge goes in and out by a share `wobble`."""
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        radius = np.ones_like(angles)
        for waves in (2, 3, 5) if wobble else ():
            radius += wobble / waves * self.random.normal() * np.cos(waves * angles + self.random.uniform(0, 2 * np.pi))
        east, south = radius * across * np.cos(angles), radius * down * np.sin(angles)
        cos, sin = np.cos(turn), np.sin(turn)
        return self.polygon(np.stack([x + east * cos - south * sin, y + east * sin + south * cos], axis=1))

    def paint(self, where: np.ndarray, color: np.ndarray, label: int | None = None, opacity: float = 1.0) -> None:
        """Colours fine pixels, and gives them a class unless `label` is None."""
        values = color[where] if np.ndim(color) == 3 else np.asarray(color, np.float32)
        self._image[where] = (1 - opacity) * self._image[where] + opacity * values
        if label is not None:
            self._mask[where] = label

    def shade(self, where: np.ndarray, factor: float | np.ndarray) -> None:
        """Darkens or brightens fine pixels; by a factor for each of the picture's, if `factor` is an array."""
        self._image[where] *= factor[where][:, None] if np.ndim(factor) else factor

    def textured(self, color: np.ndarray, contrast: float, grain: float) -> np.ndarray:
        """A colour that varies from place to place by a share `contrast`, in grains of so many pixels."""
        return np.asarray(color, np.float32) * (1 + contrast * self.noise(grain))[..., None]

    def noise(self, grain: float) -> np.ndarray:
        """Smooth random numbers of about mean 0 and deviation 1, one per fine pixel, in grains of so many pixels."""
        rows, cols = (max(2, round(side / _FINER / grain)) for side in self._mask.shape)
        coarse = self.random.normal(size=(rows, cols)).astype(np.float32)
        return cv2.resize(coarse, self._mask.shape[::-1], interpolation=cv2.INTER_CUBIC)

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y of every fine pixel."""
        rows, cols = np.indices(self._mask.shape, dtype=np.float32)
        return cols / _FINER, rows / _FINER

    def finished(self, *, light: float, tint: np.ndarray, blur: float, grain: float) -> tuple[np.ndarray, np.ndarray]:
        """The picture as a camera would give it, and the mask.

        Args:
            light: Factor on everything.
            tint: Factor on each colour, `(3,)`.
            blur: Deviation of the lens's blur, in pixels.
            grain: Deviation of the sensor's noise, in grey levels.

        Returns:
            RGB uint8 `(height, width, 3)`, and class ids uint8 `(height, width)`: of each pixel, that of its middle.
        """
        lit = self._image * (light * np.asarray(tint, np.float32))
        small = cv2.resize(lit, (self.width, self.height), interpolation=cv2.INTER_AREA)
        if blur > 0:
            small = cv2.GaussianBlur(small, (0, 0), blur)
        noisy = small + self.random.normal(0, grain, small.shape)
        middle = self._mask[_FINER // 2 :: _FINER, _FINER // 2 :: _FINER]
        return np.rint(noisy.clip(0, 255)).astype(np.uint8), np.ascontiguousarray(middle)

    def _filled(self, draw) -> np.ndarray:
        where = np.zeros(self._mask.shape, np.uint8)

        def fixed(points: Points) -> np.ndarray:
            fine = np.asarray(points, np.float64).reshape(-1, 2) * _FINER - 0.5
            return np.rint(fine * 2**_SHIFT).astype(np.int32)

        draw(where, fixed)
        return where.astype(bool)
