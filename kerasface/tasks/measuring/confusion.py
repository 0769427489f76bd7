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
        ValueError: If a folder is not a person, fewer than two people have a face, or nothing ships for the embedder.
    """
    names = np.array(people.names)[people.labels].tolist()
    if names != [path.parent.name for path in people.paths]:
        raise ValueError("Who is confused with whom takes a folder per person: these photos lie otherwise.")
    on_progress = partial(report, "Who is confused")
    return judge_people(with_faces(people, embedded), embedded.fingerprint, on_progress=on_progress)


def with_faces(people: People, embedded: Embedded) -> EmbeddedPeople:
    """Returns the photos that have a face, and the people who have such a photo.

    Raises:
        ValueError: If these are fewer than two.
    """
    there = np.flatnonzero(embedded.rows >= 0)
    present, labels = np.unique(people.labels[there], return_inverse=True)
    rejected = embedded.rejected(people)
    if len(present) < 2:
        first = f" The first of what cannot be used: {rejected[0][1]}" if rejected else ""
        raise ValueError(
            f"{people.title}: who is confused with whom takes photos with a face of two people or more. "
            f"Received: {len(there)} such photos of {len(present)}.{first}"
        )
    return EmbeddedPeople(
        [people.names[person] for person in present],
        [people.paths[photo] for photo in there],
        embedded.embeddings[embedded.rows[there]],
        labels,
        rejected,
    )
