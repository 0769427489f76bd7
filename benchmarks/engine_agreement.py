"""Whether thresholds hold on every engine: OpenVINO in its default precision against TensorFlow in float32.

Both look at each photo of pairs.txt: the same faces, the cosines of its pairs, and, over all pairs of its photos,
FNMR at the false match rates asked for, at the thresholds that ship and at each engine's own. Then a search: the first
photo of everybody with several is enrolled, the others are probes, people with one are strangers.
"""

import os
from pathlib import Path

import numpy as np
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.data.pairs import read_pairs
from kerasface.data.photos import read_photos
from kerasface.evaluation.normalization import normalized_scores
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import FaceDetector, central_face
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.rates.operating_points import operating_point
from kerasface.models.runtime import best_precision, engines_in_use

ENGINES = {"tensorflow": "float32", "openvino": best_precision()}
RATES = (0.01, 0.001, 0.0001)
FPIRS = (0.1, 0.01)
_IOU = 0.95  # from which two boxes are of one face


def front_end(engine: str) -> FaceAnalyzer:
    os.environ["KERASFACE_ENGINE"] = engine
    return FaceAnalyzer(FaceDetector(), FaceEmbedder(precision=ENGINES[engine]))


def look(paths: list[Path], analyzers: dict[str, FaceAnalyzer]) -> tuple[dict[str, list], dict[str, np.ndarray], list]:
    """Returns by engine the boxes of each photo and the embedding of its central face; and the photos that have one."""
    boxes, vectors, kept = {engine: [] for engine in analyzers}, {engine: [] for engine in analyzers}, []
    for batch in read_photos(paths):
        images = [photo.image for photo in batch]
        faces = {engine: analyzer.analyze(images) for engine, analyzer in analyzers.items()}
        for number, photo in enumerate(batch):
            found = {engine: faces[engine][number] for engine in analyzers}
            for engine, some in found.items():
                boxes[engine].append(np.array([one.face.box for one in some]).reshape(-1, 4))
            if all(found.values()):
                kept.append(photo.path)
                for engine, some in found.items():
                    central = central_face([one.face for one in some], photo.image.shape)
                    vectors[engine].append(next(one.embedding for one in some if one.face is central))
    return boxes, {engine: np.stack(rows) for engine, rows in vectors.items()}, kept


def same_faces(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two lists of boxes `(n, 4)`: x, y, width, height, are of the same faces, in the same order."""
    if first.shape != second.shape:
        return False
    corners = [np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]) for boxes in (first, second)]
    overlap = np.minimum(corners[0][:, 2:], corners[1][:, 2:]) - np.maximum(corners[0][:, :2], corners[1][:, :2])
    shared = overlap.clip(0).prod(axis=1)
    return bool((shared >= _IOU * (first[:, 2:].prod(axis=1) + second[:, 2:].prod(axis=1) - shared)).all())


def normalized(vectors: np.ndarray, analyzer: FaceAnalyzer) -> np.ndarray:
    """Normalized scores of every photo against every other, `(n, n)`."""
    statistics = analyzer.embedder.normalizer.statistics(vectors)
    return normalized_scores(vectors @ vectors.T, statistics[:, None], statistics[None])


def measure_rates(scores: dict[str, np.ndarray], same: np.ndarray, fingerprint: str) -> None:
    print_columns("FMR asked", "engine", "FMR at the shipped threshold", "FNMR there", "FNMR at its own threshold")
    upper = np.triu_indices(len(same), 1)
    for rate in RATES:
        threshold = operating_point(fingerprint, rate).threshold
        for engine, table in scores.items():
            genuine, impostor = table[upper][same[upper]], table[upper][~same[upper]]
            own = np.quantile(impostor, 1 - rate)
            cells = (np.mean(impostor >= threshold), np.mean(genuine < threshold), np.mean(genuine < own))
            print_row(f"{rate:.2%}", engine, *(f"{100 * cell:.3f} %" for cell in cells))


def measure_search(scores: dict[str, np.ndarray], person: np.ndarray) -> None:
    print_columns("FPIR", *(f"FNIR, {engine}" for engine in scores))
    names, first, counts = np.unique(person, return_index=True, return_counts=True)
    enrolled, alone = first[counts > 1], np.isin(person, names[counts == 1])
    probes = np.setdiff1d(np.flatnonzero(~alone), enrolled)
    for fpir in FPIRS:
        missed = []
        for table in scores.values():
            threshold = np.quantile(table[alone][:, enrolled].max(axis=1), 1 - fpir)
            found = table[probes][:, enrolled]
            right = person[enrolled][found.argmax(axis=1)] == person[probes]
            missed.append(1 - np.mean(right & (found.max(axis=1) >= threshold)))
        print_row(f"{fpir:.0%}", *(f"{100 * share:.2f} %" for share in missed))


def main() -> None:
    options = benchmark_parser(__doc__).parse_args()
    print_header()
    pairs = read_pairs(options.data / "lfw" / "pairs.txt", options.data / "lfw" / "images")
    analyzers = {engine: front_end(engine) for engine in ENGINES}
    if engines_in_use() != "openvino+tensorflow":
        raise SystemExit("OpenVINO's files are not there. Run: kerasface doctor --prepare")
    boxes, vectors, kept = look(sorted({path for pair in pairs for path in (pair.path_a, pair.path_b)}), analyzers)
    equal = sum(map(same_faces, *boxes.values()))
    row_of = {path: row for row, path in enumerate(kept)}
    rows = np.array([[row_of[pair.path_a], row_of[pair.path_b]] for pair in pairs])
    cosines = [np.sum(table[rows[:, 0]] * table[rows[:, 1]], axis=1) for table in vectors.values()]
    print_columns("photos", "same faces", "pairs", "largest difference of cosines")
    print_row(len(boxes["openvino"]), equal, len(pairs), f"{np.abs(np.subtract(*cosines)).max():.1e}")
    person = np.array([path.parent.name for path in kept])
    scores = {engine: normalized(table, analyzers[engine]) for engine, table in vectors.items()}
    measure_rates(scores, person[:, None] == person[None], analyzers["openvino"].embedder.fingerprint)
    measure_search(scores, person)


if __name__ == "__main__":
    main()
