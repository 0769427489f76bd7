"""Who is confused with whom, over all pairs of photos that were embedded already."""

from functools import partial

import numpy as np

from kerasface.data.people import EmbeddedPeople
from kerasface.population.judging import JudgedPeople, judge_people
from kerasface.tasks.measuring.people import Embedded, People, Report, unreported


def judge_embedded(people: People, embedded: Embedded, *, report: Report = unreported) -> JudgedPeople:
    """Judges people at the thresholds that ship, over every pair of their photos.

    Args:
        people: The photos.
        embedded: What a model sees on them.
        report: Told how many photos are done.

    Raises:
        ValueError: If a folder is not a person, or nothing ships for the embedder.
    """
    names = np.array(people.names)[people.labels].tolist()
    if names != [path.parent.name for path in people.paths]:
        raise ValueError("Who is confused with whom takes a folder per person: these photos lie otherwise.")
    there = np.flatnonzero(embedded.rows >= 0)
    present, labels = np.unique(people.labels[there], return_inverse=True)
    usable = EmbeddedPeople(
        [people.names[person] for person in present],
        [people.paths[photo] for photo in there],
        embedded.embeddings[embedded.rows[there]],
        labels,
        [(people.paths[photo], reason) for photo, reason in embedded.reasons.items()],
    )
    return judge_people(usable, embedded.fingerprint, on_progress=partial(report, "Who is confused"))
