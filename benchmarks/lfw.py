"""The photos that the benchmarks measure on: Labeled Faces in the Wild, 250 x 250, one face near the centre of each."""

from pathlib import Path

import cv2
import machine  # noqa: F401 (chooses kernels before TensorFlow is imported)
import numpy as np

from kerasface.faces.detection import FaceDetector, central_face
from kerasface.faces.embedding import FaceEmbedder
from kerasface.images.decoding import decode

BATCH = 32


def lfw_folder(data: Path) -> Path:
    """Returns `data/lfw`, or ends the benchmark with a sentence where it is absent."""
    folder = data / "lfw"
    if not (folder / "images").is_dir():
        raise SystemExit(f"{folder / 'images'} does not exist. Give the folder that holds lfw/images: --data FOLDER.")
    return folder


def lfw_photos(data: Path, count: int) -> list[np.ndarray]:
    """Returns the first photo of `count` people, spread evenly over the alphabet."""
    paths = sorted(lfw_folder(data).glob("images/*/*_0001.jpg"))
    if count > len(paths):
        raise SystemExit(f"There are first photos of {len(paths)} people. Received: {count} photos asked for.")
    return [decode(paths[index]) for index in np.linspace(0, len(paths) - 1, count).astype(int)]


def lfw_crops(data: Path, count: int, detector: FaceDetector, embedder: FaceEmbedder) -> np.ndarray:
    """Returns the aligned crops `(count, 150, 150, 3)` of `count` people, the face nearest the centre of each photo."""
    photos = lfw_photos(data, count)
    found = [faces for batch in batches(photos) for faces in detector.detect(batch)]
    crops = [
        embedder.crop(photo, central_face(faces, photo.shape))
        for photo, faces in zip(photos, found, strict=True)
        if faces
    ]
    if len(crops) < count:
        raise SystemExit(f"In {count - len(crops)} of {count} photos no face was found.")
    return np.stack(crops)


def batches(photos: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Returns the photos in lists of at most `BATCH`."""
    return [photos[start : start + BATCH] for start in range(0, len(photos), BATCH)]


def covering(photo: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scales `photo` evenly until it covers `height` x `width`, and cuts what sticks out, the same on either side."""
    factor = max(height / photo.shape[0], width / photo.shape[1])
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    rows, cols = max(height, round(photo.shape[0] * factor)), max(width, round(photo.shape[1] * factor))
    scaled = cv2.resize(photo, (cols, rows), interpolation=interpolation)
    top, left = (rows - height) // 2, (cols - width) // 2
    return scaled[top : top + height, left : left + width]
