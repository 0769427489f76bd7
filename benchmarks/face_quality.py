"""Which measures of a face tell that it will be missed, and where do the limits of `faces/quality.py` stand?

    python benchmarks/face_quality.py --data ../shared/data

Genuine pairs of LFW at the threshold of FMR 0.1 %: refused pairs (FNMR) by the worse of the two faces, when the worst
pairs by a measure are not decided on (error versus reject; Grother and Tabassi, "Performance of Biometric Quality
Measures", PAMI 2007), and after one of the two photos was blurred, shrunk, darkened or covered. Yaw is compared with
the angles that FASSEG states.
"""

import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.data.crops import crop_faces, embed_crops
from kerasface.data.folders import read_identity_folders
from kerasface.data.store import default_cache_folder
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import Face, FaceDetector, central_face
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.operating_points import operating_point
from kerasface.faces.quality import FaceQuality, head_pose, measure_quality, problems
from kerasface.images import decode

# Measure: whether a high value is the bad one; angles by their size.
MEASURES = {"side": False, "sharpness": False, "yaw": True, "pitch": True, "roll": True, "brightness": False}
MEASURES |= {"clipped": True, "visibility": False}
REJECTED = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
NUM_DEGRADED = 400  # pairs


def lfw_faces(images: Path, embedder: FaceEmbedder) -> tuple[np.ndarray, list[FaceQuality], np.ndarray, list[Path]]:
    """Embeddings, qualities, labels and files of all photos."""
    folders = read_identity_folders(images)
    cache = default_cache_folder()
    crops = crop_faces(folders.paths, FaceDetector(), embedder, cache)
    embeddings = embed_crops(crops, embedder, cache)
    qualities = []
    for key in crops.keys:
        note = crops.store.note(key)
        face = Face(tuple(note["box"]), np.array(note["landmarks"], dtype=np.float32), note["detection_score"])
        qualities.append(measure_quality(face, crops.store.read([key])[0]))
    paths = [folders.paths[position] for position in crops.positions]
    return embeddings, qualities, folders.labels[crops.positions], paths


def genuine_pairs(labels: np.ndarray) -> np.ndarray:
    """All pairs of each identity's first six photos, `(num_pairs, 2)`."""
    rows = (np.flatnonzero(labels == label)[:6] for label in np.unique(labels))
    return np.array([pair for part in rows for pair in combinations(part, 2)])


def badness(qualities: list[FaceQuality], measure: str) -> np.ndarray:
    """The measure of each face, turned so that more is worse."""
    values = np.array([getattr(quality, measure) for quality in qualities])
    return np.abs(values) if MEASURES[measure] else -values


def print_error_versus_reject(scores, pairs, qualities, threshold: float) -> None:
    print_columns("not decided on, by", *(f"FNMR without the worst {share:.0%}" for share in REJECTED))
    for measure in MEASURES:
        worse = badness(qualities, measure)[pairs].max(axis=1)
        kept = np.argsort(worse, kind="stable")
        rates = [np.mean(scores[kept[: round(len(kept) * (1 - share))]] < threshold) for share in REJECTED]
        print_row(measure, *(f"{rate:.2%}" for rate in rates))


def print_tails(scores, pairs, qualities, threshold: float) -> None:
    print_columns("measure", "limit", "pairs beyond", "of them refused")
    limits = {
        "side": (64, 72),
        "sharpness": (0.045, 0.055, 0.065),
        "yaw": (30, 40, 50),
        "pitch": (30, 40),
        "roll": (10, 20),
    }
    limits |= {"brightness": (60, 75), "clipped": (0.01, 0.05), "visibility": (0.15, 0.2, 0.3)}
    for measure, values in limits.items():
        worse = badness(qualities, measure)[pairs].max(axis=1)
        for value in values:
            beyond = worse > (value if MEASURES[measure] else -value)
            print_row(measure, value, int(beyond.sum()), f"{np.mean(scores[beyond] < threshold):.0%}")


def degradations() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """What is done to a photo of 250 x 250 pixels, whose face is about 90 pixels wide, by name."""

    def covered(image: np.ndarray, top: int, bottom: int) -> np.ndarray:
        image = image.copy()
        image[top:bottom, 70:180] = 30
        return image

    def shrunk(image: np.ndarray, side: int) -> np.ndarray:
        return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)

    changes = {"none": lambda image: image}
    for sigma in (1, 2, 3, 4):
        changes[f"blurred by {sigma} px"] = lambda image, s=sigma: cv2.GaussianBlur(image, (0, 0), s)
    for side in (125, 90, 65):
        changes[f"face of {round(90 * side / 250)} px"] = lambda image, s=side: shrunk(image, s)
    for factor in (0.3, 0.15, 0.07, 3, 6):
        changes[f"brightness times {factor}"] = lambda image, f=factor: np.clip(image * float(f), 0, 255).astype(
            np.uint8
        )
    return changes | {
        "eyes covered": lambda image: covered(image, 95, 125),
        "mouth covered": lambda image: covered(image, 145, 185),
    }


def print_degraded(paths, pairs, analyzer: FaceAnalyzer, threshold: float) -> None:
    columns = ("side", "sharpness", "brightness", "clipped", "visibility")
    print_columns("second photo", "no face", "FNMR", *columns, "flagged", "FNMR of the flagged", "of the others")
    chosen = pairs[np.random.default_rng(0).permutation(len(pairs))[:NUM_DEGRADED]]
    first = [decode(paths[row]) for row in chosen[:, 0]]
    references = analyze(first, analyzer)
    second = [decode(paths[row]) for row in chosen[:, 1]]
    for name, change in degradations().items():
        found = analyze([change(image) for image in second], analyzer)
        both = [(a, b) for a, b in zip(references, found, strict=True) if a and b]
        scores = np.array([a.embedding @ b.embedding for a, b in both])
        qualities = [measure_quality(b.face, b.crop) for _, b in both]
        flagged = np.array([bool(problems(quality)) for quality in qualities])
        medians = [f"{np.median([getattr(quality, key) for quality in qualities]):.2f}" for key in columns]
        refused = scores < threshold
        rates = [f"{np.mean(refused[part]):.1%}" if part.any() else "-" for part in (flagged, ~flagged)]
        print_row(name, len(first) - len(both), f"{refused.mean():.1%}", *medians, f"{flagged.mean():.1%}", *rates)


def analyze(images: list[np.ndarray], analyzer: FaceAnalyzer) -> list:
    """The face nearest the centre of each photo, or `None`."""
    found = []
    for start in range(0, len(images), 32):
        found += analyzer.analyze(images[start : start + 32], pick=central_face)
    return [faces[0] if faces else None for faces in found]


def print_yaw(folder: Path) -> None:
    files = sorted(folder.glob("multipose_*"))
    stated = [-int(re.match(r"multipose_([+-]?\d+)", file.stem)[1]) for file in files]  # they count to the other side
    images = [decode(file) for file in files]
    faces = FaceDetector().detect(images)
    rows = [
        (angle, head_pose(central_face(found, image.shape).landmarks)[0])
        for angle, image, found in zip(stated, images, faces, strict=True)
        if found
    ]
    angles, yaw = np.array(rows).T
    print_columns("FASSEG, stated yaw", "photos", "correlation", "mean absolute difference")
    for limit in (30, 60, 90):
        part = np.abs(angles) <= limit
        difference = np.abs(yaw - angles)[part].mean()
        print_row(
            f"up to {limit}", int(part.sum()), f"{np.corrcoef(angles[part], yaw[part])[0, 1]:.3f}", f"{difference:.1f}"
        )


def main() -> None:
    arguments = benchmark_parser(__doc__).parse_args()
    print_header()
    embedder = FaceEmbedder(precision="float32")
    threshold = operating_point(embedder.fingerprint, 0.001).threshold
    embeddings, qualities, labels, paths = lfw_faces(arguments.data / "lfw" / "images", embedder)
    pairs = genuine_pairs(labels)
    scores = np.sum(embeddings[pairs[:, 0]] * embeddings[pairs[:, 1]], axis=1)
    print(f"{len(pairs)} genuine pairs, {np.mean(scores < threshold):.1%} refused at FMR 0.1 %\n")
    print_tails(scores, pairs, qualities, threshold)
    print()
    print_error_versus_reject(scores, pairs, qualities, threshold)
    print()
    print_yaw(arguments.data / "fasseg" / "train" / "images")
    print()
    print_degraded(paths, pairs, FaceAnalyzer(embedder=embedder), threshold)


if __name__ == "__main__":
    main()
