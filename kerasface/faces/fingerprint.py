"""Which embeddings can be compared: the embedder in one string, known without building it."""

import hashlib

from kerasface.faces.alignment import FACE_RESNET_TEMPLATE
from kerasface.models.pretrained import weight_file
from kerasface.models.shipped import EMBEDDING_DIM  # noqa: F401 - part of what embeddings are compared by

DEFAULT_VIEWS = 6


def alignment_fingerprint() -> str:
    """Returns template and crop size of `face_resnet` in one string: crops are comparable where it is equal."""
    return f"face_resnet-five_points-{_template()}"


def embedder_fingerprint(views: int = DEFAULT_VIEWS) -> str:
    """Returns weights, alignment and averaging of `face_resnet` in one string: embeddings compare where it is equal.

    Args:
        views: As for `FaceEmbedder`.

    Raises:
        ModelFileError: If the ledger lacks the weights.
    """
    return f"face_resnet-{weight_file('face_resnet').sha256[:12]}-five_points-{_template()}-{views}views"


def _template() -> str:
    return hashlib.sha256(FACE_RESNET_TEMPLATE.tobytes()).hexdigest()[:6]
