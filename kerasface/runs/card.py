"""The card of a trained model, `card.json`: its contract, parsed once, typed and checked.

What a later version writes besides is kept as `extra`, so that a card survives being read and written. What is not
known of a model, such as the threshold for strangers of one that was trained without any, is left out.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Self

from kerasface.files.parsing import json_of
from kerasface.files.reading import read_regular
from kerasface.runs.records import Record, RunError, read_record, refusal

CARD_FORMAT = 1
_MAX_CARD_BYTES = 16 * 2**20  # read before anything is known about the file
_WRITTEN = ("format", "name", "model_sha256")  # which a card that is not written yet does without
_MAX_DIM = 65_536  # numbers of an embedding
_FARTHEST = 10_000  # pixels; no landmark of a crop is as far outside of it
_SHARES = (
    *("false_accept_asked", "unknown_accepted", "unknown_accepted_low", "unknown_accepted_high"),
    *("alike_accepted", "known_accepted", "known_correct"),
)
_OPEN_SET_SCORES = ("cosine", "mean_cosine", "probability")


@dataclass(frozen=True, kw_only=True)
class ModelInput(Record):
    """What a model takes.

    Attributes:
        kind: `"face"`, `"image"` (whole pictures) or `"segment"`; cards of version 0.1 may not say it and mean faces.
        image_size: Height and width of its squares, in pixels.
        values: Channels and range of the pixels.
        alignment: How faces are cut for it; see `CropTemplate.fingerprint`.
        detector: What found the faces that it was trained on; see `FaceDetector.fingerprint`.
        context: Side of the square around a face that it is shown, in heights of its box; none for whole pictures.
        template: Where its crops have left eye, right eye, nose, left and right corner of the mouth, [x, y] in pixels;
            none where they are those of the embedder that ships.
    """

    kind: str = "face"
    image_size: tuple[int, int] | None = field(
        default=None, metadata={"wanted": "its image_size as [height, width] in pixels"}
    )
    values: str | None = None
    alignment: str | None = None
    detector: str | None = None
    context: float | None = field(
        default=None, metadata={"wanted": "its context as a number of heights of a face's box, or null"}
    )
    template: tuple[tuple[float, float], ...] | None = field(
        default=None, metadata={"wanted": "its template as five different points [x, y] in pixels of the crop"}
    )

    @property
    def of_faces(self) -> bool:
        """Whether it takes aligned faces."""
        return self.kind == "face"

    @property
    def looks_at_faces(self) -> bool:
        """Whether it is shown a face of a photo, aligned or with what is around it, and not the photo's middle."""
        return bool(self.alignment or self.context)

    def side(self) -> int:
        """Returns the side of its squares in pixels.

        Raises:
            RunError: If the card does not tell it.
        """
        match self.image_size:
            case (height, width) if height == width:
                return height
        received = self.image_size and list(self.image_size)
        raise RunError(f"The card of a model must tell a square of pixels. Received: image_size={received!r}.")

    def _always(self):
        return ("kind", "context") if self.kind == "segment" else ("kind",)

    def _misfits(self):
        if self.image_size and min(self.image_size) < 1:
            yield "image_size"
        if self.context is not None and not 0 <= self.context < math.inf:
            yield "context"
        points = self.template or ()
        if self.template is not None and (
            len(set(points)) != 5 or not all(abs(number) < _FARTHEST for point in points for number in point)
        ):
            yield "template"


@dataclass(frozen=True, kw_only=True)
class OpenSetThreshold(Record):
    """The score from which a model's answer counts as known, with its error rates.

    Attributes:
        score: What is compared: the largest `cosine`, `probability`, or `mean_cosine`, to the card's `class_means`.
        default: Whether it was measured on other people, as the model was trained without strangers; then the fields
            are those of `ClassifierPoint`, else those of `OpenSet`.
    """

    score: str
    default: bool = False
    threshold: float
    false_accept_asked: float | None = None
    unknown_accepted: float
    unknown_accepted_low: float | None = None
    unknown_accepted_high: float
    alike_accepted: float | None = None
    known_accepted: float
    known_correct: float | None = None
    num_unknown: int
    num_known: int
    num_chosen_on: int | None = None
    supported: bool | None = None
    num_classes: int | None = None
    photos: float | None = None
    data: str | None = None
    alike: str | None = None
    date: str | None = None

    def _always(self):
        return ("alike_accepted",) if self.default else ()

    def _misfits(self):
        if self.score not in _OPEN_SET_SCORES:
            yield "score"
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name in _SHARES and value is not None and not 0 <= value <= 1:
                yield entry.name
            if entry.name.startswith("num_") and value is not None and value < 0:
                yield entry.name


@dataclass(frozen=True, kw_only=True)
class EmbeddingSpace(Record):
    """Which embeddings a model gives: those of equal fingerprints can be compared, by the score."""

    dim: int
    score: str = "cosine"
    fingerprint: str

    def _always(self):
        return ("score",)

    def _misfits(self):
        if not 0 < self.dim <= _MAX_DIM:
            yield "dim"


@dataclass(frozen=True, kw_only=True)
class WeightSource(Record):
    """Pretrained weights that a model was trained from: their name, their licence, and their SHA-256 where known."""

    name: str
    licence: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Parity(Record):
    """How far an imported network is from the file it was read from, on the same crops.

    Attributes:
        num_crops: Crops that both were shown.
        crops: What they are, in words.
        max_difference: Largest difference of a number.
        largest: Largest number that the file's own runtime gave.
        runtime: That runtime, with its version.
    """

    num_crops: int
    crops: str
    max_difference: float
    largest: float
    runtime: str

    @property
    def relative(self) -> float:
        """The largest difference as a share of the largest number."""
        return self.max_difference / self.largest

    def _misfits(self):
        if not 0 <= self.max_difference < math.inf:
            yield "max_difference"
        if not 0 < self.largest < math.inf:
            yield "largest"


@dataclass(frozen=True, kw_only=True)
class ModelSource(Record):
    """The file of others that a model was read from.

    Attributes:
        file: Its name.
        sha256: Its hash.
        format: `"onnx"`.
        input: What the file wants to be shown; the model sees to it.
        mirrored: Whether the model averages over the crop and its mirror image, which the file does not.
        parity: What was compared with the file's own runtime.
    """

    file: str
    sha256: str
    format: str
    input: str
    mirrored: bool = False
    parity: Parity


_NUMBERS = [entry.name for entry in fields(OpenSetThreshold) if entry.default is MISSING and entry.type in (int, float)]
_THRESHOLD = f"the threshold for the unknown with a score of {_OPEN_SET_SCORES} and the numbers {', '.join(_NUMBERS)}"


@dataclass(frozen=True, kw_only=True)
class ModelCard(Record):
    """What a trained model is, what it takes, what it was made of, and how sure it is.

    Attributes:
        format: Of the file.
        name: Given by `write_run`, as is `model_sha256`; a run that was moved goes by the name of its folder.
        task: `"classify"`, `"segment"` or `"embed"`.
        input: What it takes.
        backbone: Name of the network that it stands on.
        labels: Names of its classes, in the order of its outputs; none where it has none.
        colours: R, G and B of every class, 0 to 255, of a model that segments.
        embedding: Of a model that embeds.
        thresholds: Of a model that embeds: by target FMR, the verification threshold and its rates on people held out.
        metrics: As in `metrics.json`.
        calibration: Temperature of the probabilities and what speaks for it; see `Temperature.to_dict`.
        fine_tuned: Whether the backbone was trained too.
        weights: What it was trained from.
        licence: What its weights may be used for, where others trained it.
        trained_on: What others trained it on, as far as they say.
        source: The file of others that it was read from.
        recipe: Settings of the training.
        data: Folder, fingerprint, source and licence of what it was trained on.
        code: Fingerprint of the sources that trained it.
        versions: Of the packages.
        device: That it was trained on.
        precision: Keras's name of the numbers that it was trained with; it is kept in float32.
        created: Time, ISO 8601.
        class_means: Mean embedding of each class, `(num_classes, embedding_dim)` as lists, where strangers are told by.
        open_set: Threshold for strangers that was measured for this model.
        model_sha256: Of `model.keras`.
    """

    format: int = CARD_FORMAT
    name: str = ""
    task: str
    input: ModelInput
    backbone: str | None = None
    labels: tuple[str, ...] = field(default=(), metadata={"wanted": "its labels as a list of names"})
    colours: tuple[tuple[int, int, int], ...] = field(
        default=(), metadata={"wanted": "a colour [R, G, B] of 0 to 255 for each of its classes"}
    )
    embedding: EmbeddingSpace | None = None
    thresholds: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, object] = field(default_factory=dict)
    calibration: Mapping[str, object] = field(default_factory=dict)
    fine_tuned: bool | None = None
    weights: tuple[WeightSource, ...] = ()
    licence: str | None = None
    trained_on: str | None = None
    source: ModelSource | None = None
    recipe: Mapping[str, object] = field(default_factory=dict)
    data: Mapping[str, object] = field(default_factory=dict)
    code: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str | None = None
    precision: str | None = None
    created: str | None = None
    class_means: list | None = field(default=None, metadata={"wanted": "the mean embedding of each of its classes"})
    open_set: OpenSetThreshold | None = field(default=None, metadata={"wanted": _THRESHOLD})
    model_sha256: str = ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads and checks the card of a run.

        Raises:
            RunError: If the file cannot be read, is no card, or holds what no card can.
        """
        try:
            numbers = {"parse_constant": _finite, "parse_float": _finite, "parse_int": _whole}
            content = json_of(read_regular(path, _MAX_CARD_BYTES), **numbers)
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise RunError(f"{path} is not valid JSON: {error}.") from error
        card = cls.from_dict(content, str(path))
        for entry in fields(card):
            if entry.name in _WRITTEN and content.get(entry.name) is None:
                raise refusal(entry, None, str(path))
        return card

    @classmethod
    def from_dict(cls, content: dict, place: str = "The card") -> Self:
        """Checks a card as JSON has it.

        Args:
            content: The JSON object; `task` and `input` must be there, `null` counts as missing.
            place: What it is called in errors, such as its path.

        Raises:
            RunError: If it is of another format, or something in it is missing or of a wrong kind.
        """
        if not isinstance(content, dict):
            raise RunError(f"{place} must hold a JSON object. Received: {type(content).__name__}.")
        if isinstance(found := content.get("format"), int) and found != CARD_FORMAT:
            raise RunError(f"{place} has format {found}; this version reads format {CARD_FORMAT}.")
        return read_record(cls, content, place)

    def _always(self):
        return ("format", "weights", *(["open_set"] if self.task == "classify" else []))

    def _misfits(self):
        colours = len(self.colours)
        if colours and (colours != len(self.labels) or not all(0 <= v <= 255 for rgb in self.colours for v in rgb)):
            yield "colours"


def _whole(text: str) -> int:
    if not -(2**63) <= (number := int(text)) < 2**63:  # tables take no other
        raise ValueError(f"{text[:20]}… is no number of a card")
    return number


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is no number of a card")
    return number
