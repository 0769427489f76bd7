"""Recognition with a trained classifier: the most probable names of every face or picture, or that it is unknown."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from kerasface.arrays import check_images
from kerasface.data.class_trials import NamedPictures, name_pictures
from kerasface.data.image_cache import Progress, fit_square
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import Face
from kerasface.models.runtime import compile_network
from kerasface.runs import Run, RunError


@dataclass(frozen=True, eq=False)
class Recognition:
    """What a classifier makes of one picture.

    Attributes:
        crop: The part of the picture that was looked at, a square `(side, side, 3)` uint8, RGB.
        top: `(label, probability)` of the most probable classes, best first. The probabilities of all classes sum to
            1, also where the picture shows none of them.
        decision: `"known"` or `"unknown"`; `None` where the model has no threshold for it.
        score: What was compared with the threshold, or `None`: the largest cosine or probability of any class.
    """

    crop: np.ndarray
    top: tuple[tuple[str, float], ...]
    decision: str | None
    score: float | None

    def to_dict(self) -> dict:
        """Returns the answer as JSON-ready values, without the crop."""
        top = [{"label": label, "probability": probability} for label, probability in self.top]
        return {"top": top, "decision": self.decision, "score": self.score}


@dataclass(frozen=True, eq=False)
class RecognisedFace(Recognition):
    """One face and what the classifier makes of its aligned crop `(150, 150, 3)`.

    Attributes:
        face: Where it is.
    """

    face: Face

    def to_dict(self) -> dict:
        """Returns the face as JSON-ready values, without the crop."""
        return {**self.face.to_dict(), **super().to_dict()}


class FaceClassifier:
    """A trained classifier of faces behind the face front end.

    Args:
        run: A run of task `classify` whose input is aligned faces.
        analyzer: Its detector and alignment are used.

    Raises:
        RunError: If the run is of another kind or was trained on crops that were cut differently.
    """

    def __init__(self, run: Run, analyzer: FaceAnalyzer):
        _check_kind(run, "face")
        if (alignment := run.card["input"].get("alignment")) != analyzer.embedder.alignment:
            raise RunError(
                f"The model {run.name!r} was trained on crops cut for {alignment!r}; "
                f"this front end cuts for {analyzer.embedder.alignment!r}."
            )
        self.run = run
        self._analyzer = analyzer
        self._judge = _Judge(run)

    def recognise(self, images: Sequence[np.ndarray], *, top: int = 5) -> list[list[RecognisedFace]]:
        """Finds all faces of every photo and names the `top` most probable classes of each.

        Args:
            images: RGB photos, each `(height, width, 3)` uint8; sizes may differ.
            top: How many classes to name; fewer where the model has fewer.

        Returns:
            For each photo its faces, largest first.
        """
        found = self._analyzer.detector.detect(images)
        faces = [(image, face) for image, entries in zip(images, found, strict=True) for face in entries]
        crops = [self._analyzer.embedder.crop(image, face) for image, face in faces]
        size = self._judge.image_size
        answers = self._judge.answers([fit_square(crop, size) for crop in crops], top)
        recognised = iter(
            RecognisedFace(crop=crop, face=face, **answer)
            for (_, face), crop, answer in zip(faces, crops, answers, strict=True)
        )
        return [[next(recognised) for _ in entries] for entries in found]


class ImageClassifier:
    """A trained classifier of whole pictures: no face is looked for.

    Args:
        run: A run of task `classify` whose input is whole pictures.

    Raises:
        RunError: If the run is of another kind.
    """

    def __init__(self, run: Run):
        _check_kind(run, "image")
        self.run = run
        self._judge = _Judge(run)

    def recognise(self, images: Sequence[np.ndarray], *, top: int = 5) -> list[Recognition]:
        """Names the `top` most probable classes of every picture.

        The largest square in its middle is looked at, as in training.

        Args:
            images: RGB pictures, each `(height, width, 3)` uint8; sizes may differ.
            top: How many classes to name; fewer where the model has fewer.

        Returns:
            For each picture the answer.

        Raises:
            ValueError: If a picture has another shape or dtype.
        """
        check_images(images)
        crops = [fit_square(image, self._judge.image_size) for image in images]
        answers = self._judge.answers(crops, top)
        return [Recognition(crop=crop, **answer) for crop, answer in zip(crops, answers, strict=True)]


def build_classifier(run: Run, make_analyzer: Callable[[], FaceAnalyzer]) -> FaceClassifier | ImageClassifier:
    """Builds the classifier that the run's card asks for.

    Args:
        run: A run of task `classify`.
        make_analyzer: Makes the face front end, such as the class `FaceAnalyzer` itself. It is called for a model of
            faces only, so a model of pictures needs no face detector and none of its weights.

    Raises:
        RunError: If the run does not fit.
        ModelFileError: If a weight file of the face front end is missing or altered.
    """
    return ImageClassifier(run) if _kind(run.card) == "image" else FaceClassifier(run, make_analyzer())


def name_folder(
    folder: str | os.PathLike, classifier: FaceClassifier | ImageClassifier, *, on_progress: Progress | None = None
) -> NamedPictures:
    """Asks a classifier for the name of every picture of a folder with a folder per class, as `name_pictures`.

    Args:
        folder: The folder; those in it that are none of the classes hold strangers.
        classifier: The model; its threshold decides who is known.
        on_progress: Called with the number of pictures done and their total.

    Raises:
        ValueError: If `folder` cannot be read, or no folder in it is named like a class.
    """
    labels, threshold = classifier.run.labels, classifier.run.card.get("open_set") or {}
    recognise = partial(classifier.recognise, top=len(labels))
    return name_pictures(folder, recognise, labels, threshold=threshold.get("threshold"), on_progress=on_progress)


def unknown_note(card: dict) -> str:
    """Tells what a model does with what it was not trained on, with the measured error rates of its threshold.

    Args:
        card: Card of a run of task `classify`.
    """
    of_faces = _kind(card) == "face"
    num_classes = len(card.get("labels", ()))
    if (threshold := card.get("open_set")) is None:
        consequence = ": a stranger gets a name too" if of_faces else ", whatever it shows"
        return (
            f"This model names one of its {num_classes} classes for every {'face' if of_faces else 'picture'}"
            f"{consequence}."
        )
    thing, others, taken, measured, own = (
        ("face", "strangers", "somebody known", "faces of strangers", "photos of known people")
        if of_faces
        else ("picture", "pictures of anything else", "one of the classes", "such pictures", "pictures of the classes")
    )
    return (
        f"A {thing} counts as known from a {threshold['score']} of {threshold['threshold']:.3f} on. "
        f"At this threshold {_percent(threshold['unknown_accepted'])} of {others} are taken for {taken} "
        f"(up to {_percent(threshold['unknown_accepted_high'])} at 95 % confidence), "
        f"measured on {threshold['num_unknown']:,} {measured}, "
        f"and {_percent(1 - threshold['known_accepted'])} of {threshold['num_known']:,} {own} are called unknown."
    )


class _Judge:
    """A run's network with its labels and its threshold: squares in, answers out."""

    def __init__(self, run: Run):
        self.image_size = _image_size(run)
        self._labels = run.labels
        self._threshold = run.card.get("open_set")
        self._network = compile_network(_scoring_model(run))

    def answers(self, squares: list[np.ndarray], top: int) -> Iterator[dict]:
        """Yields `top`, `decision` and `score` of every square `(image_size, image_size, 3)` uint8."""
        if not squares:
            return
        probabilities, *cosines = self._network(np.stack(squares))
        scores = (cosines[0] if cosines else probabilities).max(axis=1)
        for row, score in zip(probabilities, scores.tolist(), strict=True):
            order = np.argsort(-row, kind="stable")[:top]
            yield {
                "top": tuple((self._labels[index], float(row[index])) for index in order),
                "decision": self._threshold and ("known" if score >= self._threshold["threshold"] else "unknown"),
                "score": self._threshold and score,
            }


def _kind(card: dict) -> str:
    return card["input"].get("kind", "face")  # cards of earlier versions know faces only and do not say so


def _check_kind(run: Run, kind: str) -> None:
    if run.card["task"] != "classify":
        raise RunError(f"The model {run.name!r} does not classify. Received: task={run.card['task']!r}.")
    if (found := _kind(run.card)) != kind:
        raise RunError(f"The model {run.name!r} is no classifier of input {kind!r}. Received: kind={found!r}.")


def _image_size(run: Run) -> int:
    size = run.card["input"].get("image_size")
    match size:
        case [int(height), int(width)] if height == width and run.model.input_shape[1:] == (height, width, 3):
            return height
    raise RunError(
        f"The card of {run.name!r} must tell the square of RGB pixels that its model takes. "
        f"Received: image_size={size!r}; the model takes {run.model.input_shape[1:]}."
    )


def _scoring_model(run: Run) -> keras.Model:
    """The run's model, with its cosines as second output where they are compared with the threshold."""
    if (run.card.get("open_set") or {}).get("score") != "cosine":
        return run.model
    try:
        cosines = run.model.get_layer("head_cosines").output
    except ValueError as error:
        raise RunError(f"The model {run.name!r} decides by cosines, but has no layer 'head_cosines'.") from error
    return keras.Model(run.model.input, [run.model.output, cosines])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
