"""Who appears again and again in a folder of photos? Faces nobody has named, grouped by person."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.data.cache.embeddings import EmbeddedFaces, embed_photos
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.rates.operating_points import OperatingPoint
from kerasface.faces.rates.own_points import points_of, shipped_points
from kerasface.gallery.checks import checked_name
from kerasface.gallery.clustering import cluster_faces, fmr_for
from kerasface.gallery.store import Consent
from kerasface.tasks.enrollment import Enroller, Enrolment, FaceOf
from kerasface.tasks.identification import Identifier

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class PhotoClusters:
    """The faces of many photos by person.

    Attributes:
        faces: All faces, those of known people included.
        labels: The cluster of each face, int64; 0 is the largest, -1 a face like no other or of somebody known.
        known: The name of each face's person in the gallery, `None` where there is none.
        operating_point: The threshold on the mean normalized score of a cluster, and what was measured there.
    """

    faces: EmbeddedFaces
    labels: np.ndarray
    known: list[str | None]
    operating_point: OperatingPoint

    @property
    def num_clusters(self) -> int:
        """Number of clusters, each of two faces or more."""
        return int(self.labels.max(initial=-1)) + 1

    def members(self, cluster: int) -> np.ndarray:
        """Returns the faces of a cluster as positions in `faces`.

        Raises:
            ValueError: If there is no such cluster.
        """
        if not 0 <= cluster < self.num_clusters:
            raise ValueError(f"There are clusters 0 to {self.num_clusters - 1}. Received: cluster={cluster}.")
        return np.flatnonzero(self.labels == cluster)


def cluster_photos(
    files: Sequence[Path],
    analyzer: FaceAnalyzer,
    *,
    identifier: Identifier | None = None,
    fmr: float | None = None,
    on_progress: Progress | None = None,
) -> PhotoClusters:
    """Groups the faces of photos by person; two faces of one photo are never the same person.

    Args:
        files: The photos.
        analyzer: The face front end.
        identifier: Finds people who are known already; their faces are named and left out of the clusters. Where its
            gallery keeps thresholds of one's own, these decide.
        fmr: False match rate of the threshold; a higher one makes fewer and larger clusters, with more strangers in
            them. `fmr_for` the number of faces if not given.
        on_progress: Called with the number of photos done and their total.

    Raises:
        ValueError: If nothing was measured at this rate.
    """
    points = points_of(identifier.gallery) if identifier else shipped_points(analyzer.embedder.fingerprint)
    if fmr is not None:
        points.operating_point(fmr)  # before photos are looked at
    faces = embed_photos(files, analyzer, on_progress=on_progress)
    known = _names(faces.embeddings, identifier) if identifier else [None] * len(faces.paths)
    unknown = np.flatnonzero([name is None for name in known])
    number = {path: index for index, path in enumerate(dict.fromkeys(faces.paths))}
    photos = np.array([number[faces.paths[face]] for face in unknown], dtype=np.int64)
    point = points.operating_point(fmr_for(len(unknown)) if fmr is None else fmr)
    labels = np.full(len(known), -1, dtype=np.int64)
    labels[unknown] = cluster_faces(
        faces.embeddings[unknown], photos, threshold=point.threshold, normalizer=points.normalizer
    )
    return PhotoClusters(faces, labels, known, point)


def enroll_clusters(
    clusters: PhotoClusters,
    names: Mapping[int, str],
    enroller: Enroller,
    analyzer: FaceAnalyzer,
    *,
    consent: Consent | None = None,
) -> list[Enrolment]:
    """Gives clusters names: those of their faces that pass the gate become samples of these people, new or known.

    Args:
        clusters: What `cluster_photos` found.
        names: Clusters to people; several may be of one.
        enroller: Of the gallery.
        analyzer: The face front end.
        consent: What all of them agreed to, if that is to be recorded.

    Returns:
        What became of each face.

    Raises:
        ValueError: If there is no such cluster, or a name is none; nobody is enrolled then.
        GalleryError: If the gallery cannot be written; nobody is enrolled then.
    """
    members = {cluster: clusters.members(cluster) for cluster in names}
    numbers = _numbers(clusters.faces.paths)
    people: dict[str, list[FaceOf]] = {}
    for cluster, name in names.items():
        people.setdefault(checked_name(name), []).extend(
            FaceOf(clusters.faces.paths[face], numbers[face], clusters.faces.embeddings[face])
            for face in members[cluster]
        )
    return enroller.enroll_files(people, analyzer, consent=consent, together=True)


def _numbers(paths: Sequence[Path]) -> list[int]:
    """The number of each face in its photo, from 1: those of one photo follow one another, the largest first."""
    counts: Counter[Path] = Counter()
    numbers = []
    for path in paths:
        counts[path] += 1
        numbers.append(counts[path])
    return numbers


def _names(embeddings: np.ndarray, identifier: Identifier) -> list[str | None]:
    identifier.refresh()
    names: list[str | None] = []
    for embedding, candidates in zip(embeddings, identifier.search(embeddings) if len(embeddings) else [], strict=True):
        best = identifier.rank(embedding, candidates)
        found = best is not None and best.is_known
        names.append(identifier.name_of(best.person_id) if found else None)
    return names
