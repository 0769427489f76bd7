"""Which measures of a face tell that it will be missed, and where do the limits of `faces/quality.py` stand?

    python benchmarks/face_quality.py --data ../shared/data

Genuine pairs of LFW at the threshold of FMR 0.1 %: refused pairs (FNMR) by the worse of the two faces, and when the
worst pairs by a measure are not decided on (error versus reject; Grother and Tabassi, "Performance of Biometric Quality
Measures", PAMI 2007); then by the second face, after its photo was blurred, shrunk, darkened or covered, with the
false matches that such photos give (FMR) where one of two is damaged and where both are. Yaw is compared with the
angles that FASSEG states.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path

import cv2
import numpy as np
from lfw import batches, lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row
from sklearn.metrics import roc_auc_score

from kerasface.data.cache.crops import crop_faces, embed_crops
from kerasface.data.folders import read_identity_folders
from kerasface.evaluation.normalization import normalized_scores
from kerasface.evaluation.verification import wilson_interval
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import Face, FaceDetector, central_face
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.quality import MAX_YAW, FaceQuality, head_pose, measure_quality, problems
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.faces.rates.operating_points import operating_point
from kerasface.files.paths import default_cache_folder
from kerasface.images.decoding import decode

# Measure: whether a high value is the bad one; angles by their size.
MEASURES = {"side": False, "sharpness": False, "yaw": True, "pitch": True, "roll": True, "brightness": False}
MEASURES |= {"clipped": True, "visibility": False}
REJECTED = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
RANKING = "refused pairs are worse (95 %)"  # 0.5 is by chance
CLEAN_LIMITS = {
    "side": (64, 72),
    "sharpness": (0.045, 0.055, 0.065),
    "yaw": (30, 40, 50),
    "pitch": (30, 40),
    "roll": (10, 20),
    "brightness": (60, 75),
    "clipped": (0.01, 0.05),
    "visibility": (0.15, 0.2, 0.3),
}
INTERVALS = {
    "side": (20, 24, 28, 32, 40, 56, 250),
    "sharpness": (0, 0.02, 0.03, 0.038, 0.045, 0.06, 0.08, 1),
    "brightness": (0, 10, 12.5, 15, 20, 40, 80, 160, 200, 225, 256),
    "clipped": (0, 0.01, 0.1, 0.2, 0.4, 0.6, 1.01),
    "visibility": (0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 2),
}
FACTORS = (0.3, 0.2, 0.15, 0.1, 0.07, 1.5, 2, 3)
NORMALIZER = normalizer_of(embedder_fingerprint())
NUM_DEGRADED = 400  # pairs
NUM_RESAMPLES = 300


def lfw_faces(images: Path, embedder: FaceEmbedder) -> tuple[np.ndarray, list[FaceQuality], np.ndarray, list[Path]]:
    """Embeddings, qualities, labels and files of the first photos of everybody with at least two."""
    folders = read_identity_folders(images, min_images=2)
    rows = np.concatenate([np.flatnonzero(folders.labels == label)[:6] for label in range(len(folders.identities))])
    chosen = [folders.paths[row] for row in rows]
    cache = default_cache_folder()
    crops = crop_faces(chosen, FaceDetector(), embedder.template, cache)
    embeddings = embed_crops(crops, embedder, cache)
    qualities = []
    for key in crops.keys:
        note = crops.store.note(key)
        face = Face(tuple(note["box"]), np.array(note["landmarks"], dtype=np.float32), note["detection_score"])
        qualities.append(measure_quality(face, crops.store.read([key])[0]))
    return embeddings, qualities, folders.labels[rows[crops.positions]], [chosen[row] for row in crops.positions]


def genuine_pairs(labels: np.ndarray) -> np.ndarray:
    """All pairs of photos of one person, `(num_pairs, 2)`."""
    return np.array([pair for label in np.unique(labels) for pair in combinations(np.flatnonzero(labels == label), 2)])


def values(qualities: list[FaceQuality], measure: str) -> np.ndarray:
    """The measure of each face."""
    return np.array([getattr(quality, measure) for quality in qualities])


def badness(qualities: list[FaceQuality], measure: str) -> np.ndarray:
    """The measure of each face, turned so that more is worse."""
    measured = values(qualities, measure)
    return np.abs(measured) if MEASURES[measure] else -measured


def share(wrong: np.ndarray) -> str:
    """The share that is wrong, with its 95 % interval."""
    if not len(wrong):
        return "-"
    low, high = wilson_interval(int(wrong.sum()), len(wrong))
    return f"{wrong.mean():.1%} ({low:.0%} to {high:.0%})"


def print_tails(refused: np.ndarray, worse: dict[str, np.ndarray]) -> None:
    print_columns("measure", "beyond", "pairs", "of them refused")
    for measure, limits in CLEAN_LIMITS.items():
        for limit in limits:
            beyond = refused[worse[measure] > (limit if MEASURES[measure] else -limit)]
            print_row(measure, limit, len(beyond), share(beyond))


def print_error_versus_reject(refused: np.ndarray, worse: dict[str, np.ndarray], people: np.ndarray) -> None:
    """Prints FNMR without the worst pairs, and how often a measure calls a refused pair worse than another one."""
    print_columns("not decided on, by", *(f"FNMR without the worst {part:.0%}" for part in REJECTED), RANKING)
    for measure, badness in worse.items():
        kept = np.argsort(badness, kind="stable")
        rates = [np.mean(refused[kept[: round(len(kept) * (1 - part))]]) for part in REJECTED]
        print_row(measure, *(f"{rate:.2%}" for rate in rates), ranking(refused, badness, people))


def ranking(refused: np.ndarray, badness: np.ndarray, people: np.ndarray) -> str:
    """Area under the curve with its 95 % interval, drawn over people: pairs of one person go wrong together."""
    generator = np.random.default_rng(0)
    pairs_of = [np.flatnonzero(people == person) for person in np.unique(people)]
    areas = []
    for _ in range(NUM_RESAMPLES):
        rows = np.concatenate([pairs_of[index] for index in generator.integers(len(pairs_of), size=len(pairs_of))])
        areas.append(roc_auc_score(refused[rows], badness[rows]))
    low, high = np.percentile(areas, (2.5, 97.5))
    return f"{roc_auc_score(refused, badness):.2f} ({low:.2f} to {high:.2f})"


def degradations() -> list[tuple[tuple[str, ...], str, Callable[[np.ndarray], np.ndarray]]]:
    """What is done to a photo of 250 x 250 pixels, whose face is about 90 pixels wide.

    Returns:
        The measures whose limits it tests, its name, and itself.
    """
    generator = np.random.default_rng(0)

    def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
        return cv2.GaussianBlur(image, (0, 0), sigma)

    def grainy(image: np.ndarray, deviation: float) -> np.ndarray:
        return np.clip(image + generator.normal(0, deviation, image.shape), 0, 255).astype(np.uint8)

    def shrunk(image: np.ndarray, side: int) -> np.ndarray:
        return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)

    def lit(image: np.ndarray, factor: float) -> np.ndarray:
        return np.clip(image * float(factor), 0, 255).astype(np.uint8)

    def covered(image: np.ndarray, rows: slice, cover: np.ndarray | int, opacity: float = 1.0) -> np.ndarray:
        image = image.copy()
        image[rows, 70:180] = (1 - opacity) * image[rows, 70:180] + opacity * cover
        return image

    eyes, mouth = slice(95, 125), slice(145, 185)
    checks = 60 + 120 * np.kron(np.indices((5, 14)).sum(axis=0) % 2, np.ones((8, 8)))[:, :110, None]
    light = ("brightness", "clipped")
    return [
        (tuple(INTERVALS), "none", lambda image: image),
        *((("sharpness",), f"blurred by {sigma} px", partial(blurred, sigma=sigma)) for sigma in (1, 2, 2.5, 3, 4)),
        ((), "grain of 10", partial(grainy, deviation=10)),
        ((), "blurred by 3 px, grain of 10", lambda image: grainy(blurred(image, 3), 10)),
        *(
            (("side",), f"face of {round(90 * side / 250)} px", partial(shrunk, side=side))
            for side in (125, 90, 75, 65)
        ),
        *((light, f"brightness times {factor}", partial(lit, factor=factor)) for factor in FACTORS),
        (("visibility",), "eyes covered", partial(covered, rows=eyes, cover=30)),
        (("visibility",), "glasses, 60% dark", partial(covered, rows=eyes, cover=30, opacity=0.6)),
        (("visibility",), "glasses, 80% dark", partial(covered, rows=eyes, cover=30, opacity=0.8)),
        (("visibility",), "mouth covered", partial(covered, rows=mouth, cover=30)),
        ((), "mouth covered by checks", partial(covered, rows=mouth, cover=checks)),
    ]


@dataclass(frozen=True, eq=False)
class Degraded:
    """The pairs whose second photo went through one degradation and still had a face, row by row."""

    tests: tuple[str, ...]
    name: str
    references: np.ndarray
    embeddings: np.ndarray
    people: np.ndarray
    qualities: list[FaceQuality]
    num_lost: int

    @property
    def scores(self) -> np.ndarray:
        """Scores of the genuine pairs."""
        return pair_scores(self.references, self.embeddings)

    def false_matches(self, threshold: float) -> tuple[str, str]:
        """FMR where one photo of the pair is degraded, and where both are."""
        strangers = self.people[:, None] != self.people
        one, both = (NORMALIZER.scores(rows, self.embeddings)[strangers] for rows in (self.references, self.embeddings))
        return f"{np.mean(one >= threshold):.2%}", f"{np.mean(both >= threshold):.2%}"


def pair_scores(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Normalized scores of pairs, row by row."""
    cosines = np.sum(first * second, axis=1)
    return normalized_scores(cosines, NORMALIZER.statistics(first), NORMALIZER.statistics(second))


def degraded_pairs(paths, pairs, labels, analyzer: FaceAnalyzer) -> Iterator[Degraded]:
    """Yields, for each degradation, what became of `NUM_DEGRADED` pairs under it."""
    chosen = pairs[np.random.default_rng(0).permutation(len(pairs))[:NUM_DEGRADED]]
    references = analyze([decode(paths[row]) for row in chosen[:, 0]], analyzer)
    second = [decode(paths[row]) for row in chosen[:, 1]]
    for tests, name, change in degradations():
        found = analyze([change(image) for image in second], analyzer)
        rows = [row for row in range(len(chosen)) if references[row] and found[row]]
        yield Degraded(
            tests=tests,
            name=name,
            references=np.stack([references[row].embedding for row in rows]),
            embeddings=np.stack([found[row].embedding for row in rows]),
            people=labels[chosen[rows, 0]],
            qualities=[measure_quality(found[row].face, found[row].crop) for row in rows],
            num_lost=len(chosen) - len(rows),
        )


def analyze(images: list[np.ndarray], analyzer: FaceAnalyzer) -> list:
    """The face nearest the centre of each photo, or `None`."""
    found = [faces for batch in batches(images) for faces in analyzer.analyze(batch, pick=central_face)]
    return [faces[0] if faces else None for faces in found]


def print_degraded(degraded: Iterable[Degraded], threshold: float) -> list[Degraded]:
    """Prints a row for each degradation as it is done; returns all of them."""
    measures = ("side", "sharpness", "brightness", "clipped", "visibility")
    print_columns("second photo", "no face", "FNMR", "FMR, one so", "FMR, both so", *measures, "flagged")
    done = []
    for part in degraded:
        medians = [f"{np.median(values(part.qualities, measure)):.3g}" for measure in measures]
        flagged = np.mean([bool(problems(quality)) for quality in part.qualities])
        rates = share(part.scores < threshold), *part.false_matches(threshold)
        print_row(part.name, part.num_lost, *rates, *medians, f"{flagged:.0%}")
        done.append(part)
    return done


def print_intervals(parts: list[Degraded], threshold: float) -> None:
    """Prints FNMR by intervals of each measure, over the pairs degraded in what it measures."""
    print_columns("measure", "from", "to", "pairs", "FNMR")
    for measure, edges in INTERVALS.items():
        tested = [part for part in parts if measure in part.tests]
        refused = np.concatenate([part.scores for part in tested]) < threshold
        measured = np.concatenate([values(part.qualities, measure) for part in tested])
        for low, high in pairwise(edges):
            inside = (measured >= low) & (measured < high)
            print_row(measure, low, high, int(inside.sum()), share(refused[inside]))


def print_yaw(folder: Path) -> None:
    files = sorted(folder.glob("multipose_*"))
    stated = np.array([-int(re.match(r"multipose_([+-]?\d+)", file.stem)[1]) for file in files])  # from the other side
    images = [decode(file) for file in files]
    detector = FaceDetector()
    faces = [found for batch in batches(images) for found in detector.detect(batch)]
    seen = np.array([bool(found) for found in faces])
    yaw = np.full(len(files), np.nan)
    for row in np.flatnonzero(seen):
        yaw[row] = head_pose(central_face(faces[row], images[row].shape).landmarks)[0]
    print_columns("FASSEG, stated yaw", "photos", "no face", "correlation", "mean absolute difference")
    for limit in (30, 60, 90):
        part = np.abs(stated) <= limit
        a, b = stated[part & seen], yaw[part & seen]
        cells = f"{np.corrcoef(a, b)[0, 1]:.3f}", f"{np.abs(a - b).mean():.1f}"
        print_row(f"up to {limit}", len(a), np.sum(part & ~seen), *cells)
    print()
    print_columns("FASSEG, stated yaw", "measured, median", f"beyond {MAX_YAW:.0f}")
    for angle in np.unique(np.abs(stated)):
        measured = np.abs(yaw[(np.abs(stated) == angle) & seen])
        print_row(angle, f"{np.median(measured):.0f}", f"{np.mean(measured > MAX_YAW):.0%}")


def main() -> None:
    arguments = benchmark_parser(__doc__).parse_args()
    print_header()
    embedder = FaceEmbedder(precision="float32")
    threshold = operating_point(embedder.fingerprint, 0.001).threshold
    embeddings, qualities, labels, paths = lfw_faces(lfw_folder(arguments.data) / "images", embedder)
    pairs = genuine_pairs(labels)
    refused = pair_scores(embeddings[pairs[:, 0]], embeddings[pairs[:, 1]]) < threshold
    worse = {measure: badness(qualities, measure)[pairs].max(axis=1) for measure in MEASURES}
    print(f"\n{len(pairs)} genuine pairs, {refused.mean():.1%} refused at FMR 0.1 %\n")
    print_tails(refused, worse)
    print()
    print_error_versus_reject(refused, worse, labels[pairs[:, 0]])
    print()
    print_yaw(arguments.data / "fasseg" / "train" / "images")
    print()
    parts = print_degraded(degraded_pairs(paths, pairs, labels, FaceAnalyzer(embedder=embedder)), threshold)
    refused = np.concatenate([part.scores for part in parts]) < threshold
    qualities = [quality for part in parts for quality in part.qualities]
    flagged = np.array([bool(problems(quality)) for quality in qualities])
    print(f"\nAll of these: flagged {flagged.mean():.0%}; refused of them {share(refused[flagged])}, ", end="")
    print(f"of the others {share(refused[~flagged])}\n")
    worse = {measure: badness(qualities, measure) for measure in MEASURES}
    print_error_versus_reject(refused, worse, np.concatenate([part.people for part in parts]))
    print()
    print_intervals(parts, threshold)


if __name__ == "__main__":
    main()
