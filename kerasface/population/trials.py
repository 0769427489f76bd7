"""Searches among strangers at the threshold that ships: by people."""

from collections.abc import Sequence

import numpy as np

from kerasface.evaluation.identification import OpenSetTrial, search_trial
from kerasface.evaluation.people_rates import NamedForStrangers
from kerasface.faces.rates.operating_points import search_point

_FPIR = 0.01


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
