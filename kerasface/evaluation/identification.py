"""Error rates of 1:N identification: who of a gallery is it, if anybody? People in no gallery are the hard part.

Every score is normalized by a cohort (`kerasface.evaluation.normalization`): it is in units of what strangers reach,
for the probe as for the person. Where an embedder has no cohort, scores are cosines. Everywhere, a probe is answered
when its normalized score reaches the threshold.

Reference:
    Rates as in ISO/IEC 19795-1 and Grother et al., "Face Recognition Vendor Test Part 2: Identification", NISTIR 8271,
    2019.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.arrays import as_embeddings
from kerasface.evaluation.normalization import Normalizer, normalized_scores
from kerasface.evaluation.verification import threshold_at_fmr, wilson_interval

_TARGET_FPIRS = (0.1, 0.01)
_CMC_RANKS = 20
_CHUNK = 1024  # probes scored at once


@dataclass(frozen=True, eq=False)
class Searched:
    """What a gallery answers to probes, one row each.

    Attributes:
        labels: The person answered, integers, shape `(num_probes,)`.
        scores: That person's cosine similarity, in `[-1, 1]`.
        normalized: That person's normalized score; the cosine where nothing normalizes.
        own_ranks: Rank of the probe's own person, from 1; 0 where the probe's person is not in the gallery.
    """

    labels: np.ndarray
    scores: np.ndarray
    normalized: np.ndarray
    own_ranks: np.ndarray

    @property
    def own_scores(self) -> np.ndarray:
        """Normalized scores with which probes get their own person; -inf where no threshold gives it to them."""
        return np.where(self.own_ranks == 1, self.normalized, -np.inf)


@dataclass(frozen=True)
class FnirAtFpir:
    """The false negative identification rate where the false positive identification rate meets a target.

    Attributes:
        value: Share of mated probes that do not get their own person: another one is ahead, or the score too low.
        low: Lower end of the 95 % interval of `value`, by resampling people.
        high: Upper end.
        threshold: Smallest threshold on the normalized score that at most the target share of unknown probes reaches.
        supported: Whether there are enough unknown probes to speak of the target at all: at least 3 / FPIR.
    """

    value: float
    low: float
    high: float
    threshold: float
    supported: bool


@dataclass(frozen=True)
class FpirCheck:
    """A false positive identification rate asked for, and the one measured at the threshold that it led to.

    Attributes:
        gallery_size: Number of people in the gallery.
        asked: The rate asked for.
        threshold: The threshold used, on the normalized score.
        measured: Share of unknown probes that reached it.
        low: Lower end of the 95 % interval of `measured`.
        high: Upper end.
        fnir: Share of mated probes that do not get their own person there.
        num_unknown: Searches that `measured` counts.
    """

    gallery_size: int
    asked: float
    threshold: float
    measured: float
    low: float
    high: float
    fnir: float
    num_unknown: int

    def to_dict(self) -> dict:
        """Returns the check as plain numbers, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class IdentificationReport:
    """Results of identification; rates are fractions.

    Attributes:
        rank1: Share of mated probes whose own person comes first.
        rank5: Share whose own person is among the first five.
        cmc: Those shares for the ranks 1, 2, ... (cumulative match characteristic).
        fnir_at_fpir: Target false positive identification rate, such as `"0.01"`, to what is missed there.
        gallery_size: Number of people enrolled.
        num_mated: Probes of enrolled people, those that failed included; these count as missed.
        num_unknown: Probes of people who are not enrolled, scored.
        num_failed: Photos without a usable face.
    """

    rank1: float
    rank5: float
    cmc: tuple[float, ...]
    fnir_at_fpir: dict[str, FnirAtFpir]
    gallery_size: int
    num_mated: int
    num_unknown: int
    num_failed: int

    def to_dict(self) -> dict:
        """Returns the report as plain dicts, tuples and numbers, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class OpenSetTrial:
    """Who is enrolled and who comes: unit embeddings of one embedder, and integer labels of the people.

    Attributes:
        gallery: `(num_templates, embedding_dim)` float32.
        gallery_labels: `(num_templates,)`; a person may have several templates.
        mated: Probes of enrolled people, `(num_mated, embedding_dim)` float32.
        mated_labels: `(num_mated,)`, each among `gallery_labels`.
        unknown: Probes of others, `(num_unknown, embedding_dim)` float32.
        normalizer: What normalizes the scores of their embedder; `None`: cosines decide.
        num_mated_failed: Mated probes without an embedding.
        num_failed: All photos without a usable face.
    """

    gallery: np.ndarray
    gallery_labels: np.ndarray
    mated: np.ndarray
    mated_labels: np.ndarray
    unknown: np.ndarray
    normalizer: Normalizer | None = None
    num_mated_failed: int = 0
    num_failed: int = 0

    def __post_init__(self):
        for name in ("gallery", "mated"):
            embeddings, labels = getattr(self, name), np.asarray(getattr(self, f"{name}_labels"))
            if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
                raise ValueError(
                    f"{name} needs one label for each embedding (n, dim). "
                    f"Received: shapes {embeddings.shape} and {labels.shape}."
                )
        if len(np.unique(self.gallery_labels)) < 2:
            raise ValueError("Identification needs at least two people in the gallery: one is a verification.")
        if len(self.mated) == 0 or len(self.unknown) == 0:
            raise ValueError(
                "Both probes of enrolled people and probes of others are needed. "
                f"Received: {len(self.mated)} of enrolled people, {len(self.unknown)} of others."
            )
        if not np.isin(self.mated_labels, self.gallery_labels).all():
            raise ValueError("Every mated probe must belong to somebody in the gallery.")


def search_gallery(
    gallery: np.ndarray,
    gallery_labels: ArrayLike,
    probes: np.ndarray,
    probe_labels: ArrayLike | None = None,
    *,
    normalizer: Normalizer | None = None,
) -> Searched:
    """Searches a gallery of two people or more for every probe, exactly.

    Args:
        gallery: Unit templates, `(num_templates, embedding_dim)`.
        gallery_labels: The person of each, integers, `(num_templates,)`. A person's score is that of the best template.
        probes: Unit embeddings, `(num_probes, embedding_dim)`.
        probe_labels: The person of each probe, for `own_ranks`.
        normalizer: What normalizes scores; `None`: cosines decide.

    Raises:
        ValueError: If the embeddings are malformed or of different dimensions, or there are fewer than two people.
    """
    gallery, starts, people = _by_person(gallery, np.asarray(gallery_labels))
    probes = as_embeddings(probes, gallery.shape[1], "probes")
    own = np.full(len(probes), -1) if probe_labels is None else np.asarray(probe_labels)
    kept = normalizer and normalizer.statistics(gallery)
    found: list[tuple] = []
    for start in range(0, len(probes), _CHUNK):
        rows = slice(start, min(start + _CHUNK, len(probes)))
        cosines = np.asarray(probes[rows] @ gallery.T, dtype=np.float64)
        by_template = cosines
        if normalizer:
            by_template = normalized_scores(cosines, normalizer.statistics(probes[rows])[:, None], kept[None])
        scores = np.maximum.reduceat(cosines, starts, axis=1)
        normalized = np.maximum.reduceat(by_template, starts, axis=1)  # of each person, the best template's
        best, each = normalized.argmax(axis=1), np.arange(len(scores))
        own_column = np.searchsorted(people, own[rows])
        known = np.isin(own[rows], people)
        own_value = normalized[each, np.where(known, own_column, 0)]
        ranks = np.where(known, 1 + (normalized > own_value[:, None]).sum(axis=1), 0)
        found.append((people[best], scores[each, best], normalized[each, best], ranks))
    return Searched(*(np.concatenate(part) for part in zip(*found, strict=True)))


def search_trial(trial: OpenSetTrial) -> tuple[Searched, Searched]:
    """Searches a trial's gallery for its mated and its unknown probes.

    Args:
        trial: The gallery and the probes.

    Returns:
        What the gallery answers to the mated probes, and to the unknown ones.
    """
    nobody = np.full(len(trial.unknown), np.min(trial.gallery_labels) - 1)
    found = search_gallery(
        trial.gallery,
        trial.gallery_labels,
        np.concatenate([trial.mated, trial.unknown]),
        np.concatenate([trial.mated_labels, nobody]),
        normalizer=trial.normalizer,
    )
    columns = [np.split(column, [len(trial.mated)]) for column in vars(found).values()]
    return Searched(*(column[0] for column in columns)), Searched(*(column[1] for column in columns))


def evaluate_identification(
    trial: OpenSetTrial,
    *,
    bootstrap: int = 500,
    seed: int = 0,
) -> IdentificationReport:
    """Judges the identification of enrolled people and the refusal of others.

    Args:
        trial: The gallery and the probes.
        bootstrap: Number of bootstrap samples behind the intervals.
        seed: Seed of the bootstrap.
    """
    mated, strangers = search_trial(trial)
    own, unknown = mated.own_scores, strangers.normalized
    num_mated = len(own) + trial.num_mated_failed
    cmc = [float(np.sum(mated.own_ranks <= rank) / num_mated) for rank in range(1, _CMC_RANKS + 1)]
    lost = 1 - len(own) / num_mated  # of which nothing is known
    generator = np.random.default_rng(seed)
    return IdentificationReport(
        rank1=cmc[0],
        rank5=cmc[4],
        cmc=tuple(cmc),
        fnir_at_fpir={
            str(fpir): _fnir_at_fpir(own, trial.mated_labels, unknown, fpir, lost, bootstrap, generator)
            for fpir in _TARGET_FPIRS
        },
        gallery_size=len(np.unique(trial.gallery_labels)),
        num_mated=num_mated,
        num_unknown=len(unknown),
        num_failed=trial.num_failed,
    )


def smaller_galleries(trial: OpenSetTrial, size: int, *, repeats: int) -> Iterator[OpenSetTrial]:
    """Gives trials with galleries of `size` people drawn from the trial's; who is not drawn is left out altogether.

    Raises:
        ValueError: If `size` is below 2 or above the number of people enrolled.
    """
    people = np.unique(trial.gallery_labels)
    if not 2 <= size <= len(people):
        raise ValueError(f"size must lie in [2, {len(people)}], the people enrolled. Received: size={size}.")
    generator = np.random.default_rng(0)
    for _ in range(repeats):
        drawn = generator.choice(people, size, replace=False)
        kept, probes = np.isin(trial.gallery_labels, drawn), np.isin(trial.mated_labels, drawn)
        yield OpenSetTrial(
            trial.gallery[kept],
            trial.gallery_labels[kept],
            trial.mated[probes],
            trial.mated_labels[probes],
            trial.unknown,
            trial.normalizer,
        )


def check_thresholds(trials: Sequence[OpenSetTrial], asked: float, threshold: float) -> FpirCheck:
    """Measures what a threshold fixed beforehand leads to, over trials with galleries of one size.

    Args:
        trials: One or more, with the same strangers.
        asked: The false positive identification rate that the threshold is meant for.
        threshold: On the normalized score.
    """
    searched = [search_trial(trial) for trial in trials]
    unknown = np.concatenate([strangers.normalized for _, strangers in searched])
    own = np.concatenate([mated.own_scores for mated, _ in searched])
    failed = sum(trial.num_mated_failed for trial in trials)
    measured = float(np.mean(unknown >= threshold))
    # The same strangers come to every gallery: they count once in the interval.
    independent = len(unknown) // len(trials)
    low, high = wilson_interval(round(measured * independent), independent)
    return FpirCheck(
        gallery_size=len(np.unique(trials[0].gallery_labels)),
        asked=asked,
        threshold=threshold,
        measured=measured,
        low=min(low, measured),
        high=max(high, measured),
        fnir=float((np.sum(own < threshold) + failed) / (len(own) + failed)),
        num_unknown=len(unknown),
    )


def _fnir_at_fpir(own, labels, unknown, fpir: float, lost: float, bootstrap: int, generator) -> FnirAtFpir:
    threshold = threshold_at_fmr(unknown, fpir)
    # People are resampled, not probes: the probes of one person are not independent.
    people, person_of = np.unique(labels, return_inverse=True)
    samples = []
    for _ in range(bootstrap):
        drawn = threshold_at_fmr(generator.choice(unknown, len(unknown)), fpir)
        weights = np.bincount(generator.integers(0, len(people), len(people)), minlength=len(people))[person_of]
        samples.append(np.average(own < drawn, weights=weights))
    low, high = (lost + (1 - lost) * np.quantile(samples, (0.025, 0.975))).tolist()
    value = lost + (1 - lost) * float(np.mean(own < threshold))
    return FnirAtFpir(value, min(low, value), max(high, value), threshold, 3 / len(unknown) <= fpir)


def _by_person(gallery: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorts templates by person: templates, first row of each person, and the people."""
    gallery = as_embeddings(gallery, name="gallery")
    if labels.shape != gallery.shape[:1]:
        raise ValueError(
            "gallery_labels must give every template a person. "
            f"Received: shape {labels.shape} for {len(gallery)} templates."
        )
    order = np.argsort(labels, kind="stable")
    people, starts = np.unique(labels[order], return_index=True)
    if len(people) < 2:
        raise ValueError(f"A search needs at least two people in the gallery. Received: {len(people)}.")
    return gallery[order], starts, people
