"""Measures the thresholds and probabilities that ship with the embedder: writes `faces/rates/operating_points.json`.

    python benchmarks/operating_points.py --data ../shared/data --date 2026-11-29

Scores are normalized by the cohort that ships (benchmarks/cohort.py). Pairs: all pairs of photos of LFW's people with
two photos or more, whom the cohort was not drawn after; of Georgia Tech and of the portraits, by halves of their people
with the part of the cohort drawn after the other half. Slices of LFW: four neighbourhoods of the embedding space,
people who look most like one another, and thirds by how bright the skin is.

The threshold for a rate is the lowest at which the rate holds in LFW, Georgia Tech and the portraits, and twice the
rate in every slice, as far as a population has the pairs to speak of it (3 / rate). Intervals come from resampling
people, not pairs: a resample weighs person i by w_i, and a pair of persons by w_i * w_j.

Searches: galleries of several sizes are drawn from LFW, one photo per person; everybody else comes as a stranger, and
second photos of those enrolled come as known. The cohort's LFW part is drawn after half of its people with one photo,
the others are enrolled and searched for. No threshold is below that of a verification at FPIR / size.

Calibrations: of a pair's score on the pairs of LFW's View 2, over its folds; of a search's score above its threshold on
second photos of people enrolled, where the answer is right, against as many strangers, over folds of people.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from cohort import OUT as COHORT
from cohort import SHIPPED, drawn_after, fitted_on
from machine import benchmark_parser
from populations import NAMES, Population, read_population
from sklearn.cluster import KMeans

from kerasface.data.pairs import read_pairs
from kerasface.evaluation.calibration import NORMALIZED, fit_calibration
from kerasface.evaluation.measured.pairs import PairScores, pair_thresholds
from kerasface.evaluation.measured.searches import Pool, calibrate_searches, search_thresholds
from kerasface.evaluation.normalization import Normalizer, normalized_scores
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.rates.basis import basis_of
from kerasface.images.decoding import decode
from kerasface.models.shipped import VIEWS

OUT = COHORT.parent.parent / "operating_points.json"
SPLITS = 6  # of Georgia Tech and the portraits into halves
SLACK = 2  # how many times the rate it may be in a slice
NEIGHBOURHOODS = 4


def scored(population: Population, normalizer: Normalizer, into: PairScores) -> PairScores:
    return into.add(population.embeddings, population.labels, normalizer, population.doubtful)


def halved(population: Population, normalizer: Callable[[Population], Normalizer]) -> PairScores:
    """Scores a population by halves of its people, with the cohort of the other half."""
    found = PairScores(population.name, DESCRIPTIONS[population.name])
    for split in range(SPLITS):
        halves = population.halves(split)
        for fitted, judged in (halves, halves[::-1]):
            scored(population[judged], normalizer(population[fitted]), found)
    return found


DESCRIPTIONS = {
    "lfw": "people of LFW",
    "gtech": "students of Georgia Tech",
    "portraits": "people of studio and street portraits",
}


def slices_of(lfw: Population, scores: PairScores) -> list[PairScores]:
    people = np.unique(lfw.labels)
    means = np.stack([lfw.embeddings[lfw.labels == person].mean(axis=0) for person in people])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    near = KMeans(NEIGHBOURHOODS, n_init=10, random_state=0).fit(means).labels_
    near = np.argsort(np.argsort(-np.bincount(near)))[near]  # the largest first
    slices = [
        scores.sliced(
            f"neighbours {number + 1}", "people of LFW who look most like one another", people[near == number], SLACK
        )
        for number in range(NEIGHBOURHOODS)
    ]
    brightness = np.array([_skin(path) for path in lfw.paths])
    of_person = np.array([np.median(brightness[lfw.labels == person]) for person in people])
    third = np.searchsorted(np.quantile(of_person, [1 / 3, 2 / 3]), of_person)
    return slices + [
        scores.sliced(f"{word} skin", f"people of LFW with {word} skin on their photos", people[third == number], SLACK)
        for number, word in enumerate(("darker", "medium", "lighter"))
    ]


def _skin(path: Path) -> float:
    """Median luminance of the middle of a photo of LFW, where cheeks and nose are."""
    photo = decode(path)
    rows, cols = photo.shape[0], photo.shape[1]
    middle = photo[int(0.42 * rows) : int(0.62 * rows), int(0.38 * cols) : int(0.62 * cols)]
    return float(np.median(cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY)))


def pools(lfw: Population, strangers: Population, of_part: Callable[[Population], Normalizer]) -> list[Pool]:
    place = np.arange(len(lfw.labels)) - np.searchsorted(lfw.labels, lfw.labels)
    halves = strangers.halves(0)
    return [
        _pool(_joined(lfw[place == 0], strangers[judged]), lfw[place == 1], of_part(strangers[fitted]))
        for fitted, judged in (halves, halves[::-1])
    ]


def _pool(first: Population, seconds: Population, normalizer: Normalizer) -> Pool:
    second = dict(zip(seconds.labels.tolist(), seconds.embeddings, strict=True))
    return Pool(first.embeddings, first.labels, second, normalizer)


def _joined(first: Population, second: Population) -> Population:
    return Population(
        first.name,
        first.paths + second.paths,
        np.concatenate([first.embeddings, second.embeddings]),
        np.concatenate([first.labels, second.labels]),
    )


def calibrate_pairs(lfw: Population, data: Path, normalizer: Normalizer, date: str) -> dict:
    pairs = read_pairs(data / "lfw" / "pairs.txt", data / "lfw" / "images")
    row_of = {path: row for row, path in enumerate(lfw.paths)}
    a, b = (np.array([row_of[getattr(pair, side)] for pair in pairs]) for side in ("path_a", "path_b"))
    statistics = normalizer.statistics(lfw.embeddings)
    cosines = np.sum(lfw.embeddings[a] * lfw.embeddings[b], axis=1)
    scores = normalized_scores(cosines, statistics[a], statistics[b])
    folds = [pair.fold for pair in pairs]
    about = f"pairs of LFW's View 2, folds 1-{len(set(folds))}"
    same = [pair.same for pair in pairs]
    return fit_calibration(scores, same, folds, data=about, date=date, score=NORMALIZED).to_dict()


class Cohorts:
    """The cohort that ships, and others of which one part is drawn after some of a population's people only.

    Parts are drawn after the embeddings of the default views, and serve all.
    """

    def __init__(self, data: Path):
        embedder = FaceEmbedder(precision="float32")
        self.shipped = embedder.normalizer
        self._fitted = {name: fitted_on(read_population(data, name, embedder)) for name in NAMES}
        self._row_of = {
            name: {path: row for row, path in enumerate(fitted.paths)} for name, fitted in self._fitted.items()
        }
        self._drawn: dict[tuple, np.ndarray] = {}

    def after(self, some: Population) -> Normalizer:
        return self._of({name: some.paths if name == some.name else one.paths for name, one in self._fitted.items()})

    def without(self, left_out: str) -> Normalizer:
        return self._of({name: one.paths for name, one in self._fitted.items() if name != left_out})

    def _of(self, photos: dict[str, list[Path]]) -> Normalizer:
        parts = []
        for name, paths in photos.items():
            key = name, tuple(paths)
            if key not in self._drawn:
                rows = np.array([self._row_of[name][path] for path in paths])
                self._drawn[key] = drawn_after(self._fitted[name][rows], SHIPPED[name])[0]
            parts.append(self._drawn[key])
        return replace(self.shipped, cohort=np.concatenate(parts))


def measure_embedder(everybody: dict[str, Population], cohorts: Cohorts, data: Path, date: str) -> dict:
    rng = np.random.default_rng(0)
    lfw, strangers = everybody["lfw"][everybody["lfw"].counts > 1], fitted_on(everybody["lfw"])
    main = scored(lfw, cohorts.shipped, PairScores("lfw", DESCRIPTIONS["lfw"]))
    others = [halved(everybody[name], cohorts.after) for name in ("gtech", "portraits")]
    measured = pair_thresholds([main, *others, *slices_of(lfw, main)], rng)
    asked, thresholds = (np.array([point[key] for point in measured["points"]]) for key in ("fmr", "threshold"))
    people = pools(lfw, strangers, cohorts.after)
    num_people = sum(len(pool.people) for pool in people) - len(people[0].second)
    about = f"{num_people:,} people of LFW"
    search = search_thresholds(people, lambda fmr: float(np.interp(np.log(fmr), np.log(asked), thresholds)), rng)
    return {
        "cohort": cohorts.shipped.digest,
        "date": date,
        **basis_of(FaceDetector().fingerprint),
        **measured,
        "calibration": calibrate_pairs(everybody["lfw"], data, cohorts.shipped, date),
        "search": {
            "data": about,
            "num_people": num_people,
            **search,
            "calibration": calibrate_searches(people, search, rng, data=about, date=date).to_dict(),
        },
    }


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--date", required=True, help="day of the measurement")
    arguments = parser.parse_args()
    cohorts, results = Cohorts(arguments.data), {}
    for views in VIEWS:
        embedder = FaceEmbedder(views=views, precision="float32")
        everybody = {name: read_population(arguments.data, name, embedder) for name in NAMES}
        results[embedder.fingerprint] = measure_embedder(everybody, cohorts, arguments.data, arguments.date)
        print(f"{views} views: measured", flush=True)
    text = json.dumps(results, indent=1)
    # A list of numbers stays on one line.
    text = re.sub(r"\[[^][{}]*\]", lambda found: json.dumps(json.loads(found[0])), text)
    OUT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
