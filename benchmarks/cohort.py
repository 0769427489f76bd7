"""Draws the cohorts that normalize scores, and measures what they are worth: writes kerasface/faces/rates/cohorts.

    python benchmarks/cohort.py --data ../shared/data --date 2026-11-29 [--write]

A part for each population: LFW's is drawn after the people who have one photo there and are judged nowhere, that of
Georgia Tech and that of the portraits after all of theirs. The table tries sizes, numbers of Gaussians, spreads and
numbers of best cosines. LFW's people with several photos set the thresholds there; Georgia Tech and the portraits are
judged by halves of their people with the part drawn after the other half; open sets by halves of LFW's strangers.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from machine import benchmark_parser, print_columns, print_header, print_row
from populations import CITATIONS, NAMES, TERMS, Population, read_population

from kerasface.data.pairs import read_pairs
from kerasface.evaluation.normalization import Normalizer, normalized_scores
from kerasface.evaluation.verification import VerificationReport, evaluate_verification, threshold_at_fmr
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.rates.cohorts import LIMITS, NUM_BEST, CohortCard, draw_part, embedder_of, from_file, to_file

OUT = Path(__file__).resolve().parent.parent / "kerasface" / "faces" / "rates" / "cohorts" / "face_resnet"


@dataclass(frozen=True)
class Part:
    """How a part is drawn; see `draw_part`."""

    size: int
    num_components: int
    spread: float = 1.0


SHIPPED = {"lfw": Part(4000, 40), "portraits": Part(2000, 10), "gtech": Part(1000, 5, 1.3)}


def fitted_on(population: Population) -> Population:
    """The photos that a part is drawn after: of LFW those of people with one photo."""
    return population[population.counts == 1] if population.name == "lfw" else population


def drawn_after(population: Population, part: Part, seed: int = 0) -> tuple[np.ndarray, float, float]:
    return draw_part(
        population.embeddings,
        population.labels,
        part.size,
        num_components=part.num_components,
        spread=part.spread,
        seed=seed,
    )


class View2:
    """LFW's View 2, folds 1 to 5: 3,000 pairs, half of them of one person."""

    def __init__(self, data: Path, lfw: Population):
        listed = read_pairs(data / "lfw" / "pairs.txt", data / "lfw" / "images")
        row_of = {path: row for row, path in enumerate(lfw.paths)}
        rows = np.array([[row_of[pair.path_a], row_of[pair.path_b]] for pair in listed])
        self.embeddings = lfw.embeddings[rows]
        self.same, self.folds = [pair.same for pair in listed], [pair.fold for pair in listed]

    def judge(self, normalizer: Normalizer) -> dict[str, VerificationReport]:
        """What cosines and normalized scores reach, by the protocol."""
        first, second = self.embeddings[:, 0], self.embeddings[:, 1]
        cosines = np.sum(first * second, axis=1)
        normalized = normalized_scores(cosines, normalizer.statistics(first), normalizer.statistics(second))
        return {
            name: evaluate_verification(scores, self.same, self.folds, bootstrap=10)
            for name, scores in {"cosine": cosines, "normalized": normalized}.items()
        }


class Bench:
    """All populations, and the parts drawn after some of their people, each once."""

    def __init__(self, data: Path, populations: dict[str, Population]):
        self.populations = populations
        self.view2 = View2(data, populations["lfw"])
        lfw = populations["lfw"]
        self.strangers, self.judged = fitted_on(lfw), lfw[lfw.counts > 1]
        self._drawn = {}

    def normalizer(self, parts: dict[str, Part], num_best: int, seed: int, **masks) -> Normalizer:
        """A cohort of parts, each drawn after the photos of a mask of (name, rows), all of them without one."""
        drawn = []
        for name, part in parts.items():
            population = self.strangers if name == "lfw" else self.populations[name]
            rows = masks.get(name)
            key = name, part, seed, None if rows is None else rows.tobytes()
            if key not in self._drawn:
                self._drawn[key] = drawn_after(population if rows is None else population[rows], part, seed)[0]
            drawn.append(self._drawn[key])
        return Normalizer(np.concatenate(drawn), num_best, "bench")

    def judge(self, parts: dict[str, Part], num_best: int, seed: int = 0, splits: int = 4) -> dict[str, float]:
        lfw = self.normalizer(parts, num_best, seed)
        genuine, impostor = pairs(lfw, self.judged)
        found = {f"FNMR at FMR {fmr:.2%}": float(np.mean(genuine < threshold_at_fmr(impostor, fmr))) for fmr in FMRS}
        rows = []
        for split in range(splits):
            halves = {name: self.populations[name].halves(split) for name in ("gtech", "portraits")}
            for fitted, judged in ((0, 1), (1, 0)):
                masks = {name: half[fitted] for name, half in halves.items() if name in parts}
                normalizer = self.normalizer(parts, num_best, seed, **masks)
                thresholds = [threshold_at_fmr(pairs(normalizer, self.judged[::3])[1], fmr) for fmr in FMRS]
                row = []
                for name, half in halves.items():
                    genuine, impostor = pairs(normalizer, self.populations[name][half[judged]])
                    row += [np.mean(impostor >= threshold) for threshold in thresholds]
                    row += [np.mean(genuine < thresholds[0])] if name == "gtech" else []
                rows.append(row)
        names = ["gtech FMR 0.1 %", "gtech 0.01 %", "gtech FNMR", "portraits FMR 0.1 %", "portraits 0.01 %"]
        found |= dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))
        view2 = self.view2.judge(lfw)["normalized"]
        tar = view2.tar_at_fmr["0.001"].value
        found |= {"View 2 accuracy": view2.accuracy_mean, "View 2 TAR at FMR 0.1 %": tar}
        return found | {"FNIR at FPIR 1 %": self.open_set(parts, num_best, seed)}

    def open_set(self, parts: dict[str, Part], num_best: int, seed: int) -> float:
        """Of LFW: everybody's first photo is enrolled; half of the strangers come, the cohort is of the others."""
        is_first = np.r_[True, np.diff(self.judged.labels) != 0]
        gallery, mated = self.judged[is_first], self.judged[~is_first]
        halves = self.strangers.halves(0)
        rates = []
        for fitted, judged in ((0, 1), (1, 0)):
            masks = {"lfw": halves[fitted]} if "lfw" in parts else {}
            normalizer = self.normalizer(parts, num_best, seed, **masks)
            known = normalizer.scores(mated.embeddings, gallery.embeddings)
            strangers = normalizer.scores(self.strangers[halves[judged]].embeddings, gallery.embeddings).max(axis=1)
            right = gallery.labels[known.argmax(axis=1)] == mated.labels
            rates.append(1 - np.mean(right & (known.max(axis=1) >= threshold_at_fmr(strangers, 0.01))))
        return float(np.mean(rates))


FMRS = (0.001, 0.0001)


def pairs(normalizer: Normalizer, people: Population) -> tuple[np.ndarray, np.ndarray]:
    """Normalized scores of all pairs: of one person, and of two (without those that may be one)."""
    first, second = np.triu_indices(len(people.labels), k=1)
    same = people.labels[first] == people.labels[second]
    scores = normalizer.scores(people.embeddings, people.embeddings)[first, second]
    different = ~same if people.doubtful is None else ~same & ~people.doubtful[first, second]
    return scores[same], scores[different]


def print_trials(bench: Bench) -> None:
    lfw, portraits, gtech = (SHIPPED[name] for name in ("lfw", "portraits", "gtech"))
    trials = {
        "as shipped": (SHIPPED, NUM_BEST),
        "as shipped, seed 1000": (SHIPPED, NUM_BEST),
        "as shipped, seed 2000": (SHIPPED, NUM_BEST),
        "as shipped, seed 3000": (SHIPPED, NUM_BEST),
        "as shipped, seed 4000": (SHIPPED, NUM_BEST),
        "best 100": (SHIPPED, 100),
        "best 200": (SHIPPED, 200),
        "best 500": (SHIPPED, 500),
        "best 1,000": (SHIPPED, 1000),
        "lfw of 8,000": (SHIPPED | {"lfw": replace(lfw, size=8000)}, NUM_BEST),
        "twice as many, best 600": ({name: replace(part, size=2 * part.size) for name, part in SHIPPED.items()}, 600),
        "lfw of 20 Gaussians": (SHIPPED | {"lfw": replace(lfw, num_components=20)}, NUM_BEST),
        "lfw of 80 Gaussians": (SHIPPED | {"lfw": replace(lfw, num_components=80)}, NUM_BEST),
        "lfw of one Gaussian": (SHIPPED | {"lfw": replace(lfw, num_components=1)}, NUM_BEST),
        "spread 1.0 everywhere": (SHIPPED | {"gtech": replace(gtech, spread=1.0)}, NUM_BEST),
        "spread 1.2 everywhere": ({name: replace(part, spread=1.2) for name, part in SHIPPED.items()}, NUM_BEST),
        "without gtech": ({"lfw": lfw, "portraits": portraits}, NUM_BEST),
        "without portraits": ({"lfw": lfw, "gtech": gtech}, NUM_BEST),
        "lfw alone": ({"lfw": lfw}, NUM_BEST),
    }
    for index, (name, (parts, num_best)) in enumerate(trials.items()):
        found = bench.judge(parts, num_best, seed=int(name.split("seed ")[1]) if "seed" in name else 0)
        if index == 0:
            print_columns("cohort", *found)
        print_row(name, *(f"{value:.3%}" for value in found.values()))


def write(populations: dict[str, Population], fingerprint: str, date: str) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    parts = []
    for name, part in SHIPPED.items():
        population = fitted_on(populations[name])
        drawn, nearest, limit = drawn_after(population, part)
        content, scale = to_file(drawn)
        card = CohortCard(
            name=name,
            description=CITATIONS[name],
            embedder=embedder_of(fingerprint),
            terms=TERMS[name],
            num_photos=len(population.labels),
            num_people=len(np.unique(population.labels)),
            size=part.size,
            num_components=part.num_components,
            spread=part.spread,
            seed=0,
            nearest_drawn=round(nearest, 4),
            nearest_stranger=round(limit, 4),
            scale=scale,
            sha256=hashlib.sha256(content).hexdigest(),
            date=date,
        )
        parts.append(from_file(content, card))
        (OUT / f"{name}.npy").write_bytes(content)
        (OUT / f"{name}.json").write_text(json.dumps(card.to_dict(), indent=1) + "\n", encoding="utf-8")
    everybody = np.concatenate([population.embeddings for population in populations.values()])
    statistics = Normalizer(np.concatenate(parts), NUM_BEST, "new").statistics(everybody)
    limits = dict(
        zip(("mean", "spread"), np.quantile(statistics, [0.001, 0.999], axis=0).T.round(5).tolist(), strict=True)
    )
    (OUT / LIMITS).write_text(json.dumps(limits) + "\n", encoding="utf-8")


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--date", required=True, help="day of the measurement")
    parser.add_argument("--write", action="store_true", help="write the parts that ship, without a table")
    arguments = parser.parse_args()
    embedder = FaceEmbedder(precision="float32")
    populations = {name: read_population(arguments.data, name, embedder) for name in NAMES}
    if arguments.write:
        write(populations, embedder.fingerprint, arguments.date)
        return
    print_header()
    print_trials(Bench(arguments.data, populations))


if __name__ == "__main__":
    main()
