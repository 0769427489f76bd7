"""Does the detector lose a face that the `mtcnn` package finds, and find one where there is none?

    python benchmarks/detection_recall.py --data ../shared/data

Photos of LFW, as they are, grey, and with their contrast stretched; each has a face. Where ours finds none, the package
is asked. Then the same photos turned by 90, 180 and 270 degrees, and pictures without any face: colored noise whose
spectrum falls as that of photos does, and skimage's pictures cut into tiles.
"""

from collections import Counter
from collections.abc import Iterator

import cv2
import numpy as np
from lfw import batches, lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row
from mtcnn import MTCNN

from kerasface.faces.detection import FaceDetector
from kerasface.faces.turns import TURNS, turned
from kerasface.images.decoding import decode

PICTURES = (
    "brick",
    "camera",
    "cell",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "moon",
    "page",
    "rocket",
)
TILE = 180  # pixels


def grey(photo: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def stretched(photo: np.ndarray) -> np.ndarray:
    """Returns the photo with the darkest 2 % of its grey levels black and the brightest 2 % white."""
    low, high = np.percentile(grey(photo), (2, 98))
    return np.clip((photo - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)


COPIES = {
    "as they are": lambda photo: photo,
    "grey": grey,
    "stretched": stretched,
    "grey and stretched": lambda photo: stretched(grey(photo)),
}


def compare_copies(photos: list[np.ndarray], detector: FaceDetector, peer: MTCNN) -> None:
    print_columns("photos of LFW", "photos", "found", "not found", "of these found by mtcnn")
    for name, copy in COPIES.items():
        copies = [copy(photo) for photo in photos]
        found = [bool(faces) for batch in batches(copies) for faces in detector.detect(batch)]
        lost = [photo for photo, any_face in zip(copies, found, strict=True) if not any_face]
        print_row(name, len(copies), sum(found), len(lost), sum(bool(peer.detect_faces(photo)) for photo in lost))


def compare_turns(photos: list[np.ndarray], detector: FaceDetector) -> None:
    print()
    print_columns("photos turned by", "photos", "turned upright", "turned otherwise", "no face")
    for degrees in (0, *TURNS):
        found = [
            faces[0].turned if faces else None
            for batch in batches(photos)
            for faces in detector.detect([turned(photo, degrees) for photo in batch])
        ]
        right = found.count(-degrees % 360)
        print_row(degrees, len(found), right, len(found) - right - found.count(None), found.count(None))


def count_false_faces(detector: FaceDetector) -> None:
    print()
    print_columns("pictures without a face", "pictures", "false faces as they stand", "and turned")
    for name, pictures in {"noise": list(noise(300)), "skimage": list(tiles())}.items():
        faces = Counter(
            bool(face.turned) for batch in batches(pictures) for found in detector.detect(batch) for face in found
        )
        print_row(name, len(pictures), faces[False], faces[True])


def noise(count: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    size = (250, 250)
    frequency = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, size), indexing="ij"))
    frequency[0, 0] = 1
    for _ in range(count):
        spectra = np.fft.fft2(rng.normal(size=(3, *size))) / frequency ** rng.uniform(0.8, 1.6)
        levels = np.fft.ifft2(spectra).real
        levels = levels[:1] + 0.4 * levels  # the channels of photos are alike
        yield np.clip(128 + 50 * levels / levels.std(), 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()


def tiles() -> Iterator[np.ndarray]:
    import skimage.data

    for name in PICTURES:
        picture = getattr(skimage.data, name)()
        picture = grey(np.repeat(picture[..., None], 3, axis=2)) if picture.ndim == 2 else picture[..., :3]
        rows, cols = picture.shape[0] // TILE, picture.shape[1] // TILE
        for row in range(rows):
            for col in range(cols):
                yield picture[row * TILE : (row + 1) * TILE, col * TILE : (col + 1) * TILE].copy()


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--photos", type=int, default=2000, help="photos of LFW")
    parser.add_argument("--turned", type=int, default=500, help="of these, how many are turned")
    arguments = parser.parse_args()
    print_header()
    paths = sorted((lfw_folder(arguments.data) / "images").glob("*/*.jpg"))
    chosen = np.linspace(0, len(paths) - 1, min(arguments.photos, len(paths))).astype(int)
    photos = [decode(paths[index]) for index in chosen]
    detector = FaceDetector()
    compare_copies(photos, detector, MTCNN())
    compare_turns(photos[: arguments.turned], detector)
    count_false_faces(detector)


if __name__ == "__main__":
    main()
