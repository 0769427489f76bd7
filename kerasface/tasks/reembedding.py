"""A gallery embedded anew: every sample's photo is looked for, its face cut out where it was, and embedded."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.data.cache.embeddings import image_files
from kerasface.data.cache.images import content_keys
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import Face
from kerasface.faces.embedders import Embedder
from kerasface.gallery.store import GalleryError, Sample
from kerasface.images.decoding import ImageError, decode
from kerasface.terminal.errors import told
from kerasface.terminal.words import counted

if TYPE_CHECKING:
    from kerasface.gallery.gallery import Gallery

Progress = Callable[[int, int], None]
_SAME_FACE = 0.99  # cosine to the template by the former embedder, from which on a face is the sample's


@dataclass(frozen=True)
class LostSample:
    """A sample that cannot be embedded anew.

    Attributes:
        name: Whose it is.
        source: Its photo.
        reason: Why, a sentence.
    """

    name: str
    source: str
    reason: str

    def to_dict(self) -> dict:
        """Returns the sample as JSON-ready values."""
        return {"name": self.name, "image": self.source, "reason": self.reason}


class LostSamplesError(GalleryError):
    """Samples of a gallery cannot be embedded anew; nothing was changed.

    Attributes:
        lost: Which, and why.
    """

    def __init__(self, message: str, lost: list[LostSample]):
        super().__init__(message)
        self.lost = lost


class _LostError(GalleryError):
    """A sample's face cannot be found any more."""


def reembed_gallery(
    gallery: "Gallery",
    embedder: Embedder,
    *,
    folders: Iterable[Path] = (),
    former: FaceAnalyzer | None = None,
    without_lost: bool = False,
    on_progress: Progress | None = None,
) -> list[LostSample]:
    """Replaces all templates of a gallery by those of another embedder, at once or not at all.

    Args:
        gallery: The gallery.
        embedder: The new embedder.
        folders: Where photos are looked for that are not where they were; they are known by their content.
        former: Detector and former embedder, for samples that do not say which face of their photo they are: the one
            whose template is the sample's.
        without_lost: Whether samples whose photo is gone are left out. If not, one of them ends the work.
        on_progress: Called with the number of samples done and their total.

    Returns:
        The samples that were left out.

    Raises:
        LostSamplesError: If photos are gone and `without_lost` is not set; nothing was changed then.
        GalleryError: If the gallery cannot be written; nothing was changed then.
    """
    if gallery.embedder == embedder.fingerprint:
        raise GalleryError(f"The gallery holds templates of {embedder.name} already. Nothing was changed.")
    report = on_progress or (lambda done, total: None)
    names = {person.person_id: person.name for person in gallery.people()}
    samples = [sample for person_id in names for sample in gallery.samples(person_id)]
    places = _Places(samples, folders)
    computed: dict[int, np.ndarray] = {}
    lost: dict[int, LostSample] = {}

    def embedding_of(sample: Sample) -> np.ndarray | None:
        try:
            image = decode(places.read(sample), name=sample.source)
            face = _face_of(sample, image, gallery, former)
            return embedder.embed(embedder.crop(image, face)[None])[0]
        except (ImageError, OSError, _LostError) as error:
            name = names.get(sample.person_id, "somebody enrolled meanwhile")
            lost[sample.sample_id] = LostSample(name, sample.source, told(error))
            return None

    for done, sample in enumerate(samples):
        report(done, len(samples))
        if (embedding := embedding_of(sample)) is not None:
            computed[sample.sample_id] = embedding
    report(len(samples), len(samples))
    if lost and not without_lost:
        first = next(iter(lost.values()))
        raise LostSamplesError(
            f"{counted(len(lost), 'sample')} of {len(samples)} cannot be embedded anew; nothing was changed. "
            f"The first, of {first.name}: {first.reason}",
            list(lost.values()),
        )

    def embeddings_of(batch: list[Sample]) -> np.ndarray:
        for sample in batch:  # of those enrolled meanwhile nothing is computed yet
            if sample.sample_id not in computed:
                if (embedding := embedding_of(sample)) is None:
                    raise GalleryError(f"Enrolled meanwhile: {lost[sample.sample_id].reason} Nothing was changed.")
                computed[sample.sample_id] = embedding
        return np.stack([computed[sample.sample_id] for sample in batch])

    gallery.reembed(embedder.fingerprint, embedder.embedding_dim, embeddings_of, left_out=set(lost))
    return list(lost.values())


class _Places:
    """Where the photos of samples are: where they were, or under folders, by their content."""

    def __init__(self, samples: list[Sample], folders: Iterable[Path]):
        self._found: dict[str, Path] = {}
        for folder in folders:
            files = image_files(folder)
            for file, key in zip(files, content_keys(files)[0], strict=True):
                if key is not None:
                    self._found.setdefault(key, file)
        self._folders = tuple(folders)
        sources = sorted({Path(sample.source) for sample in samples if Path(sample.source).is_file()})
        self._known = dict(zip(sources, content_keys(sources)[0], strict=True))

    def read(self, sample: Sample) -> bytes:
        """Returns the photo's file.

        Raises:
            _LostError: If it is gone, or another photo is in its place.
        """
        if (file := self._found.get(sample.source_hash)) is not None:
            return file.read_bytes()
        source = Path(sample.source)
        if source not in self._known:
            raise _LostError(f"{sample.source} is gone. Name the folder that has it now (--images).")
        if self._known[source] != sample.source_hash:
            raise _LostError(f"{sample.source} is another photo than it was. Name a folder that has it (--images).")
        return source.read_bytes()


def _face_of(sample: Sample, image: np.ndarray, gallery: "Gallery", former: FaceAnalyzer | None) -> Face:
    """Returns the face of a photo that a sample is.

    Raises:
        _LostError: If that cannot be told.
    """
    if sample.face is not None:
        return Face(tuple(sample.face["box"]), np.array(sample.face["landmarks"], dtype=np.float32), 1.0)
    if former is None:
        raise _LostError(f"{sample.source}: which face it is was not kept, and its embedder is not here.")
    ids = [known.sample_id for known in gallery.samples(sample.person_id)]
    template = gallery.embeddings(sample.person_id)[ids.index(sample.sample_id)]
    (faces,) = former.analyze([image])
    best = max(faces, key=lambda entry: float(entry.embedding @ template), default=None)
    if best is None or float(best.embedding @ template) < _SAME_FACE:
        raise _LostError(f"{sample.source}: the face that was enrolled is not found in it.")
    return best.face
