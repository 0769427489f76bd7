"""One call for each question about photos: what `import kerasface` offers.

A photo is a path, the bytes of a file, an RGB array `(height, width, 3)` uint8, or a Pillow image. The networks are
built by the first call that needs them and kept for the next ones.
"""

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Union

import numpy as np

from kerasface.faces.analyzer import AnalyzedFace, FaceAnalyzer
from kerasface.faces.detection import Face, FaceDetector
from kerasface.faces.embedders import Embedder, default_embedder, load_embedder, load_embedder_of
from kerasface.faces.run_embedder import RunEmbedder
from kerasface.files.paths import user_path
from kerasface.files.writing import sha256
from kerasface.gallery.opening import open_gallery, recorded_embedder
from kerasface.gallery.postgres.address import Address, is_address
from kerasface.gallery.store import Consent, Person
from kerasface.images.decoding import as_image
from kerasface.runs.card import ModelCard
from kerasface.runs.store import DEFAULT_ROOT, Run, RunError, load_run
from kerasface.tasks.claims import Claim, verify_claim
from kerasface.tasks.enrollment import CONFLICT_FPIR, Enroller, Enrolment, SourcePhoto
from kerasface.tasks.identification import DEFAULT_FPIR, IdentifiedFace, Identifier
from kerasface.tasks.recognition import Recognition, RecognizedFace, build_classifier
from kerasface.tasks.segmentation import Segmentation, Segmenter
from kerasface.tasks.verification import DEFAULT_FMR, Verification
from kerasface.tasks.verification import verify as verify_images

if TYPE_CHECKING:
    from PIL import Image

Photo = Union[str, os.PathLike, bytes, np.ndarray, "Image.Image"]


def detect(photo: Photo) -> list[Face]:
    """Finds the faces of a photo, largest first: each with `box`, `landmarks` and `detection_score`.

    Raises:
        ImageError: If the photo cannot be read.
        ValueError: If it is no photo.

    Example:
        ```python
        >>> kf.detect("ada.jpg")[0].landmarks.shape  # eyes, nose, corners of the mouth
        (5, 2)

        ```
    """
    return _detector().detect([as_image(photo)])[0]


def embed(photo: Photo, *, embedder: str | Embedder | None = None) -> list[AnalyzedFace]:
    """Embeds the faces of a photo, largest first: each with `face`, `crop`, `quality` and unit `embedding`.

    Args:
        photo: The photo.
        embedder: Name of an embedder, or what `load_embedder` gave; the user's default if not given.

    Raises:
        ImageError: If the photo cannot be read.
        ValueError: If it is no photo.

    Example:
        ```python
        >>> kf.embed("ada.jpg")[0].embedding.shape
        (128,)

        ```
    """
    return _analyzer(embedder).analyze([as_image(photo)])[0]


def verify(
    first: Photo,
    second: Photo,
    *,
    fmr: float = DEFAULT_FMR,
    faces: tuple[int | None, int | None] = (None, None),
    embedder: str | Embedder | None = None,
) -> Verification:
    """Decides whether two photos show the same person, at a stated false match rate.

    Args:
        first: A photo.
        second: The other one.
        fmr: False match rate to decide at, a fraction.
        faces: The number of the face that is meant in each, 1 for its largest; the largest if not given.
        embedder: As for `embed`. One without measured error rates gives a score, and no decision.

    Raises:
        ImageError: If a photo cannot be read.
        ValueError: If it is no photo, no threshold was measured for `fmr`, or a photo has no such face.

    Example:
        ```python
        >>> verdict = kf.verify("ada.jpg", "ada_smaller.jpg")
        >>> verdict.decision, verdict.fmr
        ('match', 0.001)

        ```
    """
    photos = (first, second)
    names = tuple(
        os.fspath(photo) if isinstance(photo, str | os.PathLike) else f"{number} photo"
        for photo, number in zip(photos, ("first", "second"), strict=True)
    )
    return verify_images(*map(as_image, photos), _analyzer(embedder), fmr=fmr, names=names, faces=faces)


def segment(photo: Photo, *, model: str = "face-parts") -> Segmentation:
    """Tells the class of every pixel around each face of a photo: `mask`, and per face its parts.

    Args:
        photo: The photo.
        model: Name of a segmentation model; `face-parts` comes with KerasFace.

    Raises:
        ImageError: If the photo cannot be read.
        RunError: If there is no such model, or it was not trained on faces.

    Example:
        ```python
        >>> parts = kf.segment("ada.jpg")
        >>> parts.mask.shape, "eyes" in parts.classes
        ((512, 512), True)

        ```
    """
    return _segmenter(model).segment_faces(as_image(photo))


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A trained model, ready to be asked. Its card says what it is: `kerasface.load`.

    Attributes:
        run: Card, labels and Keras model.
    """

    run: Run
    _predict: object

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self.run.card

    def predict(self, photo: Photo) -> list[RecognizedFace] | Recognition | Segmentation | list[AnalyzedFace]:
        """Answers to a photo what the model was trained for.

        Returns:
            Of a classifier of faces the names of every face, of one of pictures those of the picture, of a segmentation
            the class of every pixel, of an embedder every face with its embedding.

        Raises:
            ImageError: If the photo cannot be read.
            ValueError: If it is no photo.
        """
        return self._predict(as_image(photo))


def load(name: str, *, runs: str | os.PathLike = DEFAULT_ROOT) -> LoadedModel:
    """Loads a trained model by name: your own, or one that comes with KerasFace (`digits`, `face-parts`).

    Args:
        name: Name of its folder.
        runs: Folder of the models.

    Raises:
        RunError: If there is no such model, or it is damaged.

    Example:
        ```python
        >>> answer = kf.load("digits").predict("seven.png")
        >>> answer.top[0][0]
        '7'

        ```
    """
    run = load_run(user_path(runs), name)
    task = run.card.task
    if task == "classify":
        classifier = build_classifier(run, _detector)
        return LoadedModel(run, lambda image: classifier.recognize([image])[0])
    if task == "segment":
        segmenter = Segmenter(run)
        of_faces = run.card.input.looks_at_faces
        return LoadedModel(run, segmenter.segment_faces if of_faces else segmenter.segment_whole)
    if task == "embed":
        analyzer = FaceAnalyzer(_detector(), RunEmbedder(run))
        return LoadedModel(run, lambda image: analyzer.analyze([image])[0])
    raise RunError(f"The model {name!r} is of task {task!r}, which no photo can be put to.")


class Gallery:
    """People whom you know, in one encrypted file: enroll them, and find them in photos. Use it in a `with` statement.

    Args:
        path: The file, or the address of a gallery on a server, `postgresql://...`; made when the first person is
            enrolled.
        fpir: False positive identification rate of `identify`: the share of strangers who may be taken for somebody.
        embedder: As for `embed`; the one that an existing gallery was made with if not given.

    Raises:
        GalleryError: If the file is no gallery, or the key is missing or wrong.
        ValueError: If nothing was measured for `fpir`.

    Example:
        ```python
        >>> with kf.Gallery("friends.gallery") as gallery:
        ...     enrolled = gallery.enroll("Ada", ["ada.jpg"])
        ...     [face.name for face in gallery.identify("ada_smaller.jpg")]
        ...     gallery.verify("ada_smaller.jpg", "Ada").decision
        ['Ada']
        'match'

        ```
    """

    def __init__(
        self, path: str | os.PathLike | Address, *, fpir: float = DEFAULT_FPIR, embedder: str | Embedder | None = None
    ):
        path = path if is_address(path) else user_path(path)
        if embedder is None and (recorded := recorded_embedder(path)) is not None:
            embedder = load_embedder_of(recorded[0])
        self._analyzer = _analyzer(embedder)
        with ExitStack() as opened:
            own = self._analyzer.embedder
            self.store = opened.enter_context(
                open_gallery(path, embedder=own.fingerprint, embedding_dim=own.embedding_dim, create="late")
            )
            self._identifier = Identifier(self.store, fpir=fpir)
            self._gate = Identifier(self.store, fpir=CONFLICT_FPIR)
            self._opened = opened.pop_all()

    def __enter__(self) -> "Gallery":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._opened.close()

    def people(self) -> list[Person]:
        """Returns who is enrolled."""
        return self.store.people()

    def enroll(
        self, name: str, photos: Sequence[Photo], *, allow: Sequence[str] = (), consent: Consent | None = None
    ) -> list[Enrolment]:
        """Enrolls photos of one person; all that pass the gate, or none.

        Args:
            name: The person.
            photos: One is enough, three are better.
            allow: What is enrolled all the same: `"several_faces"`, `"low_quality"`, `"duplicate"`, `"conflict"`.
            consent: What the person agreed to, if that is to be recorded.

        Returns:
            For each photo what became of it; `refused` and `reason` say why one was not taken.

        Raises:
            ImageError: If a photo cannot be read.
            ValueError: If one is no photo, or `photos` is no list.
            GalleryError: If the gallery cannot be written.
        """
        if isinstance(photos, str | bytes | os.PathLike):
            raise ValueError(f"Photos to enroll come as a list. Received: photos={photos!r}. Put it in [ ].")
        read = [_source(photo, number) for number, photo in enumerate(photos, start=1)]
        found = self._analyzer.analyze([image for image, _, _ in read])
        sources = [SourcePhoto(*about, faces) for (_, *about), faces in zip(read, found, strict=True)]
        return Enroller(self._gate, allow=allow).enroll(name, sources, consent=consent)

    def verify(self, photo: Photo, person: str, *, fmr: float = DEFAULT_FMR) -> Claim:
        """Decides whether the largest face of a photo is the person that it is said to be.

        Args:
            photo: The photo.
            person: Name or id of somebody enrolled.
            fmr: Share of strangers who may pass for the person, however many photos were enrolled.

        Raises:
            ImageError: If the photo cannot be read.
            GalleryError: If nobody has this name, or nothing of the person is there to compare with.
            ValueError: If it is no photo, or nothing was measured for `fmr`.
        """
        return verify_claim(as_image(photo), person, self.store, self._analyzer, fmr=fmr)

    def identify(self, photo: Photo) -> list[IdentifiedFace]:
        """Says of every face of a photo who it is, or that it is nobody known; largest face first.

        Raises:
            ImageError: If the photo cannot be read.
            ValueError: If it is no photo.
        """
        image, _, source_hash = _source(photo, 1)
        return self._identifier.decide(self._analyzer.analyze([image]), source_hashes=[source_hash])[0]


@cache
def _detector() -> FaceDetector:
    return FaceDetector()


def _analyzer(embedder: str | Embedder | None = None) -> FaceAnalyzer:
    if embedder is None or isinstance(embedder, str):
        embedder = _embedder(embedder or default_embedder())
    return FaceAnalyzer(_detector(), embedder)


@cache
def _embedder(name: str) -> Embedder:
    return load_embedder(name)


@cache
def _segmenter(model: str) -> Segmenter:
    return Segmenter(load_run(DEFAULT_ROOT, model), _detector())


def _source(photo: Photo, number: int) -> tuple[np.ndarray, str, str]:
    """Returns a photo's pixels, what it is called, and the hash that it is known by."""
    image = as_image(photo)
    if isinstance(photo, str | os.PathLike):
        return image, os.fspath(photo), sha256(user_path(photo))
    content = photo if isinstance(photo, bytes) else np.ascontiguousarray(image).tobytes()
    return image, f"photo {number}", hashlib.sha256(content).hexdigest()
