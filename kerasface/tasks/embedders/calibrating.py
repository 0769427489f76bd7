"""Measures an embedder on a folder of people, and keeps what was measured with its run: from then on it decides."""

import datetime
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.embedders import SHIPPED, load_embedder
from kerasface.faces.quality import MEASURES, problems
from kerasface.faces.rates.basis import basis_of
from kerasface.faces.rates.cohorts import embedder_of, part_to_file
from kerasface.faces.rates.of_runs import COHORT_FILE, RATES_FILE
from kerasface.files.writing import write_atomically, write_json
from kerasface.runs.records import RunError
from kerasface.runs.store import DEFAULT_ROOT, find_run
from kerasface.tasks.embedders.rates import Measured, measure_embedder
from kerasface.tasks.measuring.embedding import embed_people
from kerasface.tasks.measuring.pairs import pairs_of_file
from kerasface.tasks.measuring.people import Embedded, Report, people_of_folder, unreported


@dataclass(frozen=True, eq=False)
class Calibrated:
    """An embedder that was measured.

    Attributes:
        name: Of its run.
        path: The file of its rates.
        measured: What was measured.
        num_people: People with a face.
        num_photos: Photos with one.
        rejected: `(file, reason)` of the others.
    """

    name: str
    path: Path
    measured: Measured
    num_people: int
    num_photos: int
    rejected: tuple[tuple[Path, str], ...]

    def to_dict(self) -> dict:
        """Returns the result as JSON-ready values."""
        return {
            "name": self.name,
            "path": str(self.path),
            "num_people": self.num_people,
            "num_photos": self.num_photos,
            "notes": list(self.measured.notes),
            "cohort": self.measured.cohort is not None,
            "rates": self.measured.rates,
            "rejected": [{"image": str(path), "reason": reason} for path, reason in self.rejected],
        }


def calibrate_embedder(
    name: str,
    images: str | os.PathLike,
    *,
    pairs: str | os.PathLike | None = None,
    called: str | None = None,
    root: str | os.PathLike = DEFAULT_ROOT,
    report: Report = unreported,
) -> Calibrated:
    """Measures a run that embeds faces on people, and writes what was measured next to its model.

    Args:
        name: Of the run.
        images: Folder with a folder of photos per person; the face nearest the centre of each counts.
        pairs: List of pairs of these photos to measure on, in the place of all pairs.
        called: What the people are called; the folder's name if not given.
        root: Folder of the runs.
        report: Told how far it is.

    Raises:
        RunError: If there is no such run of one's own, or it embeds no faces.
        ValueError: If there are too few people, photos or pairs to say anything.
        WriteError: If the disk refuses.
    """
    if name == SHIPPED:
        raise RunError(f"What {SHIPPED!r} leads to was measured already, and ships with it.")
    summary = find_run(root, name)
    if pairs is None:
        people, listed = people_of_folder(images), None
    else:
        listed = pairs_of_file(pairs, images)
        people = listed.people
    embedder = load_embedder(name, root=root)
    analyzer = FaceAnalyzer(embedder=embedder)
    (embedded,) = embed_people(people, analyzer, report=report)
    there = embedded.rows >= 0
    labels = np.empty(len(embedded.embeddings), dtype=np.int64)
    labels[embedded.rows[there]] = people.labels[there]
    measured = measure_embedder(
        embedded.embeddings,
        labels,
        name=called or _folder_name(Path(images)),
        date=datetime.date.today().isoformat(),
        pairs=None if listed is None else _listed(listed, embedded),
        flaws=_flaws(embedded),
        report=report,
    )
    folder, cohort = summary.path, measured.cohort
    if cohort is not None:
        card = replace(cohort.card, embedder=embedder_of(embedder.fingerprint))
        write_atomically(folder / COHORT_FILE, part_to_file(cohort.part, card))
    write_json(
        folder / RATES_FILE,
        {"embedder": embedder.fingerprint, **basis_of(analyzer.detector.fingerprint), **measured.rates},
    )
    if cohort is None:
        (folder / COHORT_FILE).unlink(missing_ok=True)
    load_embedder(name, root=root)  # makes it known to this process
    return Calibrated(
        name=name,
        path=folder / RATES_FILE,
        measured=measured,
        num_people=len(np.unique(labels)),
        num_photos=len(labels),
        rejected=tuple(embedded.rejected(people)),
    )


def _listed(listed, embedded: Embedded) -> tuple[np.ndarray, np.ndarray]:
    """Rows of both embeddings of each pair that has them, and whether it is genuine."""
    rows = embedded.rows[listed.pairs]
    usable = (rows >= 0).all(axis=1)
    return rows[usable], listed.same[usable]


def _flaws(embedded: Embedded) -> dict[str, np.ndarray]:
    """On which embedded faces a measure of quality is beyond its limit."""
    flaws = {name: np.zeros(len(embedded.embeddings), dtype=bool) for name in MEASURES}
    for photo, quality in embedded.qualities.items():
        for name, _ in problems(quality):
            flaws[name][embedded.rows[photo]] = True
    return flaws


def _folder_name(folder: Path) -> str:
    """What the people of a folder are called: `lfw/images` is lfw."""
    folder = folder.absolute()
    return folder.parent.name if folder.name in ("images", "photos") and folder.parent.name else folder.name
