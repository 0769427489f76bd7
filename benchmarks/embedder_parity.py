"""Does `face_resnet` compute what dlib computes, on real crops, before normalisation?

    python benchmarks/embedder_parity.py --data ../shared/data

It needs dlib: pip install dlib-bin
"""

import dlib
import keras
import numpy as np
from lfw import lfw_crops
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedding import FaceEmbedder
from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.pretrained import locate, weight_file


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--crops", type=int, default=128, help="how many faces")
    arguments = parser.parse_args()
    print_header()
    embedder = FaceEmbedder(views=1, precision="float32")
    crops = lfw_crops(arguments.data, arguments.crops, FaceDetector(), embedder)
    model = build_face_resnet()
    features = np.asarray(keras.Model(model.input, model.get_layer("features").output).predict(crops, verbose=0))
    network = dlib.face_recognition_model_v1(str(locate(weight_file("face_resnet"))))
    # The last argument is the number of jittered copies: none.
    peer = np.array([network.compute_face_descriptor(crop, 0) for crop in crops])
    difference = np.abs(features - peer)
    unit = peer / np.linalg.norm(peer, axis=1, keepdims=True)
    cosine = np.sum(embedder.embed(crops) * unit, axis=1)
    print_columns("faces", "max abs difference before normalisation", "median of it", "mean length", "lowest cosine")
    print_row(
        len(crops),
        f"{difference.max():.2e}",
        f"{np.median(difference):.2e}",
        f"{np.linalg.norm(peer, axis=1).mean():.2f}",
        f"{cosine.min():.7f}",
    )


if __name__ == "__main__":
    main()
