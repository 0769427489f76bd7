"""The face front end: photos in; boxes, aligned crops and embeddings out. Everything else starts from here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kerasface.faces.detection import Face, FaceDetector
from kerasface.faces.embedding import FaceEmbedder


@dataclass(frozen=True, eq=False)
class AnalyzedFace:
    """One face of a photo, ready to be compared.

    Attributes:
        face: Where it is.
        crop: Its aligned crop `(150, 150, 3)` uint8, RGB.
        embedding: Its unit embedding `(128,)` float32.
    """

    face: Face
    crop: np.ndarray
    embedding: np.ndarray


class FaceAnalyzer:
    """A detector and an embedder in one.

    Args:
        detector: Finds the faces; MTCNN with its defaults if not given.
        embedder: Embeds them; `face_resnet` with its defaults if not given.

    Raises:
        ModelFileError: If a weight file is missing or altered.
    """

    def __init__(self, detector: FaceDetector | None = None, embedder: FaceEmbedder | None = None):
        self.detector = detector or FaceDetector()
        self.embedder = embedder or FaceEmbedder()

    def analyze(
        self,
        images: Sequence[np.ndarray],
        *,
        pick: Callable[[Sequence[Face], tuple[int, ...]], Face] | None = None,
    ) -> list[list[AnalyzedFace]]:
        """Finds, aligns and embeds all faces of every photo, in common batches.

        Args:
            images: RGB photos, each `(height, width, 3)` uint8; sizes may differ.
            pick: Takes the faces and the shape of a photo and returns the one to keep, such as `central_face`; all
                faces are kept if not given.

        Returns:
            For each photo its faces, largest first.
        """
        found = self.detector.detect(images)
        if pick is not None:
            found = [[pick(faces, image.shape)] if faces else [] for image, faces in zip(images, found, strict=True)]
        crops = [self.embedder.crop(image, face) for image, faces in zip(images, found, strict=True) for face in faces]
        if not crops:
            return [[] for _ in images]
        crops = np.stack(crops)
        analyzed = map(AnalyzedFace, (face for faces in found for face in faces), crops, self.embedder.embed(crops))
        return [[next(analyzed) for _ in faces] for faces in found]
