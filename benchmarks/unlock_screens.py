"""Can a face on a screen be told from one before the camera by stripes of colour?

    python benchmarks/unlock_screens.py --data ../shared/data

The pixels of a screen and those of the camera beat with each other: stripes with one period all over the face, single
peaks in the spectrum of its red minus green. Measured is how far the highest peak stands out of its ring; the median
over five frames. On what came of it stands why the face unlock does not use it (`RESULTS.md`).
"""

import cv2
import numpy as np
from lfw import lfw_photos
from machine import benchmark_parser, print_columns, print_header, print_row
from unlock import PERSONS
from unlock_videos import FRAME_RATE, Head, Maker, replay, still, turning

from kerasface.faces.detection import FaceDetector
from kerasface.unlock.session import unlock_analyzer

QUALITIES = (None, 80, 60, 40)  # of the JPEG that a browser or a webcam makes of each frame
_FRAMES = 5
_PATCH = 128  # pixels
_LOWEST, _HIGHEST = 10, 60  # periods across the patch: above the features of a face, below the corners of the spectrum
_RADII = np.hypot(np.fft.fftfreq(_PATCH)[:, None], np.fft.rfftfreq(_PATCH)) * _PATCH  # periods across the patch
_RINGS = _RADII.astype(int)
_RING_SIZES = np.maximum(np.bincount(_RINGS.ravel()), 1)
_BAND = (_RADII > _LOWEST) & (_RADII < _HIGHEST)
_WINDOW = np.outer(np.hanning(_PATCH), np.hanning(_PATCH))


def screen_pattern(frame: np.ndarray, landmarks: np.ndarray) -> float:
    """Returns the highest peak over the mean of the frequencies as far from zero.

    Args:
        frame: RGB `(height, width, 3)` uint8, both sides at least 128.
        landmarks: `(5, 2)` positions in the frame.
    """
    left, top = (np.mean(landmarks, axis=0) - _PATCH / 2).astype(int)
    left, top = (max(0, min(at, side - _PATCH)) for at, side in zip((left, top), frame.shape[1::-1], strict=True))
    red, green, _ = cv2.split(frame[top : top + _PATCH, left : left + _PATCH].astype(np.float32))
    colour = red - green
    spectrum = np.abs(np.fft.rfft2((colour - cv2.GaussianBlur(colour, (0, 0), 4)) * _WINDOW))
    means = np.bincount(_RINGS.ravel(), weights=spectrum.ravel()) / _RING_SIZES
    return float((spectrum / (means[_RINGS] + 1e-6))[_BAND].max())


def compressed(frame: np.ndarray, quality: int | None) -> np.ndarray:
    if quality is None:
        return frame
    content = cv2.imencode(".jpg", frame[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return np.ascontiguousarray(cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1])


def patterns(maker: Maker, detector: FaceDetector) -> list[float]:
    """The pattern of a video at each quality."""
    found = [[] for _ in QUALITIES]
    for number in range(_FRAMES):
        frame = maker(number / FRAME_RATE, None)
        for values, quality in zip(found, QUALITIES, strict=True):
            shown = compressed(frame, quality)
            if faces := detector.detect([shown])[0]:
                values.append(screen_pattern(shown, faces[0].landmarks))
    return [float(np.median(values)) if values else np.nan for values in found]


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--videos", type=int, default=50, help="videos of each kind")
    arguments = parser.parse_args()
    print_header()
    detector = unlock_analyzer().detector
    heads = [
        Head(arguments.data / "fasseg" / "train", person, sitting, detector) for person in PERSONS for sitting in (1, 2)
    ]
    found = {"heads": [], "LFW photos": [], "screens": []}
    for number, photo in enumerate(lfw_photos(arguments.data, arguments.videos)):
        generators = [np.random.default_rng([number, kind]) for kind in range(4)]
        head = heads[number % len(heads)]
        shown = turning(head, generators[2], script=[], webcam=False)
        found["heads"].append(patterns(turning(head, generators[0]), detector))
        found["LFW photos"].append(patterns(still(photo, generators[1]), detector))
        found["screens"].append(patterns(replay(shown, generators[3]), detector))
    print()
    print_columns("pattern, median (least to most)", "as taken", *(f"JPEG {quality}" for quality in QUALITIES[1:]))
    for name, values in found.items():
        least, middle, most = (np.nanpercentile(values, part, axis=0) for part in (0, 50, 100))
        print_row(name, *(f"{b:.1f} ({a:.1f} to {c:.1f})" for a, b, c in zip(least, middle, most, strict=True)))


if __name__ == "__main__":
    main()
