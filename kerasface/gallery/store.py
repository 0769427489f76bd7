"""What a gallery holds: persons, samples, consent, history, and errors that name what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

# Seconds that an operation waits for another process before it gives up.
TIMEOUT = 30.0


class GalleryError(RuntimeError):
    """A gallery cannot do what was asked; nothing of it was changed unless the message says so."""


class NoSuchPersonError(GalleryError):
    """Nobody in the gallery has this name or id."""


class NameTakenError(GalleryError):
    """Another person of the gallery has this name already."""


class NotAGalleryError(GalleryError):
    """The file is something else, or a gallery of a later version; it was not touched."""


class OtherEmbedderError(GalleryError):
    """The gallery's templates come from another embedder, so no score with them means anything."""


class GalleryKeyError(GalleryError):
    """The key is missing, malformed, readable by others, or not the one that the gallery was made with."""


class GalleryDamagedError(GalleryError):
    """A part of the file was altered or destroyed."""


class GalleryBusyError(GalleryError):
    """Another process held the gallery longer than this one may wait."""


class GalleryFileError(GalleryError):
    """The file, its folder or the disk refuses: unreadable, read-only, full, or failing."""


class GalleryServerError(GalleryFileError):
    """The server of a gallery cannot be reached, refuses the role or what it asks, or the connection was lost."""


@dataclass(frozen=True)
class Consent:
    """That a person agreed to be recognised.

    Attributes:
        given: When, ISO 8601 with offset, such as `"2026-03-01T09:00:00+00:00"`.
        purpose: What for, as the person was told.
        expires: Until when, in the same form, or `None` where it has no end.

    Raises:
        ValueError: If a time is malformed or has no offset, the purpose is empty, or it expires before it is given.
    """

    given: str
    purpose: str
    expires: str | None = None

    def __post_init__(self):
        given = parse_time(self.given, "given")
        if not self.purpose.strip():
            raise ValueError(f"A consent must name its purpose. Received: purpose={self.purpose!r}.")
        if self.expires is not None and parse_time(self.expires, "expires") <= given:
            raise ValueError(
                f"A consent must expire after it is given. Received: given={self.given!r}, expires={self.expires!r}."
            )

    @property
    def expiry(self) -> float | None:
        """Seconds since 1970 at which it ends, or `None`."""
        return None if self.expires is None else parse_time(self.expires, "expires").timestamp()

    def is_valid(self, now: datetime | None = None) -> bool:
        """Whether it has not expired at `now`, a time with offset; the present if not given."""
        return self.expires is None or (now or datetime.now(UTC)) < parse_time(self.expires, "expires")


@dataclass(frozen=True)
class Person:
    """Somebody whom the gallery knows.

    Attributes:
        person_id: 16 hexadecimal digits, the same for as long as the person is in the gallery.
        name: Unlike any other in the gallery.
        num_samples: Number of samples; 0 where all were deleted.
        created: When the person was enrolled, ISO 8601 in UTC.
        consent: The consent, or `None` where none was recorded.
        is_altered: Whether the file says something else of the person than what is sealed: somebody without the key
            has changed it. `Gallery.check` tells what; recording a consent anew puts it right.
    """

    person_id: str
    name: str
    num_samples: int
    created: str
    consent: Consent | None
    is_altered: bool = False

    @property
    def is_searched(self) -> bool:
        """Whether searches look for this person now: not once the consent has expired, nor where it was altered."""
        return not self.is_altered and (self.consent is None or self.consent.is_valid())


@dataclass(frozen=True, eq=False)
class NewSample:
    """One face of a person, on its way into a gallery.

    Attributes:
        embedding: Of length 1, float32, shape `(embedding_dim,)`.
        source: Where it came from, such as a path.
        source_hash: SHA-256 of the photo's file, hexadecimal.
        quality: Measured qualities by name.
        created: When it was enrolled first, ISO 8601 with offset; now if not given.
        face: Which face of the photo it is: `box` and `landmarks` in pixels, as `Face.to_dict` gives them; by them it
            is found again when the gallery is embedded anew.
        thumbnail: A small picture of it, a JPEG; the gallery keeps it where its owner wants that, and else nothing.
    """

    embedding: np.ndarray
    source: str
    source_hash: str
    quality: Mapping[str, float] = field(default_factory=dict)
    created: str | None = None
    face: Mapping[str, object] | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class Sample:
    """One face of a person in a gallery, without its embedding.

    Attributes:
        sample_id: Positive; never given again, not even after it was deleted.
        person_id: Whose face it is.
        source: Where it came from, such as a path.
        source_hash: SHA-256 of the photo's file, hexadecimal.
        quality: Measured qualities by name.
        created: When it was enrolled, ISO 8601 in UTC.
        embedder: Fingerprint of the embedder of its template.
        face: Which face of the photo it is, as `NewSample` has it; `None` of those that version 0.1 enrolled.
        thumbnail: A small picture of it, a JPEG, where such are kept.
    """

    sample_id: int
    person_id: str
    source: str
    source_hash: str
    quality: dict[str, float]
    created: str
    embedder: str
    face: dict | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True, eq=False)
class Templates:
    """What a search needs: all templates, or what a search index must change to be up to date.

    Attributes:
        embeddings: Of length 1, float32, shape `(n, embedding_dim)`.
        sample_ids: int64, shape `(n,)`; an index that holds one of them already replaces it.
        person_ids: The person of each, length n.
        removed: Samples that an index must not hold any longer, int64; it may hold none of them.
        version: Of the gallery when it was read.
        valid_until: Seconds since 1970 at which the next consent expires, or `None`: what changes then is no change of
            the gallery, so read again even if its version is the same.
        names: Of everybody who is searched for, by person.
    """

    embeddings: np.ndarray
    sample_ids: np.ndarray
    person_ids: list[str]
    removed: np.ndarray
    version: int
    valid_until: float | None
    names: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """One change of a gallery.

    Attributes:
        number: Rises with every change.
        time: ISO 8601 in UTC.
        action: Such as `"enroll"`, `"merge"`, `"delete_person"`.
        person_id: Whom it concerned; `None` where nobody in particular, or somebody who has been deleted since.
        detail: What was done, in words; empty once the person has been deleted.
    """

    number: int
    time: str
    action: str
    person_id: str | None
    detail: str


@dataclass(frozen=True)
class Merge:
    """A person who became part of another one, and can be taken out of it again.

    Attributes:
        number: Of the change that merged them.
        time: When, ISO 8601 in UTC.
        person_id: Whom the part was, and will be again.
        name: That person's name.
        num_samples: How many samples it would have again.
    """

    number: int
    time: str
    person_id: str
    name: str
    num_samples: int


@dataclass(frozen=True)
class Refusal:
    """ "Not this person": a face that must never again be given to a person.

    Attributes:
        source_hash: SHA-256 of the photo's file, hexadecimal.
        box: x, y of the upper left corner, width and height of the face, in pixels of the photo.
        person_id: Who it is not.
    """

    source_hash: str
    box: tuple[float, float, float, float]
    person_id: str


def parse_time(text: str, name: str) -> datetime:
    """Returns the time that an ISO 8601 text with offset means.

    Raises:
        ValueError: If it is malformed or has no offset; the message calls it `name`.
    """
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise ValueError(
            f"{name} must be a time in ISO 8601 with an offset, such as '2026-03-01T09:00:00+00:00'. "
            f"Received: {name}={text!r}."
        )
    return time


def now_text() -> str:
    """Returns the present, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
