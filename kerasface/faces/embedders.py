"""Embedders by name: the one that ships, networks that were trained here, and imported ones, all as the same value.

No other file knows how crops are cut for a network. An embedder that was not measured gives scores and ranks; what was
measured of it is in `rates.json` next to its model, and is known from the moment it is loaded.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from kerasface.evaluation.normalization import Normalizer
from kerasface.faces.alignment import FACE_RESNET_CROP, CropTemplate
from kerasface.faces.detection import Face
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.fingerprint import DEFAULT_VIEWS, EMBEDDING_DIM, embedder_fingerprint
from kerasface.faces.rates.cohorts import embedder_of
from kerasface.faces.rates.of_runs import RATES_FILE, make_known
from kerasface.faces.run_embedder import RunEmbedder, fingerprint_of, licence_of, origin_of, template_of
from kerasface.files.paths import user_folder
from kerasface.files.writing import write_atomically
from kerasface.models.pretrained import weight_file
from kerasface.runs.store import DEFAULT_ROOT, RunError, RunSummary, list_runs, load_run

SHIPPED = "face_resnet"


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
        views: Over how many views `face_resnet` averages.
        precision: As `FaceEmbedder` has it, for `face_resnet` alone.

    Raises:
        RunError: If there is no such run, or it is none that embeds faces.
        ModelFileError: If a weight file is missing or altered.
        ValueError: If other views are asked of a run, which is what it is.

    Example:
        ```python
        >>> embedder = kf.load_embedder("face_resnet")
        >>> embedder.embedding_dim
        128

        ```
    """
    name = name or default_embedder()
    if name == SHIPPED:
        return FaceEmbedder(views, precision)
    if views != DEFAULT_VIEWS:
        raise ValueError(f"Only {SHIPPED} averages over views of choice; {name!r} does not. Received: views={views}.")
    embedder = RunEmbedder(load_run(root, name))
    folder = next(run.path for run in list_runs(root) if run.name == name)
    make_known(folder, embedder.fingerprint)
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
            make_known(run.path, fingerprint)
            return run.name
    return None


def load_embedder_for(gallery: str | os.PathLike, name: str | None = None) -> Embedder:
    """Loads the embedder of a name; without one, what a gallery was made with, and the default where there is none.

    Args:
        gallery: File of the gallery, which need not be there.
        name: Of the embedder.

    Raises:
        GalleryError: If the file is no gallery.
        RunError: If the embedder is not here.
    """
    from kerasface.gallery.opening import recorded_embedder  # most commands know no gallery, and start without it

    recorded = None if name else recorded_embedder(gallery)
    return load_embedder_of(recorded[0]) if recorded else load_embedder(name)


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
        licence=licence_of(run.card),
        trained_on=origin_of(run.card),
        is_calibrated=(run.path / RATES_FILE).is_file(),
        path=run.path,
        task=run.card.task,
    )


def _default_file() -> Path:
    return user_folder("XDG_CONFIG_HOME", ".config") / "kerasface" / "embedder"
