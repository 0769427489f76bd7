"""Two embedders on the same photos of people: errors, speed, size and licence side by side."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kerasface.evaluation.comparison import PairComparison, compare_pairs
from kerasface.evaluation.measured.comparison import SearchComparison, compare_searches
from kerasface.evaluation.verification import num_impostor_needed
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.embedders import Embedder, list_embedders, load_embedder
from kerasface.models.pretrained import locate, weight_file
from kerasface.runs.records import RunError
from kerasface.runs.store import DEFAULT_ROOT
from kerasface.tasks.measuring.embedding import embed_people
from kerasface.tasks.measuring.identities import open_set_trial
from kerasface.tasks.measuring.pairs import pairs_of_people, score_pairs
from kerasface.tasks.measuring.people import Embedded, People, Report, people_of_folder, unreported

FMRS = (0.01, 0.001, 0.0001)
FPIR = 0.01
_CROPS, _ROUNDS = 32, 5


@dataclass(frozen=True)
class Candidate:
    """What speaks for an embedder beside its errors.

    Attributes:
        name: Its name.
        embedding_dim: Numbers for a face.
        milliseconds: For one crop, in batches of 32, on this machine; the median of five.
        num_bytes: Size of its model or weights.
        licence: What its weights may be used for.
        is_calibrated: Whether it decides.
    """

    name: str
    embedding_dim: int
    milliseconds: float
    num_bytes: int
    licence: str
    is_calibrated: bool


@dataclass(frozen=True, eq=False)
class ComparedEmbedders:
    """Two embedders on the same people.

    Attributes:
        data: Whose photos.
        num_people: People.
        num_photos: Photos.
        candidates: Both.
        pairs: By false match rate, of those that the pairs support.
        searches: Of a gallery with one photo of each; `None` where nobody is a stranger to it.
        note: Why there is no comparison of searches.
    """

    data: str
    num_people: int
    num_photos: int
    candidates: tuple[Candidate, Candidate]
    pairs: dict[float, PairComparison]
    searches: SearchComparison | None
    note: str

    def to_dict(self) -> dict:
        """Returns the comparison as JSON-ready values."""
        return {
            "data": self.data,
            "num_people": self.num_people,
            "num_photos": self.num_photos,
            **{key: vars(one) for key, one in zip("ab", self.candidates, strict=True)},
            "pairs": [one.to_dict() for one in self.pairs.values()],
            "searches": self.searches and self.searches.to_dict(),
        }


def compare_embedders(
    a: str,
    b: str,
    images: str | os.PathLike,
    *,
    root: str | os.PathLike = DEFAULT_ROOT,
    bootstrap: int = 300,
    report: Report = unreported,
) -> ComparedEmbedders:
    """Compares two embedders on a folder of people, each at its own thresholds for equal rates on these photos.

    Args:
        a: Name of one.
        b: Name of the other.
        images: Folder with a folder of photos per person.
        root: Folder of the runs.
        bootstrap: How often the people are drawn anew for the intervals.
        report: Told how far it is.

    Raises:
        RunError: If one of them is not here, or both are the same.
        ValueError: If there are too few people or photos.
    """
    if a == b:
        raise RunError(f"Two embedders are compared. Received: {a!r} twice.")
    known = [summary.name for summary in list_embedders(root)]
    for name in (a, b):
        if name not in known:
            raise RunError(f"There is no embedder {name!r}. There are {', '.join(known)}.")
    people = people_of_folder(images)
    listed = pairs_of_people(people)
    embedders = [load_embedder(name, root=root) for name in (a, b)]
    embedded = embed_people(people, FaceAnalyzer(embedder=embedders[0]), embedders[1:], report=report)
    scored = [score_pairs(listed, one) for one in embedded]
    same, persons = scored[0].listed.same, scored[0].listed.persons
    asked = [fmr for fmr in FMRS if int(np.sum(~same)) >= num_impostor_needed(fmr)]
    if not asked:
        raise ValueError(
            f"A comparison takes {num_impostor_needed(FMRS[0])} pairs of photos of different people or more. "
            f"Received: {int(np.sum(~same))}."
        )
    pairs = {}
    for done, fmr in enumerate(asked):
        report("people drawn anew", done, len(asked) + 1)
        pairs[fmr] = compare_pairs(*(one.scores for one in scored), same, persons, fmr=fmr, bootstrap=bootstrap)
    report("people drawn anew", len(asked), len(asked) + 1)
    searches, note = search_with_both(people, embedded, bootstrap=bootstrap)
    report("people drawn anew", len(asked) + 1, len(asked) + 1)
    return ComparedEmbedders(
        data=people.title,
        num_people=len(people.names),
        num_photos=int(np.sum(embedded[0].rows >= 0)),
        candidates=tuple(weigh_up(one, root) for one in embedders),
        pairs=pairs,
        searches=searches,
        note=note,
    )


def search_with_both(
    people: People, embedded: Sequence[Embedded], *, bootstrap: int = 300
) -> tuple[SearchComparison | None, str]:
    """Compares two embedders in searches of a gallery with one photo of each person.

    Args:
        people: Those on the photos.
        embedded: Their photos, as both embedders see them.
        bootstrap: How often the people are drawn anew for the intervals.

    Returns:
        The comparison, and why there is none: where nobody is a stranger, or nobody has two photos.
    """
    kept = with_strangers(people.labels)
    some = replace(people, paths=[people.paths[place] for place in kept], labels=people.labels[kept])
    try:
        trials = [open_set_trial(some, replace(one, rows=one.rows[kept])) for one in embedded]
        return compare_searches(*trials, fpir=FPIR, bootstrap=bootstrap), ""
    except ValueError as error:
        return None, f"Searches are not compared: {error}"


def with_strangers(labels: np.ndarray) -> np.ndarray:
    """Returns which photos a search is tried with: all, or where nobody has one alone, one of every second person.

    Args:
        labels: Who is on each photo, sorted integers from 0, `(num_photos,)`.
    """
    is_first = np.r_[True, labels[1:] != labels[:-1]]
    everybody = np.arange(len(labels))
    return everybody if np.bincount(labels).min() == 1 else everybody[is_first | (labels % 2 == 0)]


def weigh_up(embedder: Embedder, root: str | os.PathLike = DEFAULT_ROOT) -> Candidate:
    """Returns what speaks for an embedder beside its errors; its speed is measured now."""
    summary = next(one for one in list_embedders(root) if one.name == embedder.name)
    crops = np.random.default_rng(0).integers(0, 256, (_CROPS, *embedder.image_size, 3), dtype=np.uint8)
    seconds = []
    for _ in range(_ROUNDS + 1):
        started = time.perf_counter()
        embedder.embed(crops)
        seconds.append(time.perf_counter() - started)
    file = locate(weight_file(summary.name)) if summary.path is None else summary.path / "model.keras"
    return Candidate(
        name=summary.name,
        embedding_dim=embedder.embedding_dim,
        milliseconds=1000 * float(np.median(seconds[1:])) / _CROPS,
        num_bytes=file.stat().st_size,
        licence=summary.licence,
        is_calibrated=summary.is_calibrated,
    )
