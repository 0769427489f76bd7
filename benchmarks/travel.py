"""Do the thresholds that ship hold for other people than those of LFW?

    python benchmarks/travel.py --data ../shared/data

Georgia Tech and the portraits are judged by halves of their people, with the cohort's part drawn after the other half,
and with their kind left out of the cohort; LFW's people with the cohort that ships, whose LFW part is drawn after
others. Single frames of an unlock are photos of Georgia Tech before everybody else enrolled there.
"""

import time
from statistics import median

import numpy as np
from cohort import View2, pairs
from machine import benchmark_parser, print_columns, print_header, print_row
from operating_points import Cohorts
from populations import NAMES, read_population

from kerasface.evaluation.normalization import Normalizer
from kerasface.evaluation.reliability import expected_calibration_error
from kerasface.evaluation.verification import threshold_at_fmr
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.rates.operating_points import operating_point, pair_calibration, search_point
from kerasface.unlock.identity import FMR as UNLOCK_FMR
from kerasface.unlock.identity import EnrolledPeople, IdentityTrack

FMRS, SPLITS, GALLERIES = (0.001, 0.0001), 6, 20


def own_rates(scores: np.ndarray, labels: np.ndarray, threshold: float) -> np.ndarray:
    """Each person's own false match rate."""
    return np.array([np.mean(scores[labels == one][:, labels != one] >= threshold) for one in np.unique(labels)])


def over_half(scores: np.ndarray, labels: np.ndarray, threshold: float) -> int:
    """Pairs of people who match in more than half of the pairs of their photos."""
    people = np.unique(labels)
    return sum(
        np.mean(scores[np.ix_(labels == one, labels == other)] >= threshold) > 0.5
        for row, one in enumerate(people)
        for other in people[row + 1 :]
    )


def cross_fitted(normalizer: Normalizer, people) -> list[float]:
    """FNMR at thresholds of the other half of the people, pooled over ten splits."""
    refused, total = np.zeros(len(FMRS)), 0
    for split in range(10):
        for fitted, judged in (people.halves(split), people.halves(split)[::-1]):
            impostor, genuine = pairs(normalizer, people[fitted])[1], pairs(normalizer, people[judged])[0]
            refused += [np.sum(genuine < threshold_at_fmr(impostor, fmr)) for fmr in FMRS]
            total += len(genuine)
    return (refused / total).tolist()


def view2(data, lfw, normalizer: Normalizer) -> None:
    print_columns("View 2, folds 1-5", "accuracy", "TAR at FMR 1 %", "TAR at FMR 0.1 %", "AUC")
    for name, found in View2(data, lfw).judge(normalizer).items():
        tars = (found.tar_at_fmr[fmr].value for fmr in ("0.01", "0.001"))
        print_row(name, f"{found.accuracy_mean:.2%}", *(f"{tar:.2%}" for tar in tars), f"{found.auc:.5f}")


def judge_others(everybody: dict, cohorts: Cohorts, points: list, fingerprint: str) -> list[tuple]:
    print_columns("judged by halves", *(f"FMR at the threshold for {fmr:.2%}" for fmr in FMRS), "FNMR at 0.1 %")
    calibration, kept = pair_calibration(fingerprint), []
    for name in ("gtech", "portraits"):
        people, rows, errors, own, confused = everybody[name], [], [], [], 0
        for split in range(SPLITS):
            halves = people.halves(split)
            for fitted, judged in (halves, halves[::-1]):
                normalizer, some = cohorts.after(people[fitted]), people[judged]
                genuine, impostor = pairs(normalizer, some)
                rows.append([np.mean(impostor >= point.threshold) for point in points])
                rows[-1].append(np.mean(genuine < points[0].threshold))
                if name == "gtech":
                    kept.append((normalizer, some))
                    drawn = np.random.default_rng(split).choice(impostor, len(genuine), replace=False)
                    probabilities = calibration.probability(np.r_[genuine, drawn])
                    errors.append(expected_calibration_error(probabilities, np.arange(2 * len(genuine)) < len(genuine)))
                    scores = normalizer.scores(some.embeddings, some.embeddings)
                    own += zip(np.unique(some.labels), own_rates(scores, some.labels, points[0].threshold), strict=True)
                    confused += over_half(scores, some.labels, points[0].threshold)
        print_row(name, *(f"{value:.4%}" for value in np.mean(rows, axis=0)))
        genuine, impostor = pairs(cohorts.without(name), people)
        left_out = [np.mean(impostor >= point.threshold) for point in points] + [np.mean(genuine < points[0].threshold)]
        print_row(f"{name}, its part left out", *(f"{value:.4%}" for value in left_out))
        if name == "gtech":
            rates = {one: np.mean([rate for who, rate in own if who == one]) for one, _ in own}
            over = sum(rate > 10 * FMRS[0] for rate in rates.values())
            print_row("gtech", f"people over ten times: {over} of {len(rates)}", f"confused pairs: {confused}", "")
            print_row("gtech", f"calibration error {np.mean(errors):.2%}", f"worst half {np.max(errors):.2%}", "")
    return kept


def judge_searches(lfw, kept: list[tuple], fingerprint: str) -> None:
    rng = np.random.default_rng(0)
    gallery = lfw.embeddings[np.r_[True, np.diff(lfw.labels) != 0]]
    print_columns("who comes before whom", "FPIR asked", "measured")
    for size in (50, 200, len(gallery)):
        threshold, rates = search_point(fingerprint, 0.01, size).threshold, []
        for normalizer, some in kept:
            scores = normalizer.scores(some.embeddings, gallery)
            for _ in range(GALLERIES if size < len(gallery) else 1):
                drawn = rng.permutation(len(gallery))[:size]
                rates.append(np.mean(scores[:, drawn].max(axis=1) >= threshold))
        print_row(f"gtech before {size} of LFW", "1 %", f"{np.mean(rates):.2%}")
    rates = []
    for normalizer, some in kept:
        first = some.embeddings[np.r_[True, np.diff(some.labels) != 0]]
        threshold = search_point(fingerprint, 0.01, len(first)).threshold
        rates.append(np.mean(normalizer.scores(lfw.embeddings, first).max(axis=1) >= threshold))
    print_row("LFW before 12 or 13 of gtech", "1 %", f"{np.mean(rates):.2%}")


def judge_frames(kept: list[tuple], fingerprint: str) -> None:
    """Single frames of strangers before each person of Georgia Tech, of whom some photos are enrolled."""
    print_columns("photos enrolled", "frames of strangers", "rate of an attempt", "frames that would pass")
    for enrolled in (1, 3, 5):
        passed = []
        for normalizer, some in kept:
            for one in np.unique(some.labels):
                own = some.embeddings[some.labels == one][:enrolled]
                people = EnrolledPeople({"one": "One"}, ("one",) * len(own), own, fingerprint)
                threshold = IdentityTrack(people).point.threshold
                scores = normalizer.scores(some.embeddings[some.labels != one], own)
                passed.append(scores.max(axis=1) >= threshold)
        passed = np.concatenate(passed)
        print_row(enrolled, f"{len(passed):,}", f"{UNLOCK_FMR:.2%}", f"{np.mean(passed):.4%}")


def main() -> None:
    arguments = benchmark_parser(__doc__).parse_args()
    print_header()
    embedder = FaceEmbedder(precision="float32")
    everybody = {name: read_population(arguments.data, name, embedder) for name in NAMES}
    cohorts, lfw = Cohorts(arguments.data), everybody["lfw"][everybody["lfw"].counts > 1]
    points = [operating_point(embedder.fingerprint, fmr) for fmr in FMRS]
    view2(arguments.data, everybody["lfw"], cohorts.shipped)
    print()
    print_columns("LFW, 826 people", *(f"FNMR at FMR {fmr:.2%}, cross-fitted" for fmr in FMRS), "over ten times")
    rates = own_rates(cohorts.shipped.scores(lfw.embeddings, lfw.embeddings), lfw.labels, points[0].threshold)
    refused = (f"{rate:.2%}" for rate in cross_fitted(cohorts.shipped, lfw))
    print_row("normalized", *refused, f"{np.mean(rates > 0.01):.2%}")
    print()
    kept = judge_others(everybody, cohorts, points, embedder.fingerprint)
    print()
    judge_searches(lfw, kept, embedder.fingerprint)
    print()
    judge_frames(kept, embedder.fingerprint)
    seconds = []
    for row in range(0, 400, 2):
        started = time.perf_counter()
        cohorts.shipped.statistics(lfw.embeddings[row : row + 2])
        seconds.append(time.perf_counter() - started)
    print(f"\nStatistics of the two faces of a verification: {1000 * median(seconds):.2f} ms")


if __name__ == "__main__":
    main()
