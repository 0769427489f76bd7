"""Recognition with a trained classifier: the most probable names of every face or picture, or that it is unknown."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.arrays import check_images
from kerasface.faces.detection import Face, FaceDetector
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.classifier_points import classifier_point
from kerasface.faces.run_embedder import template_of
from kerasface.images.squares import fit_square
from kerasface.models.engines.source import NetworkSource
from kerasface.models.pretrained import weight_file
from kerasface.models.runtime import compile_network
from kerasface.runs.card import ModelCard, OpenSetThreshold
from kerasface.runs.store import Run, RunError, load_model

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, eq=False)
class Recognition:
    """What a classifier makes of one picture.

    Attributes:
        crop: The part of the picture that was looked at, a square `(side, side, 3)` uint8, RGB.
        top: `(label, probability)` of the most probable classes, best first. The probabilities of all classes sum to
            1, also where the picture shows none of them.
        decision: `"known"` or `"unknown"`; `None` where there is no threshold for it: strangers get names, too.
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
class RecognizedFace(Recognition):
    """One face and what the classifier makes of its aligned crop.

    Attributes:
        face: Where it is.
    """

    face: Face

    def to_dict(self) -> dict:
        """Returns the face as JSON-ready values, without the crop."""
        return {**self.face.to_dict(), **super().to_dict()}


class FaceClassifier:
    """A trained classifier of faces behind a detector.

    Args:
        run: A run of task `classify` whose input is aligned faces.
        detector: Finds the faces.

    Raises:
        RunError: If the run is of another kind or was trained on crops that are cut in a way no longer known.
    """

    def __init__(self, run: Run, detector: FaceDetector):
        _check_kind(run, "face")
        self.run = run
        self._template = template_of(run.name, run.card.input)
        self._detector = detector
        self._judge = _Judge(run)

    def recognize(self, images: Sequence[np.ndarray], *, top: int = 5) -> list[list[RecognizedFace]]:
        """Finds all faces of every photo and names the `top` most probable classes of each.

        Args:
            images: RGB photos, each `(height, width, 3)` uint8; sizes may differ.
            top: How many classes to name; fewer where the model has fewer.

        Returns:
            For each photo its faces, largest first.
        """
        found = self._detector.detect(images)
        faces = [(image, face) for image, entries in zip(images, found, strict=True) for face in entries]
        crops = [self._template.cut(image, face) for image, face in faces]
        size = self._judge.image_size
        answers = self._judge.answers([fit_square(crop, size) for crop in crops], top)
        recognized = iter(
            RecognizedFace(crop=crop, face=face, **answer)
            for (_, face), crop, answer in zip(faces, crops, answers, strict=True)
        )
        return [[next(recognized) for _ in entries] for entries in found]


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

    def recognize(self, images: Sequence[np.ndarray], *, top: int = 5) -> list[Recognition]:
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


def build_classifier(run: Run, make_detector: Callable[[], FaceDetector]) -> FaceClassifier | ImageClassifier:
    """Builds the classifier that the run's card asks for.

    Args:
        run: A run of task `classify`.
        make_detector: Makes what finds faces, such as the class `FaceDetector` itself. It is called for a model of
            faces only, so a model of pictures needs none of its weights.

    Raises:
        RunError: If the run does not fit.
        ModelFileError: If a weight file of the detector is missing or altered.
    """
    return ImageClassifier(run) if run.card.input.kind == "image" else FaceClassifier(run, make_detector())


def open_set_of(card: ModelCard) -> OpenSetThreshold | None:
    """Returns the threshold from which a model's answer counts as known, with its score and its error rates.

    A model has its own where strangers were at hand when it was trained. Where they were not, a classifier of faces by
    the embeddings of `face_resnet` as published takes the one that was measured on other people, its `default`, and
    so does one of an earlier version, whose card holds none. For all others nothing was measured.

    Args:
        card: Card of a run of task `classify`.

    Returns:
        The threshold; `None` where nothing was measured: a stranger gets a name, too.
    """
    if card.open_set is not None:
        return card.open_set
    recipe, counted, num_classes = card.recipe, card.metrics.get("num_train"), len(card.labels)
    frozen = not (recipe.get("epochs") != 0 if card.fine_tuned is None else card.fine_tuned)
    by_means = recipe.get("classifier") == "cosine" and recipe.get("head_epochs") == 0
    score = "mean_cosine" if card.class_means else "cosine" if by_means else None
    if not (card.input.of_faces and recipe.get("backbone") == "face_resnet" and frozen and score and counted):
        return None
    if [source.sha256 for source in card.weights] != [weight_file("face_resnet").sha256]:
        return None
    fingerprint = embedder_fingerprint(2 if recipe.get("mirror") else 1)
    point = classifier_point(fingerprint, num_classes, counted / num_classes)
    return point and OpenSetThreshold(score=score, default=True, **point.to_dict())


def unknown_note(card: ModelCard) -> str:
    """Tells what a model does with what it was not trained on, with the measured error rates of its threshold.

    Args:
        card: Card of a run of task `classify`.
    """
    of_faces, num_classes = card.input.of_faces, len(card.labels)
    if (threshold := open_set_of(card)) is None:
        if not of_faces:
            return f"This model names one of its {num_classes} classes for every picture, whatever it shows."
        return (
            f"This model names one of its {num_classes} classes for every face: a stranger gets a name too. It was "
            "trained without strangers and cannot answer unknown, so take a name as the most alike of the people it "
            "knows. A gallery tells strangers."
        )
    if threshold.default:
        return _default_note(threshold)
    thing, others, taken, measured, own = (
        ("face", "strangers", "somebody known", "faces of strangers", "photos of known people")
        if of_faces
        else ("picture", "pictures of anything else", "one of the classes", "such pictures", "pictures of the classes")
    )
    return (
        f"A {thing} counts as known from a {threshold.score} of {threshold.threshold:.3f} on. "
        f"At this threshold {_percent(threshold.unknown_accepted)} of {others} are taken for {taken} "
        f"(up to {_percent(threshold.unknown_accepted_high)} at 95 % confidence), "
        f"measured on {threshold.num_unknown:,} {measured}, "
        f"and {_percent(1 - threshold.known_accepted)} of {threshold.num_known:,} {own} are called unknown."
    )


def _default_note(threshold: OpenSetThreshold) -> str:
    """What is said of a threshold that was measured on other people."""
    alike = threshold.alike_accepted
    return (
        f"A face counts as known from a cosine of {threshold.threshold:.3f} on: the default for "
        f"{threshold.num_classes} people, as this model was trained without strangers. It was not measured on these "
        f"people but on others ({threshold.data}, {threshold.date}): "
        f"{_percent(threshold.unknown_accepted)} of strangers are taken for somebody known "
        f"({_percent(threshold.unknown_accepted_low)} to {_percent(threshold.unknown_accepted_high)} at 95 % "
        + (f"confidence; {_percent(alike)} where all photos were taken at one place)" if alike else "confidence)")
        + f", and {_percent(1 - threshold.known_accepted)} of photos of known people are called unknown."
    )


class _Judge:
    """A run's network with its labels and its threshold: squares in, answers out."""

    def __init__(self, run: Run):
        self._labels = run.labels
        self._threshold = open_set_of(run.card)
        score = self._threshold and self._threshold.score
        self._network = compile_network(_scoring_network(run, score))
        self.image_size = run.side(self._network.input_shape)
        self._means = _class_means(run) if score == "mean_cosine" else None

    def answers(self, squares: list[np.ndarray], top: int) -> Iterator[dict]:
        """Yields `top`, `decision` and `score` of every square `(image_size, image_size, 3)` uint8."""
        if not squares:
            return
        probabilities, *others = self._network(np.stack(squares))
        if self._means is not None:
            others = [_unit(others[0]) @ self._means.T]
        scores = (others[0] if others else probabilities).max(axis=1)
        for row, score in zip(probabilities, scores.tolist(), strict=True):
            order = np.argsort(-row, kind="stable")[:top]
            yield {
                "top": tuple((self._labels[index], float(row[index])) for index in order),
                "decision": self._threshold and ("known" if score >= self._threshold.threshold else "unknown"),
                "score": self._threshold and score,
            }


def _check_kind(run: Run, kind: str) -> None:
    run.check_task("classify")
    if (found := run.card.input.kind) != kind:
        raise RunError(f"The model {run.name!r} is no classifier of input {kind!r}. Received: kind={found!r}.")


def scoring_model(path: Path, sha256: str, *, num_classes: int, score: str) -> "keras.Model":
    """Loads the Keras model of a run, with its cosines or its embeddings as second output.

    Args:
        path: Its file.
        sha256: The file's hash, as the card has it.
        num_classes: How many classes the card names.
        score: What the run's threshold is on: `"cosine"` or `"mean_cosine"`.

    Raises:
        RunError: If the file is missing, altered or unreadable, or the model has no such output.
    """
    return _with_scores(load_model(path, sha256, num_classes=num_classes), path.parent.name, score)


def _scoring_network(run: Run, score: str | None) -> "NetworkSource | keras.Model":
    """The run's network; as second output its cosines or its embeddings, where the threshold is on those."""
    if score not in ("cosine", "mean_cosine"):
        return run.source
    if not isinstance(run.source, NetworkSource):
        return _with_scores(run.source, run.name, score)
    arguments = {**run.source.arguments, "score": score}
    return replace(run.source, builder=f"{scoring_model.__module__}:{scoring_model.__name__}", arguments=arguments)


def _with_scores(model: "keras.Model", name: str, score: str) -> "keras.Model":
    import keras

    if score == "mean_cosine":
        head = next((layer for layer in model.layers if layer.name.startswith("head_")), None)
        if head is None:
            raise RunError(f"The model {name!r} decides by its embeddings, but has no layer 'head_...' on them.")
        return keras.Model(model.input, [model.output, head.input])
    try:
        cosines = model.get_layer("head_cosines").output
    except ValueError as error:
        raise RunError(f"The model {name!r} decides by cosines, but has no layer 'head_cosines'.") from error
    return keras.Model(model.input, [model.output, cosines])


def _class_means(run: Run) -> np.ndarray:
    """Mean embeddings of the classes of a run, of length 1, `(num_classes, embedding_dim)`."""
    try:
        means = np.asarray(run.card.class_means, dtype=np.float32)
    except (TypeError, ValueError):
        means = np.empty(0)
    if means.ndim != 2 or len(means) != len(run.labels) or not np.isfinite(means).all():
        raise RunError(
            f"The card of {run.name!r} must hold the mean embedding of each of its {len(run.labels)} classes. "
            f"Received: class_means of shape {means.shape}. Train it again."
        )
    return _unit(means)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
