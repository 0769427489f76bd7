"""How good embeddings are: on pairs and in searches of people that nothing was trained on."""

from dataclasses import dataclass

import numpy as np

from kerasface.evaluation.identification import IdentificationReport, OpenSetTrial, evaluate_identification
from kerasface.evaluation.labeled_pairs import drawn_pairs
from kerasface.evaluation.normalization import Normalizer, draw_cohort
from kerasface.evaluation.verification import VerificationReport, evaluate_verification, threshold_at_fmr

_FOLDS = 5
_TOLERANCE = 0.05
_COHORT, _NUM_BEST = 2000, 100  # drawn after the people trained on, and looked at of each face
_LEAST = 100  # photos that a cohort is drawn after
FPIR = 0.01


@dataclass(frozen=True, eq=False)
class JudgedEmbeddings:
    """What embeddings do for people held out.

    Attributes:
        genuine: Distances of the genuine pairs judged, `(num_genuine,)`.
        impostor: Distances of the impostor pairs judged, `(num_impostor,)`.
        verification: Error rates over these pairs; scores are cosines.
        identification: Open-set search with scores normalized by a cohort, as the product searches; `None` without
            people held out who have one image.
        fnir_of_cosines: FNIR at an FPIR of 1 % where cosines are compared as they are; `None` likewise.
    """

    genuine: np.ndarray
    impostor: np.ndarray
    verification: VerificationReport
    identification: IdentificationReport | None
    fnir_of_cosines: float | None

    @property
    def tar(self) -> float:
        """True accept rate at an FMR of 0.1 %."""
        return self.verification.tar_at_fmr["0.001"].value

    @property
    def fnir(self) -> float | None:
        """FNIR at an FPIR of 1 % with normalized scores; `None` without unknown people."""
        return self.identification.fnir_at_fpir[str(FPIR)].value if self.identification else None

    def summary(self) -> dict:
        """Returns the rates with their intervals, ready for JSON."""
        verification, found = self.verification, self.identification
        return {
            "eer": verification.eer,
            "auc": verification.auc,
            "tar_at_fmr": {fmr: vars(rate) for fmr, rate in verification.tar_at_fmr.items()},
            "num_genuine": verification.num_genuine,
            "num_impostor": verification.num_impostor,
            "rank1": found and found.rank1,
            "fnir_at_fpir": found and {fpir: vars(rate) for fpir, rate in found.fnir_at_fpir.items()},
            "fnir_of_cosines": self.fnir_of_cosines,
            "gallery_size": found and found.gallery_size,
            "num_mated": found and found.num_mated,
            "num_unknown": found and found.num_unknown,
        }


def cohort_after(embeddings: np.ndarray, seed: int) -> Normalizer | None:
    """Draws what normalizes the scores of an embedder, after the people it was trained on.

    Args:
        embeddings: Theirs, `(num_images, embedding_dim)` float32.
        seed: Of the draw.

    Returns:
        `None` where there are fewer than 100 images: scores stay cosines.
    """
    if len(embeddings) < _LEAST:
        return None
    cohort = draw_cohort(embeddings, _COHORT, num_components=20, seed=seed)
    return Normalizer(cohort, _NUM_BEST, "people trained on")


def judge_embeddings(
    embeddings: np.ndarray, labels: np.ndarray, seed: int, normalizer: Normalizer | None = None
) -> JudgedEmbeddings:
    """Judges the embeddings of people held out, by pairs and by an open-set search.

    In the search, the first image of everybody with several is enrolled, the others are looked for, and people with
    one image are the unknown.

    Args:
        embeddings: Unit embeddings, `(num_images, embedding_dim)` float32.
        labels: The person of each, integers, `(num_images,)`; two people or more with two images.
        seed: Seed of what is drawn; equal seeds judge the same pairs.
        normalizer: What normalizes the scores of the search.
    """
    first, second = drawn_pairs(labels, seed)
    scores = np.sum(embeddings[first] * embeddings[second], axis=1, dtype=np.float64)
    same = labels[first] == labels[second]
    people = np.unique(labels[first], return_inverse=True)[1]
    report = evaluate_verification(scores, same, people % _FOLDS, seed=seed)
    distances = np.sqrt(np.maximum(2 - 2 * scores, 0))
    trial = open_set_trial(embeddings, labels, normalizer)
    found = evaluate_identification(trial, seed=seed) if trial else None
    cosines = fnir_of_cosines(trial, FPIR) if trial else None
    return JudgedEmbeddings(distances[same], distances[~same], report, found, cosines)


def open_set_trial(
    embeddings: np.ndarray, labels: np.ndarray, normalizer: Normalizer | None = None
) -> OpenSetTrial | None:
    """Enrols the first image of everybody with several; `None` where nobody has a single one and so is unknown."""
    several = np.bincount(labels)[labels] >= 2
    if several.all():
        return None
    first = np.zeros(len(labels), dtype=bool)
    first[np.unique(labels, return_index=True)[1]] = True
    enrolled, mated = several & first, several & ~first
    return OpenSetTrial(
        embeddings[enrolled],
        labels[enrolled],
        embeddings[mated],
        labels[mated],
        embeddings[~several],
        normalizer,
    )


def fnir_of_cosines(trial: OpenSetTrial, fpir: float) -> float:
    """Measures the FNIR at an FPIR where the highest cosine decides, not normalized.

    Args:
        trial: With one template a person.
        fpir: Share of the unknown that may be answered.
    """
    scores = trial.mated @ trial.gallery.T
    own = scores[trial.mated_labels[:, None] == trial.gallery_labels]
    threshold = threshold_at_fmr((trial.unknown @ trial.gallery.T).max(axis=1), fpir)
    return float(np.mean((own < threshold) | (own < scores.max(axis=1))))


def is_better(after: JudgedEmbeddings, before: JudgedEmbeddings) -> bool:
    """Tells whether embeddings are to be kept in place of those before.

    They must accept more genuine pairs at an FMR of 0.1 % or, if as many, have a lower equal error rate; miss no more
    people at an FPIR of 1 % by their cosines; and in the normalized search miss at most a twentieth more, which is what
    the change differs by between splits of LFW.
    """
    pairs = (after.tar, -after.verification.eer) > (before.tar, -before.verification.eer)
    if before.identification is None or after.identification is None:
        return pairs
    fewer = after.fnir_of_cosines <= before.fnir_of_cosines and after.fnir <= (1 + _TOLERANCE) * before.fnir
    return pairs and fewer
