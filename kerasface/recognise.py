"""Recognition with a trained classifier: every face of a photo with its most probable names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import Face
from kerasface.models.runtime import compile_network
from kerasface.runs import Run, RunError


@dataclass(frozen=True, eq=False)
class RecognisedFace:
    """One face and what the classifier makes of it.

    Attributes:
        face: Where it is.
        crop: Its aligned crop `(150, 150, 3)` uint8, RGB.
        top: `(label, probability)` of the most probable classes, best first. The probabilities of all classes sum to
            1: a closed-set classifier names a stranger too.
    """

    face: Face
    crop: np.ndarray
    top: tuple[tuple[str, float], ...]

    def to_dict(self) -> dict:
        """Returns the face as JSON-ready values, without the crop."""
        top = [{"label": label, "probability": probability} for label, probability in self.top]
        return {**self.face.to_dict(), "top": top}


class FaceClassifier:
    """A trained classifier behind the face front end.

    Args:
        run: A run of task `classify` whose input is aligned faces.
        analyzer: Its detector and alignment are used.

    Raises:
        RunError: If the run is of another kind or was trained on crops that were cut differently.
    """

    def __init__(self, run: Run, analyzer: FaceAnalyzer):
        if run.card["task"] != "classify":
            raise RunError(f"The model {run.name!r} does not classify. Received: task={run.card['task']!r}.")
        if (alignment := run.card["input"].get("alignment")) != analyzer.embedder.alignment:
            raise RunError(
                f"The model {run.name!r} was trained on crops cut for {alignment!r}; "
                f"this front end cuts for {analyzer.embedder.alignment!r}."
            )
        self.run = run
        self._analyzer = analyzer
        self._network = compile_network(run.model)

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
        if not crops:
            return [[] for _ in images]
        (probabilities,) = self._network(np.stack(crops))
        recognised = iter(
            RecognisedFace(face, crop, self._best(row, top))
            for (_, face), crop, row in zip(faces, crops, probabilities, strict=True)
        )
        return [[next(recognised) for _ in entries] for entries in found]

    def _best(self, probabilities: np.ndarray, top: int) -> tuple[tuple[str, float], ...]:
        order = np.argsort(-probabilities, kind="stable")[:top]
        return tuple((self.run.labels[index], float(probabilities[index])) for index in order)
