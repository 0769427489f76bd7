"""All photos of a person: those that are remembered, decided anew, and those that the person was enrolled with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kerasface.tasks.identification import Identifier
from kerasface.tasks.sorting.answers import decide_all
from kerasface.tasks.sorting.looking import remembered_photos


@dataclass(frozen=True)
class PhotoOf:
    """One photo of a person.

    Attributes:
        photo: Its path when it was looked at last; of one that is not remembered, what it was enrolled as.
        source_hash: SHA-256 of its file, hexadecimal.
        date: When it was taken, `YYYY-MM-DDTHH:MM:SS` by the camera's clock; `None` where that is not known.
        others: Names of the other people on it, sorted.
        is_sample: Whether the person was enrolled with it.
    """

    photo: str
    source_hash: str
    date: str | None
    others: tuple[str, ...]
    is_sample: bool

    def to_dict(self) -> dict:
        """Returns it as JSON-ready values."""
        return vars(self) | {"others": list(self.others)}


def photos_of(identifier: Identifier, person_id: str) -> list[PhotoOf]:
    """Returns the photos of a person by date, those without one last.

    Args:
        identifier: Searches the person's gallery; it decides anew on every photo that is remembered.
        person_id: The person.

    Raises:
        GalleryError: If there is no such person, or what is remembered was altered.
    """
    samples = {sample.source_hash: sample for sample in identifier.gallery.samples(person_id)}
    looks = remembered_photos(identifier.gallery)
    found = []
    for answer in decide_all(identifier, looks):
        look, sample = answer.look, samples.pop(answer.look.source_hash, None)
        if sample is not None or any(face.person_id == person_id for face in answer.faces):
            others = {face.name for face in answer.faces if face.name and face.person_id != person_id}
            found.append(
                PhotoOf(str(look.path), look.source_hash, look.date, tuple(sorted(others)), sample is not None)
            )
    found += [PhotoOf(sample.source, sample.source_hash, None, (), True) for sample in samples.values()]
    return sorted(found, key=lambda one: (one.date is None, one.date or "", one.photo))


def company(photos: Sequence[PhotoOf]) -> dict[str, int]:
    """Returns on how many of the photos each other person is, most first."""
    counted = Counter(name for photo in photos for name in photo.others)
    return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))
