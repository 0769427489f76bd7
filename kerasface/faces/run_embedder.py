"""A model of `saved_models` as an embedder: one that embeds, or the features of one that names people."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.arrays import check_crops
from kerasface.evaluation.normalization import Normalizer
from kerasface.faces.alignment import FACE_RESNET_CROP, CropTemplate
from kerasface.faces.detection import Face
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.images.squares import fit_square
from kerasface.models.engines.source import NetworkSource
from kerasface.models.runtime import compile_network
from kerasface.runs.card import ModelCard, ModelInput
from kerasface.runs.store import Run, RunError, load_model

if TYPE_CHECKING:
    import keras


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
        self.licence, self.trained_on = licence_of(card), origin_of(card)
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

    # A network from random weights pools its last map in a layer of its head.
    heads = (layer for layer in model.layers if layer.name.startswith("head_") and len(layer.input.shape) == 2)
    head = next(heads, None)
    if head is None:
        raise RunError(f"The model {name!r} has no layer 'head_...' that takes a vector, which its features could be.")
    return keras.Model(model.input, head.input)


def _check_task(name: str, card: ModelCard) -> None:
    if card.task not in ("embed", "classify") or not card.input.of_faces:
        what = f"task {card.task!r}, input {card.input.kind!r}"
        raise RunError(f"The model {name!r} embeds no faces. Received: {what}. `kerasface embedders list` names those.")


def licence_of(card: ModelCard) -> str:
    found = [card.licence, *(source.licence for source in card.weights), card.data.get("licence")]
    return "; ".join(dict.fromkeys(str(entry) for entry in found if entry)) or "not told"


def origin_of(card: ModelCard) -> str:
    found = card.trained_on or card.data.get("source") or card.data.get("folder") or card.data.get("root")
    return str(found or "not told")
