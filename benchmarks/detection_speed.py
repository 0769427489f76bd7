"""How fast is the detector, and does it find the same faces, against the `mtcnn` package on the same photos in turns?

    python benchmarks/detection_speed.py --data ../shared/data

Two settings: photos of 250 x 250 pixels in batches of 32 (the peer gets them one by one, its default call), and
frames of 1280 x 720 with six faces, one by one, with `min_face_size=40` (the peer: its default call).
"""

from statistics import median

import numpy as np
from lfw import batches, covering, lfw_photos
from machine import benchmark_parser, print_columns, print_header, print_row, timed
from mtcnn import MTCNN

from kerasface.faces.detection import FaceDetector

# Left, top and side of the photos in a frame: faces from about 75 to 275 pixels.
TILES = ((0, 0, 720), (720, 0, 360), (720, 360, 360), (1080, 0, 200), (1080, 200, 200), (1080, 400, 200))
AGREEMENT = 0.8  # intersection over union from which two boxes count as the same face


def compare_photos(photos: list[np.ndarray], detector: FaceDetector, peer: MTCNN) -> None:
    """Prints time per photo of both, medians over batches, and how often their largest faces agree."""
    detector.detect(photos[:32])
    peer.detect_faces(photos[0])
    seconds, pairs = [], []
    for batch in batches(photos):
        theirs = timed(lambda photos: [peer.detect_faces(photo) for photo in photos], batch)
        ours = timed(detector.detect, batch)
        seconds.append((theirs[0] / len(batch), ours[0] / len(batch)))
        peer_boxes = [boxes_of_peer(faces, photo) for faces, photo in zip(theirs[1], batch, strict=True)]
        pairs += zip(peer_boxes, [[face.box for face in faces] for faces in ours[1]], strict=True)
    overlaps = np.array([overlap(largest(a), largest(b)) if b else 0 for a, b in pairs if a])
    theirs, ours = (1000 * median(column) for column in zip(*seconds, strict=True))
    print_columns(
        "250 x 250 photos",
        "mtcnn ms",
        "kerasface ms",
        "times as fast",
        "main face agrees",
        "found by mtcnn / kerasface",
    )
    print_row(
        len(photos),
        f"{theirs:.1f}",
        f"{ours:.1f}",
        f"{theirs / ours:.1f}",
        f"{np.mean(overlaps >= AGREEMENT):.2%} (IoU >= {AGREEMENT}; median {np.median(overlaps):.3f})",
        f"{sum(bool(a) for a, _ in pairs)} / {sum(bool(b) for _, b in pairs)}",
    )


def compare_frames(frames: list[np.ndarray], detector: FaceDetector, peer: MTCNN) -> None:
    """Prints time per frame of both, medians over frames, and how many of the six faces they find."""
    detector.detect(frames[:1])
    peer.detect_faces(frames[0])
    seconds, found = [], []
    for frame in frames:
        theirs = timed(peer.detect_faces, frame)
        ours = timed(detector.detect, [frame])
        seconds.append((theirs[0], ours[0]))
        found.append((num_found(boxes_of_peer(theirs[1], frame)), num_found([face.box for face in ours[1][0]])))
    theirs, ours = (1000 * median(column) for column in zip(*seconds, strict=True))
    peer_found, our_found = np.sum(found, axis=0)
    total = len(TILES) * len(frames)
    print()
    print_columns("1280 x 720 frames", "mtcnn ms", "kerasface ms", "times as fast", "faces found by mtcnn / kerasface")
    print_row(
        len(frames),
        f"{theirs:.0f}",
        f"{ours:.0f}",
        f"{theirs / ours:.1f}",
        f"{peer_found} of {total} / {our_found} of {total}",
    )


def mosaic(photos: list[np.ndarray]) -> np.ndarray:
    """Returns a frame `(720, 1280, 3)` of six photos at different scales."""
    frame = np.full((720, 1280, 3), 128, dtype=np.uint8)
    for photo, (left, top, side) in zip(photos, TILES, strict=True):
        frame[top : top + side, left : left + side] = covering(photo, side, side)
    return frame


def num_found(boxes: list[tuple]) -> int:
    """Returns in how many tiles a box holds the centre, where LFW has its faces, and is smaller than the tile."""
    return sum(
        any(
            x < left + side / 2 < x + width and y < top + side / 2 < y + height and max(width, height) < side
            for x, y, width, height in boxes
        )
        for left, top, side in TILES
    )


def boxes_of_peer(faces: list[dict], image: np.ndarray) -> list[tuple]:
    """Returns the peer's boxes cut at the border of the image, as ours are."""
    boxes = []
    for x, y, width, height in (face["box"] for face in faces):
        left, top = max(x, 0), max(y, 0)
        boxes.append((left, top, min(x + width, image.shape[1]) - left, min(y + height, image.shape[0]) - top))
    return boxes


def largest(boxes: list[tuple]) -> tuple:
    return max(boxes, key=lambda box: box[2] * box[3])


def overlap(a: tuple, b: tuple) -> float:
    """Returns intersection over union of two boxes: x, y, width, height."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--photos", type=int, default=512, help="photos of 250 x 250")
    parser.add_argument("--frames", type=int, default=10, help="frames of 1280 x 720")
    arguments = parser.parse_args()
    print_header()
    peer = MTCNN()
    compare_photos(lfw_photos(arguments.data, arguments.photos), FaceDetector(), peer)
    photos = lfw_photos(arguments.data, len(TILES) * arguments.frames)
    frames = [mosaic(photos[index :: arguments.frames]) for index in range(arguments.frames)]
    compare_frames(frames, FaceDetector(min_face_size=40), peer)


if __name__ == "__main__":
    main()
