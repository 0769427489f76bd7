"""Known people and strangers in a plane: where each name is given, and how the region shrinks as strangers come."""

from dataclasses import dataclass

import numpy as np

WAYS = ("a threshold", "a class of strangers")
PEOPLE = ((-1.2, 0.9), (1.4, 1.0), (0.1, -1.3))  # where each known person's photos lie
SPREAD = 0.35
_EACH = 40  # photos of each known person
_TESTS = 400  # strangers to judge on
MOST_STRANGERS = 300
_REACH = 4.0  # strangers lie in a square of this half side,
_APART = 0.8  # and at least so far from every known person
_RIDGE = 0.1


@dataclass(frozen=True, eq=False)
class OpenSetRegions:
    """What is answered everywhere in a plane.

    Attributes:
        answers: Person that a photo there is called, or -1 for unknown, `(num_places, num_places)`, the rows upwards.
        places: Coordinates along both axes.
        known: Photos of known people, `(num_photos, 2)`.
        labels: Whose each is.
        strangers: Those that were seen, `(num_strangers, 2)`.
        accepted_strangers: Share of other strangers who get a name (a false positive identification).
        missed: Share of other photos of known people that get no name, or another's.
        unknown_area: Share of the plane where nobody is recognized.
    """

    answers: np.ndarray
    places: np.ndarray
    known: np.ndarray
    labels: np.ndarray
    strangers: np.ndarray
    accepted_strangers: float
    missed: float
    unknown_area: float


def open_set_regions(num_strangers: int, way: str = WAYS[0], *, fpir: float = 0.05, seed: int = 0) -> OpenSetRegions:
    """Learns to name three people, and to refuse strangers as far as some were seen.

    Args:
        num_strangers: How many were seen, from 0 to `MOST_STRANGERS`. Without any the set is closed: everybody gets
            a name.
        way: `a threshold` on the nearest person's score, at which a share of `fpir` of the strangers pass, as a gallery
            has it; or `a class of strangers`, as `train classify --unknown` learns one.
        fpir: Share of strangers that may pass the threshold, in `(0, 1)`.
        seed: Of all points.

    Raises:
        ValueError: If an argument is out of range.
    """
    if not 0 <= num_strangers <= MOST_STRANGERS or way not in WAYS or not 0 < fpir < 1:
        raise ValueError(
            f"There are 0 to {MOST_STRANGERS} strangers, the way is one of {', '.join(WAYS)}, and fpir lies in (0, 1). "
            f"Received: num_strangers={num_strangers}, way={way!r}, fpir={fpir}."
        )
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(PEOPLE)), _EACH)
    known, tests = (np.array(PEOPLE)[labels] + generator.normal(scale=SPREAD, size=(len(labels), 2)) for _ in range(2))
    others = generator.uniform(-_REACH, _REACH, (2 * (_TESTS + MOST_STRANGERS), 2))
    others = others[np.linalg.norm(others[:, None] - np.array(PEOPLE), axis=-1).min(axis=1) > _APART]
    unseen, strangers = others[:_TESTS], others[_TESTS : _TESTS + num_strangers]
    answer = (_by_threshold if way == WAYS[0] else _by_class)(known, labels, strangers, fpir)
    places = np.linspace(-_REACH, _REACH, 81)
    plane = np.stack(np.meshgrid(places, places), axis=-1)
    answers = answer(plane.reshape(-1, 2)).reshape(len(places), len(places))
    return OpenSetRegions(
        answers,
        places,
        known,
        labels,
        strangers,
        float((answer(unseen) >= 0).mean()),
        float((answer(tests) != labels).mean()),
        float((answers < 0).mean()),
    )


def _by_threshold(known, labels, strangers, fpir):
    """The nearest person's mean, if its score reaches what no more than `fpir` of the strangers reach."""
    means = np.stack([known[labels == person].mean(axis=0) for person in range(len(PEOPLE))])

    def scores(points):
        return -np.linalg.norm(points[:, None] - means, axis=-1)

    threshold = -np.inf
    if len(strangers):
        best = np.sort(scores(strangers).max(axis=1))[::-1]
        threshold = np.nextafter(best[int(fpir * len(best))], np.inf)  # so many of them may pass, the next one not

    def answer(points):
        found = scores(points)
        return np.where(found.max(axis=1) >= threshold, found.argmax(axis=1), -1)

    return answer


def _by_class(known, labels, strangers, fpir):
    """Least squares to the people's classes and, once there are strangers, one for them; on bumps in the plane."""
    centers = np.stack(np.meshgrid(*[np.linspace(-_REACH, _REACH, 9)] * 2), axis=-1).reshape(-1, 2)

    def features(points):
        return np.exp(-np.square(points[:, None] - centers).sum(axis=-1) / 1.5)

    x, y = np.concatenate([known, strangers]), np.concatenate([labels, np.full(len(strangers), -1)])
    classes, which = np.unique(y, return_inverse=True)
    bumps, targets = features(x), np.eye(len(classes))[which]
    weights = np.linalg.solve(bumps.T @ bumps + _RIDGE * np.eye(bumps.shape[1]), bumps.T @ targets)
    return lambda points: classes[(features(points) @ weights).argmax(axis=1)]
