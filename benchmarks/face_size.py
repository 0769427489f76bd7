"""How small may a face be? Justifies `MIN_SIDE` in kerasface/faces/quality.py.

    python benchmarks/face_size.py --data ../shared/data

The photos of LFW's genuine pairs are shrunk until their face (the box found at full size) has a given width, and
everything starts over: found, aligned, embedded, compared at the shipped threshold. A pair is missed where a face is
not found or the score is too low. False matches are counted over all pairs of photos of different people.
"""

import cv2
import numpy as np
from lfw import batches, lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.data.pairs import read_pairs
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import FaceDetector, central_face
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.faces.rates.operating_points import operating_point
from kerasface.images.decoding import decode

NORMALIZER = normalizer_of(embedder_fingerprint())
WIDTHS = (16, 20, 24, 28, 32, 40, 56, 80)


def embed(photos: list[np.ndarray], analyzer: FaceAnalyzer) -> tuple[np.ndarray, np.ndarray]:
    """Returns the embeddings `(n, 128)` of the central faces, zeros where none was found, and their widths `(n,)`."""
    found = [faces for batch in batches(photos) for faces in analyzer.analyze(batch, pick=central_face)]
    none = np.zeros(analyzer.embedder.embedding_dim, dtype=np.float32)
    embeddings = np.stack([faces[0].embedding if faces else none for faces in found])
    return embeddings, np.array([faces[0].face.box[2] if faces else 0 for faces in found])


def shrunk(photo: np.ndarray, factor: float) -> np.ndarray:
    if factor >= 1:
        return photo
    height, width = (max(1, round(extent * factor)) for extent in photo.shape[:2])
    return cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)


def rates(
    a: np.ndarray, b: np.ndarray, genuine: np.ndarray, strangers: np.ndarray, threshold: float
) -> tuple[str, str]:
    """Returns FNMR over the `genuine` pairs and FMR over `strangers` (a mask of pairs with faces), as two cells."""
    scores = NORMALIZER.scores(a, b)
    missed = np.mean(scores[genuine[:, 0], genuine[:, 1]] < threshold)
    falsely = np.mean(scores[strangers] >= threshold)
    return f"{missed:.2%}", f"{falsely:.3%}"


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--pairs", type=int, default=600, help="genuine pairs")
    parser.add_argument("--fmr", type=float, default=0.001, help="false match rate whose shipped threshold is judged")
    arguments = parser.parse_args()
    print_header()
    folder = lfw_folder(arguments.data)
    listed = [pair for pair in read_pairs(folder / "pairs.txt", folder / "images") if pair.same]
    listed = listed[:: max(1, len(listed) // arguments.pairs)][: arguments.pairs]
    paths = sorted({path for pair in listed for path in (pair.path_a, pair.path_b)})
    genuine = np.array([(paths.index(pair.path_a), paths.index(pair.path_b)) for pair in listed])
    people = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
    photos = [decode(path) for path in paths]
    analyzer = FaceAnalyzer(FaceDetector(min_face_size=12))
    threshold = operating_point(analyzer.embedder.fingerprint, arguments.fmr).threshold
    full, full_widths = embed(photos, analyzer)
    print(
        f"{len(listed)} genuine pairs, {len(photos)} photos of {people.max() + 1} people; threshold {threshold:.4f} "
        f"for FMR {arguments.fmr:.2%}; embedder in {analyzer.embedder.precision}"
    )
    print_columns("face width", "found", "FNMR, both small", "FMR, both small", "FNMR, one small", "FMR, one small")
    for width in (*WIDTHS, None):
        factors = np.divide(width or full_widths, full_widths, out=np.ones(len(photos)), where=full_widths > 0)
        small, widths = embed([shrunk(photo, factor) for photo, factor in zip(photos, factors, strict=True)], analyzer)
        found = widths > 0
        strangers = np.triu(people[:, None] != people, k=1) & found[:, None] & found
        label = f"{width} pixels" if width else f"full (median {np.median(full_widths):.0f})"
        both, one = (rates(small, other, genuine, strangers, threshold) for other in (small, full))
        print_row(label, f"{found.mean():.1%}", *both, *one)


if __name__ == "__main__":
    main()
