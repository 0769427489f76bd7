"""How well are people found among strangers, and what do the choices of `kerasface identify` rest on?

    python benchmarks/open_set_lfw.py --data ../shared/data

Of every identity of LFW with two photos or more the alphabetically first one is enrolled, the others come back, and
identities with one photo are strangers. Tables: the weight of rivals, rates asked for against rates measured on other
people, photos enrolled per person, and how near two people may be before an answer is called ambiguous.
"""

import numpy as np
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.data.crops import crop_faces, embed_crops
from kerasface.data.folders import read_identity_folders
from kerasface.data.store import default_cache_folder
from kerasface.evaluation.identification import (
    OpenSetTrial,
    check_thresholds,
    crowding_of,
    evaluate_identification,
    normalise,
    search_gallery,
    search_trial,
    smaller_galleries,
)
from kerasface.evaluation.verification import threshold_at_fmr
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.operating_points import search_point

SIZES = (50, 200, 826)
WEIGHTS = (0.0, 0.15, 0.25, 0.35)
MARGINS = (0.005, 0.01, 0.015, 0.02)
REPEATS = 10


def lfw_embeddings(images, views: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and labels of all photos, sorted by identity, then by file name."""
    folders = read_identity_folders(images)
    embedder = FaceEmbedder(views=views, precision="float32")
    cache = default_cache_folder()
    crops = crop_faces(folders.paths, FaceDetector(), embedder, cache)
    return embed_crops(crops, embedder, cache), folders.labels[crops.positions]


def trial_of(embeddings: np.ndarray, labels: np.ndarray, enrolled: int = 1, at_least: int = 2) -> OpenSetTrial:
    """Enrols the first `enrolled` photos of every identity of `at_least`; those from the `at_least`-th on come back."""
    counts = np.bincount(labels)[labels]
    place = np.arange(len(labels)) - np.searchsorted(labels, labels)
    gallery, mated = (counts >= at_least) & (place < enrolled), (counts >= at_least) & (place >= at_least - 1)
    return OpenSetTrial(embeddings[gallery], labels[gallery], embeddings[mated], labels[mated], embeddings[counts == 1])


def fnir(trial: OpenSetTrial, fpir: float, weight: float) -> float:
    """Share of mated probes missed where `fpir` of the strangers are taken for somebody."""
    mated, strangers = search_trial(trial, weight=weight)
    return float(np.mean(mated.own_scores < threshold_at_fmr(strangers.normalised, fpir)))


def print_weights(trial: OpenSetTrial) -> None:
    print_columns("weight of rivals", *(f"FNIR at FPIR 1 %, {size} people" for size in SIZES))
    for weight in WEIGHTS:
        rates = [
            np.mean(
                [fnir(part, 0.01, weight) for part in smaller_galleries(trial, size, repeats=1 if size == 826 else 10)]
            )
            for size in SIZES
        ]
        print_row(weight, *(f"{rate:.1%}" for rate in rates))


def print_checks(embeddings: np.ndarray, labels: np.ndarray) -> None:
    """Thresholds of one half of the people, on the other half: nobody who set them is judged by them."""
    print_columns("people enrolled", "FPIR asked", "FPIR measured on other people (ten splits)", "largest ratio")
    people, first = np.unique(labels, return_index=True)
    for size in SIZES:
        for asked in (0.1, 0.01):
            measured = []
            for seed in range(10):
                half = np.array_split(np.random.default_rng(seed).permutation(len(people)), 2)
                tops = [strangers_tops(embeddings[first[part]], size, np.random.default_rng(seed)) for part in half]
                measured.append(float(np.mean(tops[1] >= threshold_at_fmr(tops[0], asked))))
            ratio = max(max(value / asked, asked / value) for value in measured)
            print_row(size, f"{asked:.0%}", f"{min(measured):.2%} to {max(measured):.2%}", f"{ratio:.2f}")


def strangers_tops(embeddings: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Normalised scores of strangers in drawn galleries of one photo per person; all rows are different people."""
    tops = []
    for _ in range(REPEATS):
        drawn = rng.permutation(len(embeddings))
        gallery, others = embeddings[drawn[:size]], embeddings[drawn[size:]]
        tops.append(search_gallery(gallery, np.arange(size), others).normalised)
    return np.concatenate(tops)


def print_photos_per_person(embeddings: np.ndarray, labels: np.ndarray) -> None:
    print_columns("photos enrolled per person", "people", "rank 1", "FNIR at FPIR 1 %")
    for enrolled in (1, 2, 3, 5):
        trial = trial_of(embeddings, labels, enrolled, at_least=6)
        report = evaluate_identification(trial, bootstrap=1)
        print_row(enrolled, report.gallery_size, f"{report.rank1:.2%}", f"{report.fnir_at_fpir['0.01'].value:.1%}")


def print_margins(trial: OpenSetTrial, threshold: float) -> None:
    """Of the answers above the threshold: how many right and wrong ones have a second person within a margin."""
    crowding = crowding_of(trial.gallery, trial.gallery_labels)
    people = np.unique(trial.gallery_labels)
    kinds = {"right": [], "wrong person": [], "stranger": []}
    for probes, labels in ((trial.mated, trial.mated_labels), (trial.unknown, np.full(len(trial.unknown), -1))):
        scores = probes @ trial.gallery.T
        ordered = np.sort(scores, axis=1)
        rivals = np.where(scores >= ordered[:, -1:], ordered[:, -2:-1], ordered[:, -1:])
        normalised = normalise(scores, rivals, crowding)
        best, each = normalised.argmax(axis=1), np.arange(len(probes))
        margins = scores[each, best] - rivals[each, best]
        accepted = normalised[each, best] >= threshold
        right = people[best] == labels
        kinds["right"].append(margins[accepted & right])
        kinds["stranger" if labels[0] == -1 else "wrong person"].append(margins[accepted & ~right])
    print_columns("answers above the threshold", "all", *(f"margin below {margin}" for margin in MARGINS))
    for kind, parts in kinds.items():
        margins = np.concatenate(parts)
        print_row(kind, len(margins), *(int(np.sum(margins < margin)) for margin in MARGINS))


def main() -> None:
    arguments = benchmark_parser(__doc__).parse_args()
    print_header()
    embeddings, labels = lfw_embeddings(arguments.data / "lfw" / "images", views=6)
    trial = trial_of(embeddings, labels)
    embedder = FaceEmbedder(precision="float32").fingerprint
    report = evaluate_identification(trial)
    print_columns("people", "mated", "strangers", "rank 1", "rank 5", "FNIR at FPIR 10 %", "FNIR at FPIR 1 %")
    rates = [f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})" for rate in report.fnir_at_fpir.values()]
    counts = (report.gallery_size, report.num_mated, report.num_unknown)
    print_row(*counts, f"{report.rank1:.2%}", f"{report.rank5:.2%}", *rates)
    print()
    print_columns("people", "FPIR asked", "measured at the shipped threshold", "FNIR")
    for size in SIZES:
        for asked in (0.1, 0.01):
            parts = list(smaller_galleries(trial, size, repeats=1 if size == 826 else REPEATS))
            check = check_thresholds(parts, asked, search_point(embedder, asked, size).threshold)
            print_row(
                size, f"{asked:.0%}", f"{check.measured:.2%} ({check.low:.2%} to {check.high:.2%})", f"{check.fnir:.1%}"
            )
    print()
    print_checks(embeddings, labels)
    print()
    print_weights(trial)
    print()
    print_photos_per_person(embeddings, labels)
    print()
    print_margins(trial, search_point(embedder, 0.01, report.gallery_size).threshold)


if __name__ == "__main__":
    main()
