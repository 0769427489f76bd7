"""Measures the thresholds that ship with the embedder: writes kerasface/faces/operating_points.json.

Impostor pairs: the first photo of every identity against the first photo of every other one. Genuine pairs: within
every identity all pairs of its first five photos. The intervals come from resampling identities, not pairs, because
the pairs of one person are not independent.

    python benchmarks/operating_points.py ../shared/data/lfw/images --data "LFW, ..." --date 2026-11-22
"""

import argparse
import json
from itertools import combinations
from pathlib import Path

import numpy as np

from kerasface.data.crops import crop_faces, embed_crops
from kerasface.data.folders import read_identity_folders
from kerasface.data.store import default_cache_folder
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedding import FaceEmbedder

OUT = Path(__file__).resolve().parent.parent / "kerasface" / "faces" / "operating_points.json"
FMRS = [round(float(f"{fmr:.2g}"), 12) for fmr in np.logspace(-5, -1, 17)]
BOOTSTRAP = 200


def measure(embeddings: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> dict:
    first = np.unique(labels, return_index=True)[1]
    scores = embeddings[first] @ embeddings[first].T
    impostor = np.sort(scores[np.triu_indices(len(first), k=1)])
    genuine = np.array([embeddings[a] @ embeddings[b] for a, b in _genuine_pairs(labels)])
    # The smallest threshold that at most this share of the impostor pairs reaches.
    thresholds = [float(np.nextafter(impostor[len(impostor) - 1 - int(fmr * len(impostor))], 2)) for fmr in FMRS]
    low, high = _intervals(scores, thresholds, rng)
    points = [
        {
            "fmr": fmr,
            "fmr_low": float(f"{low[index]:.3g}"),
            "fmr_high": float(f"{high[index]:.3g}"),
            "threshold": round(threshold, 5),
            "fnmr": round(float(np.mean(genuine < threshold)), 5),
        }
        for index, (fmr, threshold) in enumerate(zip(FMRS, thresholds, strict=True))
    ]
    return {"num_impostor": len(impostor), "num_genuine": len(genuine), "points": points}


def _genuine_pairs(labels: np.ndarray):
    for label in np.unique(labels):
        yield from combinations(np.flatnonzero(labels == label)[:5], 2)


def _intervals(scores: np.ndarray, thresholds: list[float], rng: np.random.Generator) -> np.ndarray:
    """95 % intervals of the false match rate at each threshold, `(2, num_thresholds)`, by resampling identities.

    A resample weighs identity i by the number of times it was drawn, w_i; a pair then weighs w_i * w_j.
    """
    count = len(scores)
    rates = np.empty((BOOTSTRAP, len(thresholds)))
    hits = [np.argwhere(np.triu(scores >= threshold, k=1)) for threshold in thresholds]
    for sample in rates:
        weights = np.bincount(rng.integers(0, count, count), minlength=count)
        total = (weights.sum() ** 2 - (weights**2).sum()) / 2
        sample[:] = [np.sum(weights[pairs[:, 0]] * weights[pairs[:, 1]]) / total for pairs in hits]
    return np.percentile(rates, [2.5, 97.5], axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, help="folder with one folder of photos per person")
    parser.add_argument("--data", required=True, help="what the photos are, in words")
    parser.add_argument("--date", required=True, help="day of the measurement")
    arguments = parser.parse_args()
    folders = read_identity_folders(arguments.images)
    cache = default_cache_folder()
    results = {}
    for mirror in (True, False):
        embedder = FaceEmbedder(mirror=mirror, precision="float32")
        crops = crop_faces(folders.paths, FaceDetector(), embedder, cache)
        embeddings = embed_crops(crops, embedder, cache)
        measured = measure(embeddings, folders.labels[crops.positions], np.random.default_rng(0))
        results[embedder.fingerprint] = {"data": arguments.data, "date": arguments.date, **measured}
    OUT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
