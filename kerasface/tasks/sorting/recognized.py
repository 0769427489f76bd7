"""What a trained model says of photos, as answers that are sorted, chosen and written down like those of a gallery."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasface.data.cache.images import content_keys
from kerasface.data.photos import Photo
from kerasface.faces.detection import Face
from kerasface.images.dates import date_taken
from kerasface.tasks.identification import IdentifiedFace
from kerasface.tasks.recognition import Recognition
from kerasface.tasks.sorting.answers import Answer
from kerasface.tasks.sorting.looking import LookedAt

_DECISIONS = {"known": "match", "unknown": "unknown", None: "match"}
_REASONS = {
    "known": "It is one of those that the model knows.",
    "unknown": "The model knows nobody like that; the name is that of the most alike class.",
    None: "Most alike of those that the model knows; a stranger gets a name, too.",
}


class RecognizedAnswer(Answer):
    """One photo and what a trained model says of it: of each face, or of the picture as a whole."""

    @property
    def doubt(self) -> float:
        """By how much the most probable class is ahead of the next one, where that is least; infinite without any."""
        ahead = [one.candidates[0][1] - one.candidates[1][1] for one in self.faces if len(one.candidates) > 1]
        return min(ahead, default=float("inf"))


def recognized_answer(photo: Photo, found: Recognition | Sequence[Recognition] | None) -> RecognizedAnswer:
    """Returns a photo with what a model says of it.

    Args:
        photo: The photo.
        found: What `recognize` gave for it: one answer for the whole picture, or one for each face; `None` where it
            could not be read.
    """
    if found is None:
        return RecognizedAnswer(LookedAt(photo.path, None, [], None, photo.problem), ())
    ((source_hash,), _) = content_keys([photo.path])
    height, width = photo.image.shape[:2]
    whole = Face((0.0, 0.0, float(width), float(height)), np.zeros((5, 2), dtype=np.float32), 1.0)
    entries = [found] if isinstance(found, Recognition) else found
    faces = tuple(_named(entry, getattr(entry, "face", whole)) for entry in entries)
    return RecognizedAnswer(LookedAt(photo.path, source_hash, [], date_taken(photo.path), None, photo.notes), faces)


def class_of(path: Path, folder: Path) -> str | None:
    """Returns the class of a photo in a folder with a folder of photos per class; `None` of one that lies elsewhere."""
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) == 2 else None


def _named(entry: Recognition, face: Face) -> IdentifiedFace:
    label, probability = entry.top[0]
    decision = _DECISIONS[entry.decision]
    return IdentifiedFace(
        face=face,
        crop=None,
        decision=decision,
        reason=_REASONS[entry.decision],
        person_id=None,
        name=label if decision == "match" else None,
        most_alike=label,
        score=entry.score,
        normalized_score=None,
        threshold=None,
        probability=probability,
        candidates=entry.top,
        quality=None,
    )
