"""People of another gallery, from a file: there are no photos, so what templates tell is checked, and told."""

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from kerasface.faces.rates.own_points import points_of
from kerasface.tasks.enrollment import CONFLICT_FPIR
from kerasface.tasks.identification import Identifier

if TYPE_CHECKING:
    from kerasface.gallery.gallery import Gallery


@dataclass(frozen=True)
class LookAlike:
    """Somebody imported who may be somebody whom the gallery had before.

    Attributes:
        name: The one who was imported.
        other: The one who was there.
        score: Cosine similarity of their most alike samples.
    """

    name: str
    other: str
    score: float

    @property
    def text(self) -> str:
        """The same in a sentence, for people."""
        return (
            f"{self.name}, who was imported, looks like {self.other}, who was there before (score {self.score:.3f}). "
            "If they are one person, merge them."
        )


@dataclass(frozen=True)
class Imported:
    """What came of an import.

    Attributes:
        num_people: People in the file.
        look_alikes: Who of them may be somebody else of the gallery, most alike first.
    """

    num_people: int
    look_alikes: tuple[LookAlike, ...]

    def to_dict(self) -> dict:
        """Returns the result as JSON-ready values."""
        return {"num_people": self.num_people, "look_alikes": [asdict(entry) for entry in self.look_alikes]}


def import_file(
    gallery: "Gallery", file: str | os.PathLike, *, passphrase: str | None = None, merge: bool = False
) -> Imported:
    """Adds everybody of an exported file to a gallery, or nobody, and says who looks like somebody it had before.

    The file has no photos: their quality was judged where they were enrolled.

    Args:
        gallery: Of the same embedder.
        file: As `Gallery.export` wrote it.
        passphrase: The one it was encrypted with.
        merge: Whether samples of a person whose name the gallery has already go to the person there.

    Raises:
        GalleryError: As `gallery.transfer.import_gallery` does; nobody was added then.
        ValueError: If thresholds of one's own that come along are none; nobody was added then.
    """
    identifier = Identifier(gallery, fpir=CONFLICT_FPIR)
    identifier.refresh()
    version = gallery.version
    with gallery.transaction():
        num_people = gallery.import_(file, passphrase=passphrase, merge=merge)
        points_of(gallery)  # refuses thresholds of one's own that are none
    added = gallery.templates(since=version)
    found: dict[tuple[str, str], float] = {}
    searches = identifier.search(added.embeddings) if identifier.num_people and len(added.person_ids) else []
    for person_id, embedding, candidates in zip(added.person_ids, added.embeddings, searches, strict=False):
        best = identifier.rank(embedding, candidates, {person_id})
        own = max((entry.score for entry in candidates if entry.person_id == person_id), default=-1.0)
        if best is not None and best.is_known and best.score > own:
            pair = person_id, best.person_id
            found[pair] = max(best.score, found.get(pair, -1.0))
    alike = [
        LookAlike(gallery.person(person_id).name, identifier.name_of(other), score)
        for (person_id, other), score in found.items()
    ]
    return Imported(num_people, tuple(sorted(alike, key=lambda entry: -entry.score)))
