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
from dataclasses import dataclass, field, replace
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
from kerasface.evaluation.identification import search_gallery
from kerasface.evaluation.normalization import Normalizer, normalized_scores
from kerasface.evaluation.verification import threshold_at_fmr, wilson_interval
from kerasface.faces.embedding import FaceEmbedder
from kerasface.images.decoding import decode
from kerasface.models.shipped import VIEWS

OUT = COHORT.parent.parent / "operating_points.json"
FMRS = [round(float(f"{fmr:.2g}"), 12) for fmr in np.logspace(-5, -1, 17)]
BOOTSTRAP = 300
SPLITS = 6  # of Georgia Tech and the portraits into halves
SLACK = 2  # how many times the rate it may be in a slice
NEIGHBOURHOODS = 4
# Below 0.3 % the few people whom LFW has under two names decide.
FPIRS = (0.003, 0.005, 0.01, 0.02, 0.05, 0.1)
GALLERY_SIZES = (2, 3, 5, 10, 20, 50, 100, 200, 400, 800, 1600)
SEARCHES = 60_000  # of strangers, for each size
FOLDS = 5


@dataclass(eq=False)
class Scored:
    """Scores of all pairs of photos of a population, perhaps many times with different cohorts.

    Attributes:
        name: The population's.
        description: In words.
        slack: How many times the rate asked for it may be here.
        parts: For each cohort: people of the first and of the second photo of each pair, the score, and whether both
            are of one person.
    """

    name: str
    description: str
    slack: float = 1
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(self, population: Population, normalizer: Normalizer) -> "Scored":
        scores = normalizer.scores(population.embeddings, population.embeddings)
        first, second = np.triu_indices(len(scores), k=1)
        if population.doubtful is not None:
            # Nobody knows who is on these photos: no pair is taken for one of one person.
            sure = ~population.doubtful[first, second] & (population.labels[first] != population.labels[second])
            first, second = first[sure], second[sure]
        a, b = population.labels[first], population.labels[second]
        self.parts.append((a, b, scores[first, second], a == b))
        return self

    def sliced(self, name: str, description: str, people: np.ndarray) -> "Scored":
        """The pairs within a slice of the people."""
        parts = []
        for a, b, scores, same in self.parts:
            inside = np.isin(a, people) & np.isin(b, people)
            parts.append((a[inside], b[inside], scores[inside], same[inside]))
        return Scored(name, description, SLACK, parts)

    @property
    def impostor(self) -> np.ndarray:
        return np.concatenate([scores[~same] for _, _, scores, same in self.parts])

    @property
    def num_impostor(self) -> int:
        """Of each cohort, as the same photos come again with every one."""
        return round(np.mean([np.sum(~same) for *_, same in self.parts]))

    @property
    def people(self) -> np.ndarray:
        return np.unique(np.concatenate([np.concatenate([a, b]) for a, b, _, _ in self.parts]))

    def threshold(self, fmr: float) -> float:
        """The lowest at which the rate holds; -inf where there are too few pairs to speak of it."""
        if self.num_impostor < 3 / (self.slack * fmr):
            return -np.inf
        return threshold_at_fmr(self.impostor, min(1.0, self.slack * fmr))

    def rates(self, thresholds: list[float], rng: np.random.Generator) -> np.ndarray:
        """FMR, its interval, FNMR, its interval at each threshold, `(num_thresholds, 6)`; NaN without genuine pairs."""
        people = self.people
        weights = np.stack(
            [np.ones(len(people))]
            + [np.bincount(rng.integers(0, len(people), len(people)), minlength=len(people)) for _ in range(BOOTSTRAP)]
        )
        columns = []
        for genuine in (False, True):
            hits, totals = np.zeros((len(thresholds), len(weights))), np.zeros(len(weights))
            for a, b, scores, same in self.parts:
                chosen = same == genuine
                if not chosen.any():
                    continue
                rows, cols, some = (
                    np.searchsorted(people, a[chosen]),
                    np.searchsorted(people, b[chosen]),
                    scores[chosen],
                )
                pairs = rows * len(people) + cols
                totals += _weighed(pairs, np.ones(len(pairs), bool), weights, genuine)
                for index, threshold in enumerate(thresholds):
                    wrong = some < threshold if genuine else some >= threshold
                    hits[index] += _weighed(pairs, wrong, weights, genuine)
            with np.errstate(invalid="ignore"):
                shares = hits / totals
            drawn = shares[:, 1:][:, ~np.isnan(shares[0, 1:])]
            ends = np.percentile(drawn, [2.5, 97.5], axis=1) if drawn.size else np.full((2, len(shares)), np.nan)
            columns += [shares[:, 0], *ends]
        return np.stack(columns, axis=1)


def _weighed(pairs: np.ndarray, chosen: np.ndarray, weights: np.ndarray, genuine: bool) -> np.ndarray:
    """For each resample the sum of the weights of the chosen pairs of photos, `(num_resamples,)`."""
    places, counts = np.unique(pairs[chosen], return_counts=True)
    rows, cols = np.divmod(places, weights.shape[1])
    found = []
    for weight in weights:
        found.append(np.sum(counts * (weight[rows] if genuine else weight[rows] * weight[cols])))
    return np.array(found)


def halved(population: Population, normalizer: Callable[[Population], Normalizer]) -> Scored:
    """Scores a population by halves of its people, with the cohort of the other half."""
    scored = Scored(population.name, DESCRIPTIONS[population.name])
    for split in range(SPLITS):
        halves = population.halves(split)
        for fitted, judged in (halves, halves[::-1]):
            scored.add(population[judged], normalizer(population[fitted]))
    return scored


DESCRIPTIONS = {
    "lfw": "people of LFW",
    "gtech": "students of Georgia Tech",
    "portraits": "people of studio and street portraits",
}


def slices_of(lfw: Population, scored: Scored) -> list[Scored]:
    people = np.unique(lfw.labels)
    means = np.stack([lfw.embeddings[lfw.labels == person].mean(axis=0) for person in people])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    near = KMeans(NEIGHBOURHOODS, n_init=10, random_state=0).fit(means).labels_
    near = np.argsort(np.argsort(-np.bincount(near)))[near]  # the largest first
    slices = [
        scored.sliced(
            f"neighbours {number + 1}", "people of LFW who look most like one another", people[near == number]
        )
        for number in range(NEIGHBOURHOODS)
    ]
    brightness = np.array([_skin(path) for path in lfw.paths])
    of_person = np.array([np.median(brightness[lfw.labels == person]) for person in people])
    third = np.searchsorted(np.quantile(of_person, [1 / 3, 2 / 3]), of_person)
    return slices + [
        scored.sliced(f"{word} skin", f"people of LFW with {word} skin on their photos", people[third == number])
        for number, word in enumerate(("darker", "medium", "lighter"))
    ]


def _skin(path: Path) -> float:
    """Median luminance of the middle of a photo of LFW, where cheeks and nose are."""
    photo = decode(path)
    rows, cols = photo.shape[0], photo.shape[1]
    middle = photo[int(0.42 * rows) : int(0.62 * rows), int(0.38 * cols) : int(0.62 * cols)]
    return float(np.median(cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY)))


def measure(scored: list[Scored], rng: np.random.Generator) -> dict:
    thresholds = [max(one.threshold(fmr) for one in scored) for fmr in FMRS]
    thresholds = np.maximum.accumulate(thresholds[::-1])[::-1].tolist()  # that of a lower rate is no lower
    rates = np.stack([one.rates(thresholds, rng) for one in scored], axis=1)
    points = [
        {"fmr": fmr, "threshold": round(threshold, 4), "measured": [_rounded(row) for row in measured]}
        for fmr, threshold, measured in zip(FMRS, thresholds, rates, strict=True)
    ]
    populations = [
        {
            "name": one.name,
            "description": one.description,
            "num_people": len(one.people),
            "num_impostor": one.num_impostor,
            "num_genuine": round(np.mean([np.sum(same) for *_, same in one.parts])),
        }
        for one in scored
    ]
    return {"populations": populations, "points": points}


def _rounded(row: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(f"{value:.3g}") for value in row]


@dataclass(frozen=True, eq=False)
class Pool:
    """People of LFW whom a cohort was not drawn after: first photos of all, second photos of some."""

    first: Population
    seconds: Population
    normalizer: Normalizer


def pools(lfw: Population, strangers: Population, of_part: Callable[[Population], Normalizer]) -> list[Pool]:
    place = np.arange(len(lfw.labels)) - np.searchsorted(lfw.labels, lfw.labels)
    halves = strangers.halves(0)
    return [
        Pool(_joined(lfw[place == 0], strangers[judged]), lfw[place == 1], of_part(strangers[fitted]))
        for fitted, judged in (halves, halves[::-1])
    ]


def _joined(first: Population, second: Population) -> Population:
    return Population(
        first.name,
        first.paths + second.paths,
        np.concatenate([first.embeddings, second.embeddings]),
        np.concatenate([first.labels, second.labels]),
    )


def measure_searches(pools: list[Pool], at_least: Callable[[float], float], rng: np.random.Generator) -> dict:
    galleries = []
    for size in GALLERY_SIZES:
        strangers, own = [], []
        for pool in pools:
            people = pool.first.labels
            second = dict(zip(pool.seconds.labels, pool.seconds.embeddings, strict=True))
            for _ in range(-(-SEARCHES // (2 * (len(people) - size)))):
                drawn = rng.permutation(len(people))
                gallery, others = drawn[:size], drawn[size:]
                templates, names = pool.first.embeddings[gallery], people[gallery]
                found = search_gallery(templates, names, pool.first.embeddings[others], normalizer=pool.normalizer)
                strangers.append(found.normalized)
                known = [label for label in names if label in second]
                if known:
                    probes = np.stack([second[label] for label in known])
                    found = search_gallery(templates, names, probes, known, normalizer=pool.normalizer)
                    own.append(found.own_scores)
        strangers, own = np.concatenate(strangers), np.concatenate(own)
        # Highest rate last, as thresholds fall.
        thresholds = [
            max(float(np.quantile(strangers, 1 - fpir, method="higher")), at_least(fpir / size)) for fpir in FPIRS
        ]
        measured = [float(np.mean(strangers >= threshold)) for threshold in thresholds]
        independent = len(pools[0].first.labels) - size
        intervals = [
            (min(low, rate), max(high, rate))
            for rate in measured
            for low, high in [wilson_interval(round(rate * independent), independent)]
        ]
        galleries.append(
            {
                "gallery_size": size,
                "threshold": [round(threshold, 4) for threshold in thresholds],
                "fpir_measured": [float(f"{rate:.3g}") for rate in measured],
                "fpir_low": [
                    float(f"{min(low, rate):.3g}") for rate, (low, _) in zip(measured, intervals, strict=True)
                ],
                "fpir_high": [
                    float(f"{max(high, rate):.3g}") for rate, (_, high) in zip(measured, intervals, strict=True)
                ],
                "fnir": [round(float(np.mean(own < threshold)), 5) for threshold in thresholds],
            }
        )
    num_people = sum(len(pool.first.labels) for pool in pools) - len(pools[0].seconds.labels)
    return {"data": f"{num_people:,} people of LFW", "num_people": num_people, "fpirs": FPIRS, "galleries": galleries}


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


def calibrate_searches(pools: list[Pool], search: dict, date: str, rng: np.random.Generator) -> dict:
    """Of the score above the threshold for FPIR 1 %."""
    threshold_of = {row["gallery_size"]: row["threshold"][FPIRS.index(0.01)] for row in search["galleries"]}
    scores, right, folds = [], [], []
    for pool in pools:
        people = pool.first.labels
        second = dict(zip(pool.seconds.labels, pool.seconds.embeddings, strict=True))
        for size in GALLERY_SIZES:
            for _ in range(max(1, 400 // size)):
                drawn = rng.permutation(len(people))
                gallery = drawn[:size]
                known = [label for label in people[gallery] if label in second]
                strangers = drawn[size:][: len(known)]
                if not known:
                    continue
                probes = np.concatenate(
                    [np.stack([second[label] for label in known]), pool.first.embeddings[strangers]]
                )
                whose = np.concatenate([known, people[strangers]])
                templates = pool.first.embeddings[gallery]
                found = search_gallery(templates, people[gallery], probes, whose, normalizer=pool.normalizer)
                scores.append(found.normalized - threshold_of[size])
                right.append(found.own_ranks == 1)
                folds.append(whose % FOLDS)
    columns = (np.concatenate(parts) for parts in (scores, right, folds))
    return fit_calibration(*columns, data=search["data"], date=date, score=NORMALIZED).to_dict()


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
    scored = Scored("lfw", DESCRIPTIONS["lfw"]).add(lfw, cohorts.shipped)
    others = [halved(everybody[name], cohorts.after) for name in ("gtech", "portraits")]
    measured = measure([scored, *others, *slices_of(lfw, scored)], rng)
    asked, thresholds = np.log(FMRS), [point["threshold"] for point in measured["points"]]
    people = pools(lfw, strangers, cohorts.after)
    search = measure_searches(people, lambda fmr: float(np.interp(np.log(fmr), asked, thresholds)), rng)
    return {
        "cohort": cohorts.shipped.digest,
        "date": date,
        **measured,
        "calibration": calibrate_pairs(everybody["lfw"], data, cohorts.shipped, date),
        "search": {**search, "calibration": calibrate_searches(people, search, date, rng)},
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
