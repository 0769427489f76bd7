"""How well are people found among strangers, and what do the choices of `kerasface identify` rest on?

    python benchmarks/open_set_lfw.py --data ../shared/data

Of every identity of LFW with two photos or more the alphabetically first one is enrolled, the others come back, and
half of the identities with one photo are strangers: the cohort LFW part is drawn after the other half. Tables: cosines
against normalized scores, rates at the thresholds that ship, photos enrolled per person, and how near two people may be
before an answer is called ambiguous. `benchmarks/travel.py` has other people.
"""

from dataclasses import replace

import numpy as np
from cohort import fitted_on
from machine import benchmark_parser, print_columns, print_header, print_row
from operating_points import Cohorts
from populations import read_population

from kerasface.data.cache.crops import crop_faces, embed_crops
from kerasface.data.folders import read_identity_folders
from kerasface.evaluation.identification import (
    OpenSetTrial,
    check_thresholds,
    evaluate_identification,
    smaller_galleries,
)
from kerasface.evaluation.normalization import Normalizer
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.rates.operating_points import search_point
from kerasface.files.paths import default_cache_folder

SIZES = (50, 200, 826)
MARGINS = (0.005, 0.01, 0.015, 0.02)
REPEATS = 10


def lfw_embeddings(images, views: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and labels of all photos, sorted by identity, then by file name."""
    folders = read_identity_folders(images)
    embedder = FaceEmbedder(views=views, precision="float32")
    cache = default_cache_folder()
    crops = crop_faces(folders.paths, FaceDetector(), embedder.template, cache)
    return embed_crops(crops, embedder, cache), folders.labels[crops.positions]


def trial_of(
    embeddings: np.ndarray,
    labels: np.ndarray,
    strangers: np.ndarray,
    normalizer: Normalizer | None,
    enrolled: int = 1,
    at_least: int = 2,
) -> OpenSetTrial:
    """Enrols the first `enrolled` photos of every identity of `at_least`; those from the `at_least`-th on come back."""
    counts = np.bincount(labels)[labels]
    place = np.arange(len(labels)) - np.searchsorted(labels, labels)
    gallery, mated = (counts >= at_least) & (place < enrolled), (counts >= at_least) & (place >= at_least - 1)
    return OpenSetTrial(
        embeddings[gallery], labels[gallery], embeddings[mated], labels[mated], embeddings[strangers], normalizer
    )


def print_kinds(trials: list[OpenSetTrial]) -> None:
    print_columns("scores", "people", "mated", "strangers", "rank 1", "FNIR at FPIR 10 %", "FNIR at FPIR 1 %")
    for name, parts in {
        "cosines": [replace(trial, normalizer=None) for trial in trials],
        "normalized": trials,
    }.items():
        reports = [evaluate_identification(trial, bootstrap=1) for trial in parts]
        rates = [f"{np.mean([report.fnir_at_fpir[fpir].value for report in reports]):.1%}" for fpir in ("0.1", "0.01")]
        first = reports[0]
        rank1 = f"{np.mean([report.rank1 for report in reports]):.2%}"
        print_row(name, first.gallery_size, first.num_mated, first.num_unknown, rank1, *rates)


def print_photos_per_person(embeddings, labels, strangers, normalizer: Normalizer) -> None:
    print_columns("photos enrolled per person", "people", "rank 1", "FNIR at FPIR 1 %")
    for enrolled in (1, 2, 3, 5):
        trial = trial_of(embeddings, labels, strangers, normalizer, enrolled, at_least=6)
        report = evaluate_identification(trial, bootstrap=1)
        print_row(enrolled, report.gallery_size, f"{report.rank1:.2%}", f"{report.fnir_at_fpir['0.01'].value:.1%}")


def print_margins(trial: OpenSetTrial, threshold: float) -> None:
    """Of the answers above the threshold: how many right and wrong ones have a second person within a margin."""
    people, kinds = np.unique(trial.gallery_labels), {"right": [], "wrong person": [], "stranger": []}
    for probes, labels in ((trial.mated, trial.mated_labels), (trial.unknown, np.full(len(trial.unknown), -1))):
        scores = probes @ trial.gallery.T
        normalized = trial.normalizer.scores(probes, trial.gallery)
        best, each = normalized.argmax(axis=1), np.arange(len(probes))
        own = scores[each, best]
        scores[each, best] = -1
        margins, accepted, right = own - scores.max(axis=1), normalized[each, best] >= threshold, people[best] == labels
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
    fingerprint, cohorts = FaceEmbedder(precision="float32").fingerprint, Cohorts(arguments.data)
    alone = fitted_on(read_population(arguments.data, "lfw", FaceEmbedder(precision="float32")))
    single = np.flatnonzero(np.bincount(labels)[labels] == 1)
    halves = alone.halves(0)
    normalizers = [cohorts.after(alone[half]) for half in halves]
    strangers = [single[half] for half in halves[::-1]]
    trials = [trial_of(embeddings, labels, *one) for one in zip(strangers, normalizers, strict=True)]
    print_kinds(trials)
    print()
    print_columns("people", "FPIR asked", "measured at the shipped threshold", "FNIR")
    for size in SIZES:
        for asked in (0.1, 0.01):
            parts = list(smaller_galleries(trials[0], size, repeats=1 if size == 826 else REPEATS))
            check = check_thresholds(parts, asked, search_point(fingerprint, asked, size).threshold)
            print_row(
                size, f"{asked:.0%}", f"{check.measured:.2%} ({check.low:.2%} to {check.high:.2%})", f"{check.fnir:.1%}"
            )
    print()
    print_photos_per_person(embeddings, labels, strangers[0], normalizers[0])
    print()
    print_margins(trials[0], search_point(fingerprint, 0.01, 826).threshold)


if __name__ == "__main__":
    main()
