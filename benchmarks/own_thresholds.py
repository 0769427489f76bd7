"""Do searches hold their rate with thresholds of one's own? By halves: kept of the one, strangers of the other.

    python benchmarks/own_thresholds.py --data ../shared/data [--width 24]

LFW's people with two photos or more, whom the cohort was not drawn after, are seen by a poor camera, their faces WIDTH
pixels wide; they are enrolled with one photo each. Georgia Tech is tried with the cohort without its part: what would a
search do if a lower threshold of pairs lowered its own?
"""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import cv2
import numpy as np
from machine import benchmark_parser, print_columns, print_header, print_row
from populations import Population, read_population

from kerasface.data.cache.crops import crop_faces
from kerasface.data.people import EmbeddedPeople
from kerasface.evaluation.people import measure_people
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.rates.cohorts import _parts, embedder_of
from kerasface.faces.rates.operating_points import operating_point, search_point
from kerasface.faces.rates.own_points import points_of, shipped_points
from kerasface.files.paths import default_cache_folder
from kerasface.population.extension import draw_extension
from kerasface.population.judging import judge_people
from kerasface.population.own import points_to_keep

FPIR, SIZES, SPLITS, GALLERIES, DATE = 0.01, (6, 50, 200), 4, 4, "2026-11-29"


def seen_poorly(people: Population, embedder: FaceEmbedder, width: int) -> Population:
    crops = crop_faces(people.paths, FaceDetector(), embedder.template, default_cache_folder())
    poor = []
    for crop in crops.store.read(crops.keys):
        small = cv2.resize(crop, (width, width), interpolation=cv2.INTER_AREA)
        poor.append(cv2.resize(small, embedder.image_size[::-1], interpolation=cv2.INTER_CUBIC))
    return replace(people, embeddings=embedder.embed(np.stack(poor)))


def kept_of(people: Population, embedder: str, extended: bool):
    labels = np.unique(people.labels, return_inverse=True)[1]
    given = EmbeddedPeople(
        [str(number) for number in range(labels.max() + 1)], people.paths, people.embeddings, labels, []
    )
    part = draw_extension(given, embedder, "own", date=DATE) if extended else None
    own = points_to_keep(judge_people(given, embedder), "own", DATE, part)
    return points_of(SimpleNamespace(embedder=embedder, own_points=own.to_dict))


def first_photos(people: Population) -> np.ndarray:
    return np.r_[True, np.diff(people.labels) != 0]


def judge(poor: Population, embedder: str) -> None:
    ways = {
        "shipped": lambda own: shipped_points(embedder),
        "own": partial(kept_of, embedder=embedder, extended=False),
        "own, with a part": partial(kept_of, embedder=embedder, extended=True),
    }
    print_columns("thresholds", *(f"FPIR; FNIR among {size}" for size in SIZES), "higher at 1, 0.1, 0.01 %")
    for name, way in ways.items():
        found, shifts = {size: [] for size in SIZES}, []
        for split in range(SPLITS):
            halves, rng = poor.halves(split), np.random.default_rng(split)
            for own, others in (halves, halves[::-1]):
                points, judged = way(poor[own]), poor[others]
                shifts.append([points.own.shift(rate) if points.own else 0 for rate in (0.01, 0.001, 0.0001)])
                scores = points.normalizer.scores(judged.embeddings, judged.embeddings)
                first, people = np.flatnonzero(first_photos(judged)), np.unique(judged.labels)
                for size in (size for size in SIZES for _ in range(GALLERIES)):
                    enrolled = np.sort(rng.permutation(len(people))[:size])
                    inside = np.isin(judged.labels, people[enrolled])
                    known = np.setdiff1d(np.flatnonzero(inside), first)
                    own_place = first[np.searchsorted(people, judged.labels[known])]
                    threshold = points.search_point(FPIR, size).threshold
                    taken = scores[~inside][:, first[enrolled]].max(axis=1) >= threshold
                    found[size].append((taken.mean(), np.mean(scores[known, own_place] < threshold)))
        rates = ("; ".join(f"{rate:.2%}" for rate in np.mean(found[size], axis=0)) for size in SIZES)
        print_row(name, *rates, ", ".join(f"{shift:.2f}" for shift in np.mean(shifts, axis=0)))


def judge_lowered(gtech: Population, lfw: Population, embedder: FaceEmbedder) -> None:
    """Students as strangers before everybody of LFW, at thresholds moved both ways by those of pairs."""
    parts = [part for card, part in _parts(embedder_of(embedder.fingerprint)) if card.name != "gtech"]
    normalizer, gallery = replace(embedder.normalizer, cohort=np.concatenate(parts)), lfw.embeddings[first_photos(lfw)]
    shipped, pair = (find(embedder.fingerprint, rate, *size).threshold for find, rate, size in POINTS)
    rates = []
    for split in range(SPLITS):
        halves = gtech.halves(split)
        for own, others in (halves, halves[::-1]):
            some = gtech[own]
            shift = (
                measure_people(some.embeddings, some.labels, [pair], normalizer=normalizer).threshold_at(0.001) - pair
            )
            best = normalizer.scores(gtech.embeddings[others], gallery).max(axis=1)
            rates.append([np.mean(best >= threshold) for threshold in (shipped, shipped + shift)])
    print_columns("students before 826 of LFW", "FPIR shipped", "moved both ways")
    print_row("Georgia Tech", *(f"{rate:.2%}" for rate in np.mean(rates, axis=0)))


POINTS = ((search_point, FPIR, (826,)), (operating_point, 0.001, ()))


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--width", type=int, default=24)
    arguments = parser.parse_args()
    print_header()
    embedder = FaceEmbedder(precision="float32")
    everybody = read_population(arguments.data, "lfw", embedder)
    lfw = everybody[everybody.counts > 1]
    place = np.arange(len(lfw.labels)) - np.searchsorted(lfw.labels, lfw.labels)
    judge(seen_poorly(lfw[place < 2], embedder, arguments.width), embedder.fingerprint)
    print()
    judge_lowered(read_population(arguments.data, "gtech", embedder), lfw, embedder)


if __name__ == "__main__":
    main()
