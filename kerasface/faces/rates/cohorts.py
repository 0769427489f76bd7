"""The cohorts that scores are normalized by: embeddings of nobody, a part for every kind of people and pictures.

A part is two files, `faces/rates/cohorts/<embedder>/<name>.npy`, int8, and its card `<name>.json`: whose photos it
was drawn after, how, under which terms, and how near the drawn come to those photos. `benchmarks/cohort.py` makes the
parts that ship.
"""

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from kerasface.arrays import as_embeddings
from kerasface.evaluation.normalization import Normalizer, draw_cohort, nearest_cosines
from kerasface.files.parsing import json_of
from kerasface.files.zips import UNREADABLE

LIMITS = "limits.json"  # beside the parts: the range of people's statistics, 99.8 % of those measured
NUM_BEST = 300  # highest cosines that a face's statistics are made of; benchmarks/RESULTS.md has others
_LEAK_QUANTILE = 0.99
_ATTEMPTS = 200
_ADDED: dict[str, Normalizer] = {}  # of embedders that were loaded, by their fingerprints
_VECTORS, _CARD, _MAX_BYTES = "vectors.npy", "card.json", 2**26  # of a part of one's own


class CohortError(RuntimeError):
    """A part of a cohort is missing, altered or of another embedder."""


@dataclass(frozen=True)
class CohortCard:
    """What is known of one part of a cohort.

    Attributes:
        name: The population's, such as `"lfw"`.
        description: What its photos are, in words.
        embedder: Network and alignment of the embeddings; `FaceEmbedder.fingerprint` without the number of views.
        terms: What the photos may be used for.
        num_photos: Photos that it was drawn after.
        num_people: People on them.
        size: Embeddings drawn.
        num_components: As for `draw_cohort`.
        spread: As for `draw_cohort`.
        seed: As for `draw_cohort`.
        nearest_drawn: Highest cosine of any drawn embedding to any of the photos.
        nearest_stranger: What 99 % of the photos stay below with the nearest photo of somebody else; `nearest_drawn` is
            no higher.
        scale: What an int8 value is multiplied by.
        sha256: Of the file of embeddings.
        date: Day of the drawing, `YYYY-MM-DD`.
    """

    name: str
    description: str
    embedder: str
    terms: str
    num_photos: int
    num_people: int
    size: int
    num_components: int
    spread: float
    seed: int
    nearest_drawn: float
    nearest_stranger: float
    scale: float
    sha256: str
    date: str

    def to_dict(self) -> dict:
        """Returns the card as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "CohortCard":
        """Reads what `to_dict` gave.

        Raises:
            CohortError: If a key is missing or unknown.
        """
        wanted = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or set(values) != wanted:
            received = sorted(values) if isinstance(values, dict) else type(values).__name__
            raise CohortError(f"A cohort's card has the keys {sorted(wanted)}. Received: {received}.")
        return cls(**values)


def normalizer_of(fingerprint: str) -> Normalizer | None:
    """Returns what normalizes the scores of an embedder; `None` where nothing ships for it: scores are cosines then.

    Args:
        fingerprint: `FaceEmbedder.fingerprint`. One cohort serves any number of views.

    Raises:
        CohortError: If a file of the cohort is missing or altered.
    """
    return _ADDED.get(fingerprint) or _normalizer(embedder_of(fingerprint))


def add_normalizer(fingerprint: str, normalizer: Normalizer | None) -> None:
    """Makes known what normalizes the scores of an embedder that does not ship; `None`: nothing does."""
    if normalizer is None:
        _ADDED.pop(fingerprint, None)
    else:
        _ADDED[fingerprint] = normalizer


def embedder_of(fingerprint: str) -> str:
    """Returns network and alignment of an embedder's fingerprint, without the number of views."""
    return fingerprint.rsplit("-", 1)[0]


def draw_part(
    embeddings: np.ndarray,
    people: np.ndarray,
    size: int,
    *,
    num_components: int,
    spread: float = 1.0,
    seed: int = 0,
    attempts: int = _ATTEMPTS,
) -> tuple[np.ndarray, float, float]:
    """Draws a part of a cohort that comes no nearer to anybody than strangers do.

    Args:
        embeddings: Unit embeddings of the photos, `(n, embedding_dim)`.
        people: Who is on each, integers `(n,)`.
        size: Embeddings wanted.
        num_components: As for `draw_cohort`, and so the others.
        spread: A factor.
        seed: Of the first draw.
        attempts: Draws in turn until enough are far from everybody.

    Returns:
        The drawn, `(size, embedding_dim)` float32; the highest cosine of any of them to any photo; and the limit, which
        99 % of the photos stay below with the nearest photo of somebody else.

    Raises:
        ValueError: If the photos show one person only, or draws that are far enough from everybody are too rare.
    """
    embeddings, people = as_embeddings(embeddings), np.asarray(people)
    if len(np.unique(people)) < 2:
        raise ValueError("A cohort is drawn after two people or more: one alone has no stranger to compare with.")
    limit = float(np.quantile(_nearest_strangers(embeddings, people), _LEAK_QUANTILE))
    kept, count = [], 0
    for attempt in range(attempts):
        drawn = draw_cohort(embeddings, size, num_components=num_components, spread=spread, seed=seed + 1000 * attempt)
        kept.append(drawn[nearest_cosines(embeddings, drawn) <= limit])
        count += len(kept[-1])
        if count >= size:
            part = np.concatenate(kept)[:size]
            return part, float(nearest_cosines(embeddings, part).max()), limit
    raise ValueError(
        f"Of {attempts * size} draws only {count} are as far from the photos as strangers are from one another. "
        f"Received: {len(embeddings)} photos of {len(np.unique(people))} people. Give photos of more people."
    )


def to_file(part: np.ndarray) -> tuple[bytes, float]:
    """Returns a part as the bytes of its file, and the scale of its int8 values."""
    scale = float(np.abs(part).max() / 127)
    file = io.BytesIO()
    np.save(file, np.round(part / scale).astype(np.int8))
    return file.getvalue(), scale


def from_file(content: bytes, card: CohortCard) -> np.ndarray:
    """Returns the embeddings of a part, `(card.size, embedding_dim)` float32.

    Raises:
        CohortError: If the file is another than the card says.
    """
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise CohortError(
            f"The cohort {card.name!r} was altered: its SHA-256 is not that of its card. Install KerasFace again."
        )
    part = np.load(io.BytesIO(content), allow_pickle=False).astype(np.float32) * card.scale
    return part / np.linalg.norm(part, axis=1, keepdims=True)


def _nearest_strangers(embeddings: np.ndarray, people: np.ndarray) -> np.ndarray:
    """The highest cosine of each photo to one of somebody else."""
    nearest = []
    for rows in np.array_split(np.arange(len(embeddings)), max(1, len(embeddings) // 1000)):
        cosines = embeddings[rows] @ embeddings.T
        cosines[people[rows][:, None] == people[None]] = -1.0
        nearest.append(cosines.max(axis=1))
    return np.concatenate(nearest)


@cache
def _normalizer(embedder: str) -> Normalizer | None:
    parts = _parts(embedder)
    if not parts:
        return None
    digest = hashlib.sha256("".join(card.sha256 for card, _ in parts).encode()).hexdigest()[:12]
    limits = json_of(_folder(embedder).joinpath(LIMITS).read_text(encoding="utf-8"))
    return Normalizer(
        np.concatenate([part for _, part in parts]),
        NUM_BEST,
        f"{digest}-{NUM_BEST}",
        mean_limits=tuple(limits["mean"]),
        spread_limits=tuple(limits["spread"]),
    )


@cache
def _parts(embedder: str) -> list[tuple[CohortCard, np.ndarray]]:
    folder = _folder(embedder)
    if not folder.is_dir():
        return []
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".json") and file.name != LIMITS)
    cards = [CohortCard.from_dict(json_of(folder.joinpath(name).read_text(encoding="utf-8"))) for name in names]
    return [(card, from_file(_content(folder, card), card)) for card in cards if card.embedder == embedder]


def _folder(embedder: str):
    """Where the parts for an embedder are: under the name of its network."""
    return resources.files("kerasface.faces.rates").joinpath("cohorts", embedder.split("-", 1)[0])


def _content(folder, card: CohortCard) -> bytes:
    try:
        return folder.joinpath(f"{card.name}.npy").read_bytes()
    except OSError as error:
        raise CohortError(f"The cohort {card.name!r} has no file of embeddings. Install KerasFace again.") from error


def part_to_file(part: np.ndarray, card: CohortCard) -> bytes:
    """Returns a part with its card as one file, `.npz`: `vectors.npy`, int8, and `card.json`.

    Args:
        part: Unit embeddings, `(card.size, embedding_dim)`.
        card: Scale and hash are put right.
    """
    content, scale = to_file(part)
    card = replace(card, size=len(part), scale=scale, sha256=hashlib.sha256(content).hexdigest())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_VECTORS, content)
        archive.writestr(_CARD, json.dumps(card.to_dict(), indent=1))
    return file.getvalue()


def read_part(path: str | Path | io.BytesIO, name: str = "") -> tuple[CohortCard, np.ndarray]:
    """Reads a part of one's own, as `kerasface evaluate population --extend` writes it.

    Args:
        path: The file.
        name: What errors call it, if it has no path.

    Returns:
        Its card, and its embeddings, `(card.size, embedding_dim)` float32.

    Raises:
        CohortError: If the file is missing, is no part of a cohort, or was altered.
    """
    name = name or str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if any(archive.getinfo(name).file_size > _MAX_BYTES for name in (_VECTORS, _CARD)):
                raise CohortError(f"No part of a cohort is larger than {_MAX_BYTES:,} bytes.")
            card = CohortCard.from_dict(json_of(archive.read(_CARD)))
            content = archive.read(_VECTORS)
        if hashlib.sha256(content).hexdigest() != card.sha256:
            raise CohortError("It was altered: its vectors are not those of its card. Draw the part again.")
        part = from_file(content, card)
        if part.ndim != 2 or len(part) != card.size or not np.isfinite(part).all():
            raise CohortError(f"It holds {part.shape} numbers, and by its card {card.size} embeddings.")
    except CohortError as error:
        raise CohortError(f"{name}: {error}") from error
    except OSError as error:
        raise CohortError(f"{name} cannot be read: {error.strerror or error}.") from error
    # What zipfile, JSON and NumPy say of a file that is none of ours.
    except (*UNREADABLE, KeyError, TypeError, ValueError) as error:
        raise CohortError(
            f"{name} is no part of a cohort. `kerasface evaluate population DIR --extend NAME.cohort.npz` draws one."
        ) from error
    return card, part
