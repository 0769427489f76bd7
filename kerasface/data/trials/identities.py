"""A folder of people as an open-set trial: who is enrolled, who comes back, and who is a stranger."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from kerasface.data.cache.embeddings import embed_photos
from kerasface.data.folders import read_identity_folders
from kerasface.evaluation.identification import FpirCheck, OpenSetTrial, check_thresholds, smaller_galleries
from kerasface.evaluation.normalization import Normalizer
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.faces.rates.operating_points import search_point

Progress = Callable[[int, int], None]
_SIZES, _FPIRS = (50, 200), (0.1, 0.01)


def open_set_trial(
    folder: str | Path, analyzer: FaceAnalyzer, *, on_progress: Progress | None = None
) -> tuple[OpenSetTrial, list[tuple[Path, str]]]:
    """Embeds a folder with a folder per identity and shares the photos out.

    Of every identity with two or more images, the alphabetically first is enrolled and the others are mated probes;
    identities with one image are unknown. In each photo the face nearest its centre counts. Probes of an identity whose
    enrolled photo has no usable face count as missed.

    Args:
        folder: The folder.
        analyzer: The face front end.
        on_progress: Called with the number of photos done and their total.

    Returns:
        The trial, and `(path, reason)` of every file that could not be used.

    Raises:
        ValueError: If the folder cannot serve: fewer than two people to enroll, no second photo, no strangers.
    """
    folders = read_identity_folders(folder)
    labels = folders.labels
    _check_kinds(folder, labels)
    embedded = embed_photos(folders.paths, analyzer, central_only=True, on_progress=on_progress)
    row_of = {path: row for row, path in enumerate(embedded.paths)}
    rows = np.array([row_of.get(path, -1) for path in folders.paths])
    trial = share_out(labels, rows, embedded.embeddings, normalizer_of(analyzer.embedder.fingerprint))
    return trial, [*folders.rejected, *embedded.rejected]


def share_out(
    labels: np.ndarray, rows: np.ndarray, embeddings: np.ndarray, normalizer: Normalizer | None
) -> OpenSetTrial:
    """Makes a trial of people's photos.

    The first photo of whoever has several is enrolled, the others are probes; who has one is a stranger. Probes of a
    person whose first photo has no face count as missed.

    Args:
        labels: Integers, who is on each photo, `(num_photos,)`, sorted.
        rows: The row of each photo in `embeddings`, -1 where it has no usable face, `(num_photos,)`.
        embeddings: Unit length, `(num_rows, embedding_dim)`.
        normalizer: What normalizes the scores of their embedder.

    Raises:
        ValueError: If fewer than two people can be enrolled, or there is no probe, or no stranger.
    """
    is_first = np.r_[True, labels[1:] != labels[:-1]]
    several = np.bincount(labels)[labels] >= 2
    enrolled = is_first & several & (rows >= 0)
    mated = ~is_first & several
    usable = mated & (rows >= 0) & np.isin(labels, labels[enrolled])
    unknown = is_first & ~several & (rows >= 0)
    return OpenSetTrial(
        gallery=embeddings[rows[enrolled]],
        gallery_labels=labels[enrolled],
        mated=embeddings[rows[usable]],
        mated_labels=labels[usable],
        unknown=embeddings[rows[unknown]],
        normalizer=normalizer,
        num_mated_failed=int(mated.sum() - usable.sum()),
        num_failed=int((rows < 0).sum()),
    )


def check_shipped_thresholds(trial: OpenSetTrial, fingerprint: str, *, repeats: int = 10) -> list[FpirCheck]:
    """Measures on a trial what the thresholds that ship lead to, for galleries of 50, 200 and all of its people.

    Args:
        trial: The gallery and the probes.
        fingerprint: `FaceEmbedder.fingerprint` of their embedder.
        repeats: Galleries drawn of each smaller size.

    Returns:
        For each size, as far as there are so many people, and for FPIR 10 % and 1 %, what was measured.
    """
    everybody = len(np.unique(trial.gallery_labels))
    checks = []
    for size in sorted({size for size in (*_SIZES, everybody) if size <= everybody}):
        trials = [trial] if size == everybody else list(smaller_galleries(trial, size, repeats=repeats))
        for asked in _FPIRS:
            checks.append(check_thresholds(trials, asked, search_point(fingerprint, asked, size).threshold))
    return checks


def _check_kinds(folder: str | Path, labels: np.ndarray) -> None:
    counts = np.bincount(labels)
    several, single = int(np.sum(counts >= 2)), int(np.sum(counts == 1))
    if several < 2 or single < 1:
        raise ValueError(
            f"{folder} cannot tell identification error rates: it needs two people or more with two photos or more "
            f"(one is enrolled, the others come back) and strangers with one photo. "
            f"Received: {several} with two or more, {single} with one."
        )
