"""Squares cut out of pictures."""

import cv2
import numpy as np


def fit_square(image: np.ndarray, image_size: int) -> np.ndarray:
    """Resizes the shorter side to `image_size` and crops the centre, `(H, W, 3)` to `(image_size, image_size, 3)`."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    # Cropped first: of a picture of 2 x 100,000 pixels, resizing first would make one of billions.
    square = image[top : top + side, left : left + side]
    # INTER_AREA averages all source pixels, so a large photo does not alias.
    interpolation = cv2.INTER_AREA if side > image_size else cv2.INTER_LINEAR
    return cv2.resize(square, (image_size, image_size), interpolation=interpolation)
