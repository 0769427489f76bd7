"""The networks of the face front end: their sizes, and what they are made of, without Keras."""

from kerasface.models.engines.source import NetworkSource, shipped_source

PNET_CELL = 12  # pixels seen by one output of P-Net
PNET_STRIDE = 2  # pixels between two outputs of P-Net
RNET_SIZE = 24
ONET_SIZE = 48
PNET = shipped_source("mtcnn_pnet", "kerasface.models.mtcnn:build_pnet")
RNET = shipped_source("mtcnn_rnet", "kerasface.models.mtcnn:build_rnet")
ONET = shipped_source("mtcnn_onet", "kerasface.models.mtcnn:build_onet")

IMAGE_SIZE = (150, 150)  # of the crops that `face_resnet` takes
EMBEDDING_DIM = 128
VIEWS = (1, 2, 6)


def face_resnet(views: int) -> NetworkSource:
    """Returns what the embedder is made of that averages over `views` views of a crop.

    Raises:
        ValueError: If `views` is no number of views.
    """
    if views not in VIEWS:
        raise ValueError(f"views must be one of {VIEWS}. Received: views={views}.")
    return shipped_source("face_resnet", "kerasface.models.face_resnet:build_face_resnet", views=views)
