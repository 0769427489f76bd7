"""From aligned crops to unit embeddings, and from embeddings to scores."""

import numpy as np

from kerasface.arrays import as_embeddings, check_crops
from kerasface.evaluation.normalization import Normalizer
from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.faces.detection import Face
from kerasface.faces.fingerprint import DEFAULT_VIEWS, EMBEDDING_DIM, embedder_fingerprint
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.models.pretrained import weight_file
from kerasface.models.runtime import best_precision, compile_network
from kerasface.models.shipped import face_resnet


class FaceEmbedder:
    """Embeds faces with `face_resnet`.

    Args:
        views: Over how many views of the crop the embedding is averaged: 1; 2, with its mirror image; or 6, both also a
            little smaller and larger. As many times the work, fewer errors (`benchmarks/RESULTS.md`).
        precision: `"float32"`, `"bfloat16"`, or `None` for the faster one on this machine.

    Attributes:
        name: The model's name, as thresholds and galleries record it.
        fingerprint: Weights, alignment and averaging in one string: embeddings are comparable where it is equal.
        template: How its crops are cut.
        embedding_dim: Length of an embedding.
        image_size: Height and width of the crops.
        licence: What its weights may be used for.
        trained_on: What they were trained on.

    Raises:
        ModelFileError: If the weight file is missing or altered.
        ValueError: If `views` is another number.
    """

    def __init__(self, views: int = DEFAULT_VIEWS, precision: str | None = None):
        self.name = "face_resnet"
        weights = weight_file(self.name)
        self.licence, self.trained_on = weights.licence, weights.training_data
        self.views = views
        self.precision = precision or best_precision()
        self.embedding_dim = EMBEDDING_DIM
        self.template = FACE_RESNET_CROP
        self.image_size = self.template.image_size
        self.fingerprint = embedder_fingerprint(views)
        self._network = compile_network(
            face_resnet(views), max_batch=64 if views == 1 else 16, precision=self.precision
        )

    @property
    def normalizer(self) -> Normalizer | None:
        """What puts its scores in units of what strangers reach; `None` for an embedder without a cohort."""
        return normalizer_of(self.fingerprint)

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Cuts the aligned crop that `embed` wants: `(150, 150, 3)` uint8, RGB.

        Args:
            image: RGB photo `(height, width, 3)` uint8.
            face: Where the face is in it.

        Raises:
            ValueError: If the photo has another shape or dtype.
        """
        return self.template.cut(image, face)

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """Embeds aligned crops.

        Args:
            crops: `(n, 150, 150, 3)` uint8, RGB.

        Returns:
            `(n, 128)` float32, each of length 1.

        Raises:
            ValueError: If the crops have another shape or dtype.
        """
        check_crops(crops, self.image_size)
        return self._network(crops)[0]


def cosine_scores(probes: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Scores every probe against every reference.

    Args:
        probes: Unit embeddings, shape `(num_probes, embedding_dim)`.
        references: Unit embeddings, shape `(num_references, embedding_dim)`.

    Returns:
        Scores in `[-1, 1]`, shape `(num_probes, num_references)`; higher is more alike.

    Raises:
        ValueError: If they are no embeddings, or their dimensions differ.
    """
    probes, references = (
        as_embeddings(probes, name="probes", unit=False),
        as_embeddings(references, name="references", unit=False),
    )
    if probes.shape[1:] != references.shape[1:]:
        raise ValueError(
            f"Only embeddings of one embedder can be compared. Received: shapes {probes.shape} and {references.shape}."
        )
    return np.clip(probes @ references.T, -1.0, 1.0)
