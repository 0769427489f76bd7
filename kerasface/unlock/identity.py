"""Whose face it is, over all frames of an attempt, at a stated false match rate."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kerasface.arrays import as_embeddings
from kerasface.evaluation.normalization import normalized_scores
from kerasface.faces.rates.operating_points import OperatingPoint
from kerasface.faces.rates.own_points import Points, points_of, shipped_points
from kerasface.gallery.store import GalleryError

if TYPE_CHECKING:
    from kerasface.gallery.gallery import Gallery

# NIST SP 800-63B asks of biometrics for at most this false match rate.
FMR = 1e-4
_LOWEST_FMR = 1e-5  # measured
_LARGEST_FMR = 1e-3
# No frame may be less alike than strangers are in one of a hundred pairs: a turned or blurred face is less alike.
_FRAME_FMR = 0.01
# Nor may two frames in a row be, which follow one another in a fraction of a second.
_NEXT_FRAME_FMR = 0.001
MIN_FRAMES = 8


@dataclass(frozen=True, eq=False)
class EnrolledPeople:
    """Who may unlock.

    Attributes:
        names: Names by `person_id`.
        person_ids: The person of each template, length k.
        templates: Unit embeddings, shape `(k, embedding_dim)`.
        embedder: Fingerprint of the embedder.
        points: Normalizer and thresholds of the gallery; those that ship if not given.

    Raises:
        ValueError: If there is no template.
    """

    names: dict[str, str]
    person_ids: tuple[str, ...]
    templates: np.ndarray
    embedder: str
    points: Points | None = None

    def __post_init__(self):
        if not len(self.templates):
            raise ValueError("Somebody must be enrolled to unlock. Received: no template.")


def enrolled_people(gallery: "Gallery", name: str | None = None) -> EnrolledPeople:
    """Reads from a gallery who may unlock.

    Args:
        gallery: An open gallery.
        name: One person; everybody in the gallery if not given.

    Raises:
        NoSuchPersonError: If nobody has this name.
        GalleryError: If the gallery cannot be read, or nobody is enrolled, or the person's consent has expired.
    """
    people = gallery.people() if name is None else [gallery.person(name)]
    wanted = {person.person_id: person.name for person in people}
    found, points = gallery.templates(), points_of(gallery)
    rows = [row for row, person_id in enumerate(found.person_ids) if person_id in wanted]
    if not rows:
        raise GalleryError(
            "Nobody is enrolled yet. Enrol somebody: kerasface enroll NAME PHOTO"
            if name is None
            else f"{name} has no samples, or the consent expired: nothing to compare with. Enrol a photo again."
        )
    person_ids = tuple(found.person_ids[row] for row in rows)
    names = {person_id: wanted[person_id] for person_id in dict.fromkeys(person_ids)}
    return EnrolledPeople(names, person_ids, found.embeddings[rows], gallery.embedder, points)


class IdentityTrack:
    """Compares the face of every frame with who is enrolled, and with the frame before.

    A frame's normalized score for a person is that of the person's best template; with k templates in all, each gets a
    k-th of the false match rate, so that a stranger passes no more often for there being many. What decides is the mean
    score over all frames, which varies less than that of one. The rates were measured on pairs of photos; how much less
    often the mean of a video's frames lets strangers pass was not, so the rate of one pair is what is promised.

    Args:
        people: Who may unlock.
        fmr: False match rate of a whole attempt.

    Attributes:
        people: Who may unlock.
        point: The operating point that one template is held to.
        num_frames: Frames taken in.
        is_changed: Whether a frame did not show the same face as the one before.
        is_strange: Whether a frame showed a face like nobody's who is enrolled.

    Raises:
        ValueError: If there are too many templates for any rate that was measured: name the person.
    """

    def __init__(self, people: EnrolledPeople, fmr: float = FMR):
        self.people = people
        num_templates = len(people.templates)
        if num_templates * _LOWEST_FMR > _LARGEST_FMR:
            raise ValueError(
                f"Among {num_templates} templates a stranger would pass too often. Say who wants to unlock (--user)."
            )
        points = people.points or shipped_points(people.embedder)
        self.point: OperatingPoint = points.operating_point(max(fmr / num_templates, _LOWEST_FMR))
        self.num_frames = 0
        self.is_changed = False
        self.is_strange = False
        self._lowest = points.operating_point(_FRAME_FMR).threshold
        self._next_lowest = points.operating_point(_NEXT_FRAME_FMR).threshold
        self._rows = {
            person_id: [row for row, owner in enumerate(people.person_ids) if owner == person_id]
            for person_id in people.names
        }
        self._sums = dict.fromkeys(people.names, 0.0)
        self._normalizer = points.normalizer
        self._statistics = self._normalizer.statistics(people.templates)
        self._before: tuple[np.ndarray, np.ndarray] | None = None  # embedding and statistics of the last frame

    @property
    def fmr(self) -> float:
        """The share of strangers who pass, at most."""
        return self.point.fmr * len(self.people.templates)

    def observe(self, embedding: np.ndarray) -> None:
        """Takes in one frame's unit embedding, shape `(embedding_dim,)`.

        Raises:
            ValueError: If it is none.
        """
        (embedding,) = as_embeddings([embedding], self.people.templates.shape[1], "embedding")
        own = self._normalizer.statistics(embedding[None])[0]
        scores = normalized_scores(self.people.templates @ embedding, own, self._statistics)
        for person_id, rows in self._rows.items():
            self._sums[person_id] += float(scores[rows].max())
        self.num_frames += 1
        self.is_strange |= bool(scores.max() < self._lowest)
        if self._before is not None:
            before, statistics = self._before
            self.is_changed |= bool(normalized_scores(before @ embedding, statistics, own) < self._next_lowest)
        self._before = embedding, own

    def verdict(self) -> str | None:
        """Returns the `person_id` of whom the frames show, or `None` if of nobody enrolled or there are too few."""
        if self.num_frames < MIN_FRAMES or self.is_changed or self.is_strange:
            return None
        best = max(self._sums, key=self._sums.get)
        return best if self._sums[best] / self.num_frames >= self.point.threshold else None
