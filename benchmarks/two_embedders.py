"""Do two embedders together, their embeddings concatenated with a weight, earn what they cost?

    python benchmarks/two_embedders.py --data ../shared/data

A is `embedders/mobilefacenet.onnx` of the data, B is `face_resnet` with six views. The cosine of the concatenation is
`w` times that of A and `1 - w` times that of B. The weight is the one that misses fewest genuine pairs at an FMR of
0.01 % on one half of LFW's people; then A, B and A + B are judged on the other half, and the other way round.
Differences are to A alone, with intervals by drawing the people anew. Crops and embeddings are kept in the cache.
"""

import tempfile
from pathlib import Path

import numpy as np
from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.data.cache.crops import crop_faces, embed_crops
from kerasface.data.folders import read_identity_folders
from kerasface.evaluation.comparison import Difference, compare_pairs
from kerasface.evaluation.labeled_pairs import drawn_pairs
from kerasface.evaluation.measured.comparison import compare_searches
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedders import load_embedder
from kerasface.files.paths import default_cache_folder
from kerasface.tasks.embedders.adding import add_embedder
from kerasface.tasks.embedders.comparing import weigh_up
from kerasface.train.metric_learning.judging import open_set_trial

WEIGHTS = np.linspace(0, 1, 11)
FMR, BOOTSTRAP = 0.0001, 300


def seen_by_both(data: Path, root: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings of A and of B of the photos in which a face is found, and who is on each."""
    add_embedder(data / "embedders" / "mobilefacenet.onnx", "a", licence="research", root=root)
    people = read_identity_folders(lfw_folder(data) / "images")
    vectors = []
    for embedder in (load_embedder("a", root=root), load_embedder("face_resnet", precision="float32")):
        crops = crop_faces(people.paths, FaceDetector(), embedder.template, default_cache_folder())
        vectors.append(embed_crops(crops, embedder, default_cache_folder()))
        cost = weigh_up(embedder, root)
        print(f"{embedder.name}: {cost.embedding_dim} numbers, {cost.milliseconds:.1f} ms for a crop")
    return *vectors, people.labels[crops.positions]


def joined(a: np.ndarray, b: np.ndarray, weight: float) -> np.ndarray:
    return np.concatenate([np.sqrt(weight) * a, np.sqrt(1 - weight) * b], axis=1).astype(np.float32)


def missed(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Share of genuine pairs below the threshold for the rate, over all pairs of photos."""
    scores = embeddings @ embeddings.T
    first, second = np.triu_indices(len(labels), k=1)
    same, scores = labels[first] == labels[second], scores[first, second]
    return float(np.mean(scores[same] < np.quantile(scores[~same], 1 - FMR)))


def differences(before: np.ndarray, after: np.ndarray, labels: np.ndarray) -> list[tuple[str, Difference, str | None]]:
    first, second = drawn_pairs(labels, seed=0)
    scores = [np.sum(one[first] * one[second], axis=1) for one in (before, after)]
    persons = np.stack([labels[first], labels[second]], axis=1)
    found = []
    for fmr in (0.001, FMR):
        pairs = compare_pairs(*scores, labels[first] == labels[second], persons, fmr=fmr, bootstrap=BOOTSTRAP)
        found.append((f"FNMR at FMR {fmr:.2%}", pairs.fnmr, pairs.better))
    searches = compare_searches(*(open_set_trial(one, labels) for one in (before, after)), bootstrap=BOOTSTRAP)
    return [*found, ("FNIR at FPIR 1 %", searches.fnir, searches.better)]


def main() -> None:
    arguments = benchmark_parser(__doc__).parse_args()
    print_header()
    with tempfile.TemporaryDirectory() as folder:
        a, b, labels = seen_by_both(arguments.data, Path(folder))
    people = np.random.default_rng(0).permutation(labels.max() + 1)
    inside = np.isin(labels, people[: len(people) // 2])
    print_columns("judged on", "rate", "A", "B", "A + B", "A + B less A, 95 % interval", "better")
    for number, (fitted, judged) in enumerate([(inside, ~inside), (~inside, inside)], start=1):
        weight = min(WEIGHTS, key=lambda w: missed(joined(a[fitted], b[fitted], w), labels[fitted]))
        place = np.unique(labels[judged], return_inverse=True)[1]
        rows = differences(a[judged], joined(a[judged], b[judged], weight), place)
        alone = differences(a[judged], b[judged], place)
        for (what, at, better), (_, other, _) in zip(rows, alone, strict=True):
            told = {"a": "A", "b": f"A + B, w = {weight:.1f}", None: f"may be chance, w = {weight:.1f}"}[better]
            interval = f"{100 * at.value:+.2f} ({100 * at.low:+.2f} to {100 * at.high:+.2f}) points"
            print_row(f"half {number}", what, f"{at.a:.2%}", f"{other.b:.2%}", f"{at.b:.2%}", interval, told)


if __name__ == "__main__":
    main()
