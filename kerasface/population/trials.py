"""Lists of pairs and searches among strangers at the thresholds that ship: by people."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from kerasface.data.pairs import Pair, persons_of
from kerasface.evaluation.identification import OpenSetTrial, search_trial
from kerasface.evaluation.people_rates import NamedForStrangers, ThresholdRates, rates_of_pairs
from kerasface.faces.rates.operating_points import search_point
from kerasface.population.judging import ASKED, shipped_thresholds

_FPIR = 0.01


def rates_of_list(pairs: Sequence[Pair], scores: ArrayLike, fingerprint: str) -> dict[float, ThresholdRates]:
    """Measures what the shipped thresholds lead to on a list of pairs.

    Args:
        pairs: Those that could be scored.
        scores: Theirs, normalized, `(num_pairs,)`.
        fingerprint: `FaceEmbedder.fingerprint` of the embedder.

    Returns:
        For each rate that can be asked for, what happens at its threshold; intervals come from resampling people.
    """
    paths = sorted({path for pair in pairs for path in (pair.path_a, pair.path_b)})
    person_of = dict(zip(paths, persons_of(pairs, paths)[1].tolist(), strict=True))
    rates = rates_of_pairs(
        scores,
        [pair.same for pair in pairs],
        [person_of[pair.path_a] for pair in pairs],
        [person_of[pair.path_b] for pair in pairs],
        shipped_thresholds(fingerprint),
    )
    return dict(zip(ASKED, rates, strict=True))


def named_for_strangers(trial: OpenSetTrial, fingerprint: str, names: Sequence[str]) -> NamedForStrangers:
    """Finds who of the enrolled is given to strangers as a name, at the threshold that ships for 1 % of strangers.

    Args:
        trial: The gallery and the probes.
        fingerprint: `FaceEmbedder.fingerprint` of their embedder.
        names: Of all labels.
    """
    people = np.unique(trial.gallery_labels)
    strangers = search_trial(trial)[1]
    threshold = search_point(fingerprint, _FPIR, len(people)).threshold
    taken = strangers.labels[strangers.normalized >= threshold]
    counts = np.bincount(np.searchsorted(people, taken), minlength=len(people))
    return NamedForStrangers(_FPIR, tuple(names[label] for label in people), counts, len(trial.unknown))
