"""Embedders by name: the one that ships, networks that were trained here, and imported ones, all as the same value.

No other file knows how crops are cut for a network. An embedder that was not measured gives scores and ranks; what was
measured of it is in `rates.json` next to its model, and is known from the moment it is loaded.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kerasface.arrays import check_crops
from kerasface.evaluation.normalization import Normalizer
from kerasface.faces.alignment import FACE_RESNET_CROP, CropTemplate
from kerasface.faces.detection import Face
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.fingerprint import DEFAULT_VIEWS, EMBEDDING_DIM, embedder_fingerprint
from kerasface.faces.rates.cohorts import CohortError, add_normalizer, embedder_of, normalizer_of, read_part
from kerasface.faces.rates.operating_points import (
    add_measurements,
    operating_point,
    pair_calibration,
    search_calibration,
    search_point,
)
from kerasface.files.paths import user_folder
from kerasface.files.writing import write_atomically
from kerasface.images.squares import fit_square
from kerasface.models.engines.source import NetworkSource
from kerasface.models.pretrained import weight_file
from kerasface.models.runtime import compile_network
from kerasface.runs.card import ModelCard, ModelInput
from kerasface.runs.store import DEFAULT_ROOT, Run, RunError, RunSummary, list_runs, load_model, load_run

if TYPE_CHECKING:
    import keras

SHIPPED = "face_resnet"
RATES_FILE, COHORT_FILE = "rates.json", "cohort.npz"  # in the folder of a run: what was measured of it
_NUM_BEST = 300
_MAX_RATES_BYTES = 2**24


class Embedder(Protocol):
    """From a photo and a face to a crop, and from crops to embeddings.

    Attributes:
        name: What the user calls it.
        fingerprint: Weights, alignment and averaging in one string: embeddings are comparable where it is equal.
        template: How its crops are cut.
        image_size: Height and width of the crops.
        embedding_dim: Length of an embedding.
        precision: In which its network computes.
        licence: What its weights may be used for.
        trained_on: What they were trained on.
        normalizer: What puts its scores in units of what strangers reach; `None` where its scores are cosines.
    """

    name: str
    fingerprint: str
    template: CropTemplate
    image_size: tuple[int, int]
    embedding_dim: int
    precision: str
    licence: str
    trained_on: str

    @property
    def normalizer(self) -> Normalizer | None: ...

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Cuts the crop of a face, `(*image_size, 3)` uint8, RGB, out of a photo `(height, width, 3)` uint8."""

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """Embeds crops `(n, *image_size, 3)` uint8: `(n, embedding_dim)` float32, each of length 1."""


class RunEmbedder:
    """Embeds faces with a model of `saved_models`: one that embeds, or the features of one that names people.

    Args:
        run: A run of task `embed`, or of task `classify` on faces.

    Raises:
        RunError: If it is another one, or says too little of how faces are cut for it.
    """

    def __init__(self, run: Run):
        card = run.card
        self.name, self.fingerprint = run.name, fingerprint_of(run.name, card)
        self.template = template_of(run.name, card.input)
        self.image_size = self.template.image_size
        self.precision = "float32"
        self.licence, self.trained_on = _licence_of(card), _origin_of(card)
        self._network = compile_network(run.source if card.task == "embed" else _features_network(run))
        self._side = run.side(self._network.input_shape)
        if len(shape := self._network.output_shapes[0]) != 1:
            raise RunError(f"The model {run.name!r} must give a vector for a face. Received: output of shape {shape}.")
        self.embedding_dim = shape[0]

    @property
    def normalizer(self) -> Normalizer | None:
        """What puts its scores in units of what strangers reach; `None` where its scores are cosines."""
        return normalizer_of(self.fingerprint)

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Cuts the crop of a face; as `Embedder.crop`."""
        return self.template.cut(image, face)

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """Embeds crops; as `Embedder.embed`."""
        check_crops(crops, self.image_size)
        if self._side != self.image_size[0]:
            crops = np.stack([fit_square(crop, self._side) for crop in crops]) if len(crops) else crops
        if not len(crops):
            return np.zeros((0, self.embedding_dim), dtype=np.float32)
        embeddings = np.asarray(self._network(crops)[0], dtype=np.float32)
        return embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)


@dataclass(frozen=True)
class EmbedderSummary:
    """What is known of an embedder without building it.

    Attributes:
        name: What the user calls it.
        fingerprint: Its embeddings are comparable with those of an equal one.
        embedding_dim: Length of its embeddings; `None` where only its network tells.
        image_size: Height and width of its crops.
        licence: What its weights may be used for.
        trained_on: What they were trained on.
        is_calibrated: Whether error rates were measured for it, so that decisions can be made.
        path: Folder of its run; `None` for the one that ships.
        task: What its run was made for: `"embed"`, or `"classify"`, whose features it then is.
    """

    name: str
    fingerprint: str
    embedding_dim: int | None
    image_size: tuple[int, int]
    licence: str
    trained_on: str
    is_calibrated: bool
    path: Path | None
    task: str = "embed"


def load_embedder(
    name: str | None = None,
    *,
    root: str | os.PathLike = DEFAULT_ROOT,
    views: int = DEFAULT_VIEWS,
    precision: str | None = None,
) -> Embedder:
    """Loads an embedder, and makes known what was measured of it.

    Args:
        name: `face_resnet`, which ships, or the name of a run; the user's default if not given.
        root: Folder of the runs.
        views: Over how many views `face_resnet` averages; a run is what it is.
        precision: As `FaceEmbedder` has it, for `face_resnet` alone.

    Raises:
        RunError: If there is no such run, or it is none that embeds faces.
        ModelFileError: If a weight file is missing or altered.
    """
    name = name or default_embedder()
    if name == SHIPPED:
        return FaceEmbedder(views, precision)
    embedder = RunEmbedder(load_run(root, name))
    folder = next(run.path for run in list_runs(root) if run.name == name)
    _make_known(folder, embedder.fingerprint)
    return embedder


def list_embedders(root: str | os.PathLike = DEFAULT_ROOT) -> list[EmbedderSummary]:
    """Lists what embeds faces here: the one that ships first, then runs by name. No network is built."""
    weights = weight_file(SHIPPED)
    ships = EmbedderSummary(
        name=SHIPPED,
        fingerprint=embedder_fingerprint(),
        embedding_dim=EMBEDDING_DIM,
        image_size=FACE_RESNET_CROP.image_size,
        licence=weights.licence,
        trained_on=weights.training_data,
        is_calibrated=True,
        path=None,
    )
    return [ships, *(_summary(run) for run in _usable(root))]


def find_embedder(fingerprint: str, root: str | os.PathLike = DEFAULT_ROOT) -> str | None:
    """Returns the name of the embedder with a fingerprint, and makes known what was measured of it.

    Args:
        fingerprint: As a gallery records it.
        root: Folder of the runs.

    Returns:
        `None` where no such embedder is here.
    """
    if embedder_of(fingerprint) == embedder_of(embedder_fingerprint()):
        return SHIPPED
    for run in _usable(root):
        if fingerprint_of(run.name, run.card) == fingerprint:
            _make_known(run.path, fingerprint)
            return run.name
    return None


def load_embedder_of(fingerprint: str, root: str | os.PathLike = DEFAULT_ROOT) -> Embedder:
    """Loads the embedder with a fingerprint, as a gallery records it.

    Raises:
        RunError: If no such embedder is here.
    """
    name = find_embedder(fingerprint, root)
    if name is None:
        raise RunError(
            f"No embedder here gives the embeddings of {fingerprint!r}, which the gallery holds. Put its model back "
            f"into {os.fspath(root)}, or embed the gallery anew with `kerasface people reembed`."
        )
    if name == SHIPPED:
        return FaceEmbedder(int(fingerprint.rpartition("-")[2].removesuffix("views")))
    return load_embedder(name, root=root)


def default_embedder() -> str:
    """Returns the user's default: `KERASFACE_EMBEDDER`, else what `set_default_embedder` kept, else `face_resnet`."""
    if name := os.environ.get("KERASFACE_EMBEDDER"):
        return name
    try:
        return _default_file().read_text(encoding="utf-8").strip() or SHIPPED
    except FileNotFoundError:
        return SHIPPED


def set_default_embedder(name: str, root: str | os.PathLike = DEFAULT_ROOT) -> None:
    """Keeps which embedder is taken where none is named.

    Raises:
        RunError: If there is none of this name.
    """
    names = [summary.name for summary in list_embedders(root)]
    if name not in names:
        raise RunError(f"There is no embedder {name!r}. There are {', '.join(names)}.")
    _default_file().parent.mkdir(parents=True, exist_ok=True)
    write_atomically(_default_file(), f"{name}\n".encode())


def template_by_name(name: str, root: str | os.PathLike = DEFAULT_ROOT) -> CropTemplate:
    """Returns how faces are cut for an embedder, by its name; its network is not built.

    Raises:
        RunError: If there is no such embedder.
    """
    if name == SHIPPED:
        return FACE_RESNET_CROP
    return template_of(name, load_run(root, name).card.input)


def template_of(name: str, taken: ModelInput) -> CropTemplate:
    """Returns how faces are cut for a model.

    Args:
        name: The model's.
        taken: What it takes, by its card.

    Raises:
        RunError: If the card does not tell, or tells of a template that is not known.
    """
    if taken.template is not None:
        return CropTemplate(taken.alignment or name, np.array(taken.template, dtype=np.float64), taken.image_size)
    if taken.alignment == FACE_RESNET_CROP.fingerprint:
        return FACE_RESNET_CROP
    raise RunError(
        f"The model {name!r} was trained on crops cut for {taken.alignment!r}; this version cuts for "
        f"{FACE_RESNET_CROP.fingerprint!r}. Train it again."
    )


def fingerprint_of(name: str, card: ModelCard) -> str:
    """Returns the fingerprint of the embedder that a run is.

    Raises:
        RunError: If it is none.
    """
    _check_task(name, card)
    if card.task == "classify":
        return f"{card.backbone}-features-{card.model_sha256[:16]}"
    if card.embedding is None:
        raise RunError(f"The card of {name!r} does not tell which embeddings it gives. Train it again.")
    return card.embedding.fingerprint


def _check_task(name: str, card: ModelCard) -> None:
    if card.task not in ("embed", "classify") or not card.input.of_faces:
        what = f"task {card.task!r}, input {card.input.kind!r}"
        raise RunError(f"The model {name!r} embeds no faces. Received: {what}. `kerasface embedders list` names those.")


def features_model(path: Path, sha256: str, *, num_classes: int) -> "keras.Model":
    """Loads the Keras model of a run that names people, up to the features that its head names them by.

    Args:
        path: Its file.
        sha256: The file's hash, as the card has it.
        num_classes: How many classes the card names.

    Raises:
        RunError: If the file is missing, altered or unreadable, or the model has no head.
    """
    return _without_head(load_model(path, sha256, num_classes=num_classes), path.parent.name)


def _features_network(run: Run) -> "NetworkSource | keras.Model":
    if not isinstance(run.source, NetworkSource):
        return _without_head(run.source, run.name)
    return replace(run.source, builder=f"{features_model.__module__}:{features_model.__name__}")


def _without_head(model: "keras.Model", name: str) -> "keras.Model":
    import keras

    head = next((layer for layer in model.layers if layer.name.startswith("head_")), None)
    if head is None:
        raise RunError(f"The model {name!r} has no layer 'head_...' whose input could be its features.")
    return keras.Model(model.input, head.input)


def _usable(root: str | os.PathLike) -> Iterator[RunSummary]:
    for run in list_runs(root):
        if run.card is None or not run.card.input.of_faces:
            continue
        if run.card.task == "classify" or (run.card.task == "embed" and run.card.embedding is not None):
            yield run


def _summary(run: RunSummary) -> EmbedderSummary:
    return EmbedderSummary(
        name=run.name,
        fingerprint=fingerprint_of(run.name, run.card),
        embedding_dim=run.card.embedding and run.card.embedding.dim,
        image_size=run.card.input.image_size,
        licence=_licence_of(run.card),
        trained_on=_origin_of(run.card),
        is_calibrated=(run.path / RATES_FILE).is_file(),
        path=run.path,
        task=run.card.task,
    )


def _licence_of(card: ModelCard) -> str:
    found = [card.licence, *(source.licence for source in card.weights), card.data.get("licence")]
    return "; ".join(dict.fromkeys(str(entry) for entry in found if entry)) or "not told"


def _origin_of(card: ModelCard) -> str:
    found = card.trained_on or card.data.get("source") or card.data.get("folder") or card.data.get("root")
    return str(found or "not told")


def _make_known(folder: Path, fingerprint: str) -> None:
    """Takes over what was measured of an embedder."""
    path = folder / RATES_FILE
    if not path.is_file():
        return
    if path.stat().st_size > _MAX_RATES_BYTES:
        raise RunError(f"{path} is larger than {_MAX_RATES_BYTES} bytes: no error rates of KerasFace.")
    try:
        measured = json.loads(path.read_text(encoding="utf-8"))
        if measured["embedder"] != fingerprint:
            return  # they are of a model that stood here before
        normalizer = _cohort_of(folder) if measured["cohort"] else None
        if normalizer is not None and normalizer.digest != measured["cohort"]:
            raise ValueError(f"{folder / COHORT_FILE} is another cohort than they were measured with")
        add_measurements(fingerprint, measured)
        _try_out(fingerprint, measured)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, CohortError) as error:
        add_measurements(fingerprint, {})
        raise RunError(
            f"{path} holds no error rates: {error}. `kerasface embedders calibrate` measures them."
        ) from error
    add_normalizer(fingerprint, normalizer)


def _cohort_of(folder: Path) -> Normalizer:
    card, part = read_part(folder / COHORT_FILE)
    best = min(_NUM_BEST, len(part) // 2)
    return Normalizer(part, best, f"{card.sha256[:12]}-{best}")


def _try_out(fingerprint: str, measured: dict) -> None:
    """Asks for everything once, so that a file that was changed by hand is refused now and not when it decides."""
    for point in [measured["points"][0], *measured["points"]]:
        operating_point(fingerprint, point["fmr"]).to_dict()
    for fpir in measured.get("search", {}).get("fpirs", ()):
        search_point(fingerprint, fpir, 7).to_dict()
    pair_calibration(fingerprint), search_calibration(fingerprint)


def _default_file() -> Path:
    return user_folder("XDG_CONFIG_HOME", ".config") / "kerasface" / "embedder"
