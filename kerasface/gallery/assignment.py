"""Who is who in one photo, where nobody is there twice."""

from collections.abc import Mapping, Sequence

import numpy as np


def assign(scores: Sequence[Mapping[str, float]], threshold: float) -> list[str | None]:
    """Gives people to the faces of one photo, nobody to two of them.

    Of all ways to do so, the one whose scores exceed the threshold by most in sum. A face can be left without, and a
    second choice that just reaches the threshold gains little: it pushes nobody from a face that fits much better. A
    face whose first choice fits another face better may get its second one.

    Args:
        scores: For each face, the score of every person who comes into question, such as
            `{candidate.person_id: candidate.score for candidate in candidates}`; any score that a threshold belongs to.
        threshold: The score from which a person is accepted.

    Returns:
        For each face the `person_id`, or None.
    """
    from scipy.optimize import linear_sum_assignment  # a light command should not wait for its import

    people = sorted({person for face in scores for person, score in face.items() if score >= threshold})
    column = {person: number for number, person in enumerate(people)}
    gains = np.zeros((len(scores), len(people)))
    for row, face in enumerate(scores):
        for person, score in face.items():
            if score >= threshold:
                gains[row, column[person]] = score - threshold + 1e-9  # reaching it is better than nobody
    assigned: list[str | None] = [None] * len(scores)
    for row, number in zip(*linear_sum_assignment(gains, maximize=True), strict=True):
        if gains[row, number] > 0:
            assigned[row] = people[number]
    return assigned
