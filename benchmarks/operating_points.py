"""Measures the thresholds and probabilities that ship with the embedder: writes kerasface/faces/operating_points.json.

Impostor pairs: the first photo of every identity against the first photo of every other one. Genuine pairs: within
every identity all pairs of its first five photos. The intervals come from resampling identities, not pairs, because
the pairs of one person are not independent.

Searches: galleries of several sizes are drawn, one photo per person; everybody else comes as a stranger, and second
photos of those enrolled come as known. Wilson's interval of the rate counts every stranger once.

Calibrations: of a pair's score on the pairs of LFW's View 2, over its folds; of a search's normalised score on second
photos of people enrolled, where the answer is right, against as many strangers, over folds of people.

    python benchmarks/operating_points.py ../shared/data/lfw --data "LFW, ..." --date 2026-11-22
"""

import argparse
import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np

from kerasface.data.crops import crop_faces, embed_crops
from kerasface.data.folders import read_identity_folders
from kerasface.data.pairs import Pair, read_pairs
from kerasface.data.store import default_cache_folder
from kerasface.evaluation.calibration import fit_calibration
from kerasface.evaluation.identification import search_gallery
from kerasface.evaluation.verification import wilson_interval
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedding import FaceEmbedder
from kerasface.models.face_resnet import VIEWS

OUT = Path(__file__).resolve().parent.parent / "kerasface" / "faces" / "operating_points.json"
FMRS = [round(float(f"{fmr:.2g}"), 12) for fmr in np.logspace(-5, -1, 17)]
BOOTSTRAP = 200
# Below 0.3 % the few people whom LFW has under two names decide.
FPIRS = (0.003, 0.005, 0.01, 0.02, 0.05, 0.1)
GALLERY_SIZES = (2, 3, 5, 10, 20, 50, 100, 200, 400, 800, 1600)
SEARCHES = 100_000  # of strangers, for each size
FOLDS = 5


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


def measure_searches(embeddings: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> dict:
    people, first = np.unique(labels, return_index=True)
    second = {label: np.flatnonzero(labels == label)[1] for label in people if np.sum(labels == label) > 1}
    galleries = []
    for size in GALLERY_SIZES:
        strangers, own = [], []
        for _ in range(-(-SEARCHES // (len(people) - size))):
            drawn = rng.permutation(len(people))
            gallery, others = drawn[:size], drawn[size:]
            templates, names = embeddings[first[gallery]], people[gallery]
            strangers.append(search_gallery(templates, names, embeddings[first[others]]).normalised)
            known = [label for label in names if label in second]
            if known:
                found = search_gallery(templates, names, embeddings[[second[label] for label in known]], known)
                own.append(found.own_scores)
        strangers, own = np.concatenate(strangers), np.concatenate(own)
        # Highest rate last, as thresholds fall.
        thresholds = [float(np.quantile(strangers, 1 - fpir, method="higher")) for fpir in FPIRS]
        independent = len(people) - size
        intervals = [wilson_interval(round(fpir * independent), independent) for fpir in FPIRS]
        galleries.append(
            {
                "gallery_size": size,
                "threshold": [round(threshold, 5) for threshold in thresholds],
                "fpir_low": [float(f"{min(low, fpir):.3g}") for fpir, (low, _) in zip(FPIRS, intervals, strict=True)],
                "fpir_high": [
                    float(f"{max(high, fpir):.3g}") for fpir, (_, high) in zip(FPIRS, intervals, strict=True)
                ],
                "fnir": [round(float(np.mean(own < threshold)), 5) for threshold in thresholds],
            }
        )
    return {"num_people": len(people), "fpirs": FPIRS, "galleries": galleries}


def calibrate_pairs(embedding_of: dict[Path, np.ndarray], pairs: list[Pair], about: dict) -> dict:
    scores = [float(embedding_of[pair.path_a] @ embedding_of[pair.path_b]) for pair in pairs]
    same, folds = [pair.same for pair in pairs], [pair.fold for pair in pairs]
    return fit_calibration(scores, same, folds, **about).to_dict()


def calibrate_searches(embeddings: np.ndarray, labels: np.ndarray, about: dict, rng: np.random.Generator) -> dict:
    """Of searches in galleries of 50 people and more, where the normalised score hardly depends on the size."""
    people, first = np.unique(labels, return_index=True)
    second = {label: np.flatnonzero(labels == label)[1] for label in people if np.sum(labels == label) > 1}
    scores, right, folds = [], [], []
    for size in [size for size in GALLERY_SIZES if size >= 50]:
        for _ in range(max(1, 800 // size)):
            drawn = rng.permutation(len(people))
            gallery = drawn[:size]
            known = [label for label in people[gallery] if label in second]
            strangers = drawn[size:][: len(known)]
            rows = np.concatenate([[second[label] for label in known], first[strangers]])
            whose = np.concatenate([known, people[strangers]])
            found = search_gallery(embeddings[first[gallery]], people[gallery], embeddings[rows], whose)
            scores.append(found.normalised)
            right.append(found.own_ranks == 1)
            folds.append(whose % FOLDS)
    columns = (np.concatenate(parts) for parts in (scores, right, folds))
    return fit_calibration(*columns, **about).to_dict()


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
    parser.add_argument("lfw", type=Path, help="folder with images/ (one folder of photos per person) and pairs.txt")
    parser.add_argument("--data", required=True, help="what the photos are, in words")
    parser.add_argument("--date", required=True, help="day of the measurement")
    arguments = parser.parse_args()
    folders = read_identity_folders(arguments.lfw / "images")
    pairs = read_pairs(arguments.lfw / "pairs.txt", arguments.lfw / "images")
    cache = default_cache_folder()
    results = {}
    for views in VIEWS:
        embedder = FaceEmbedder(views=views, precision="float32")
        crops = crop_faces(folders.paths, FaceDetector(), embedder, cache)
        embeddings = embed_crops(crops, embedder, cache)
        labels, rng = folders.labels[crops.positions], np.random.default_rng(0)
        about = {"data": f"pairs of LFW's View 2, folds 1-{len({pair.fold for pair in pairs})}", "date": arguments.date}
        embedding_of = dict(zip([folders.paths[position] for position in crops.positions], embeddings, strict=True))
        measured = {
            **measure(embeddings, labels, rng),
            "calibration": calibrate_pairs(embedding_of, pairs, about),
            "search": {
                **measure_searches(embeddings, labels, rng),
                "calibration": calibrate_searches(embeddings, labels, about | {"data": arguments.data}, rng),
            },
        }
        results[embedder.fingerprint] = {"data": arguments.data, "date": arguments.date, **measured}
    text = json.dumps(results, indent=1)
    # A list of numbers stays on one line.
    text = re.sub(r"\[[^][{}]*\]", lambda found: json.dumps(json.loads(found[0])), text)
    OUT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
