"""Which embeddings can be compared: the embedder in one string, known without building it."""

from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.models.pretrained import weight_file
from kerasface.models.shipped import EMBEDDING_DIM  # noqa: F401 - part of what embeddings are compared by

DEFAULT_VIEWS = 6


def embedder_fingerprint(views: int = DEFAULT_VIEWS) -> str:
    """Returns weights, alignment and averaging of `face_resnet` in one string: embeddings compare where it is equal.

    Args:
        views: As for `FaceEmbedder`.

    Raises:
        ModelFileError: If the ledger lacks the weights.
    """
    alignment = FACE_RESNET_CROP.fingerprint.removeprefix("face_resnet-")
    return f"face_resnet-{weight_file('face_resnet').sha256[:12]}-{alignment}-{views}views"
