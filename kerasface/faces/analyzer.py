"""The face front end: photos in; boxes, aligned crops and embeddings out. Everything else starts from here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.faces.detection import Face, FaceDetector
from kerasface.faces.embedders import Embedder, load_embedder
from kerasface.faces.quality import FaceQuality, measure_quality

Pick = Callable[[Sequence[Face], tuple[int, ...]], Face]


@dataclass(frozen=True, eq=False)
class CroppedFace:
    """One face of a photo, cut out and measured.

    Attributes:
        face: Where it is.
        crop: Its aligned crop, as the embedder's template has it, uint8, RGB.
        quality: How much can be asked of it.
    """

    face: Face
    crop: np.ndarray
    quality: FaceQuality


@dataclass(frozen=True, eq=False)
class AnalyzedFace(CroppedFace):
    """One face of a photo, ready to be compared.

    Attributes:
        embedding: Its unit embedding `(embedding_dim,)` float32.
        embedder: Fingerprint of the embedder: embeddings are comparable where it is equal.
        detector: Fingerprint of what found it; empty where that is not known.

    Where a photo was looked at before, and only its embeddings were kept, `crop` is `None`.
    """

    embedding: np.ndarray
    embedder: str
    detector: str = ""


class FaceAnalyzer:
    """A detector and an embedder in one.

    Args:
        detector: Finds the faces; MTCNN with its defaults if not given.
        embedder: Embeds them; the user's default if not given.

    Raises:
        ModelFileError: If a weight file is missing or altered.
    """

    def __init__(self, detector: FaceDetector | None = None, embedder: Embedder | None = None):
        self.detector = detector or FaceDetector()
        self.embedder = embedder or load_embedder()

    def crops(self, images: Sequence[np.ndarray], *, pick: Pick | None = None) -> list[list[CroppedFace]]:
        """Finds, cuts out and measures all faces of every photo.

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
        return [[self.cut(image, face) for face in faces] for image, faces in zip(images, found, strict=True)]

    def embed(self, photos: Sequence[Sequence[CroppedFace]]) -> list[list[AnalyzedFace]]:
        """Embeds the faces that `crops` gave, those of all photos in common batches."""
        faces = [face for photo in photos for face in photo]
        if not faces:
            return [[] for _ in photos]
        embeddings = self.embedder.embed(np.stack([face.crop for face in faces]))
        by = self.embedder.fingerprint, self.detector.fingerprint
        embedded = (
            AnalyzedFace(entry.face, entry.crop, entry.quality, embedding, *by)
            for entry, embedding in zip(faces, embeddings, strict=True)
        )
        return [[next(embedded) for _ in photo] for photo in photos]

    def analyze(self, images: Sequence[np.ndarray], *, pick: Pick | None = None) -> list[list[AnalyzedFace]]:
        """Finds, cuts out, measures and embeds all faces of every photo; as `crops` and `embed`."""
        return self.embed(self.crops(images, pick=pick))

    def cut(self, image: np.ndarray, face: Face) -> CroppedFace:
        """Cuts out and measures one face of an RGB photo `(height, width, 3)` uint8."""
        crop = self.embedder.crop(image, face)
        template = self.embedder.template.fingerprint
        measured = crop if template == FACE_RESNET_CROP.fingerprint else FACE_RESNET_CROP.cut(image, face)
        return CroppedFace(face, crop, measure_quality(face, measured))
