"""The models that the page Evaluate judges: the embedder with its settings, and metric trainings."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from kerasface.data.cache.crops import CroppedFaces, crop_faces, embed_crops
from kerasface.data.cache.features import cached_features
from kerasface.data.cache.images import cache_resized
from kerasface.faces.detection import Face
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.quality import measure_quality
from kerasface.files.paths import default_cache_folder
from kerasface.models.pretrained import ModelFileError
from kerasface.models.runtime import Network, best_precision, compile_network
from kerasface.runs.store import DEFAULT_ROOT, Run, RunError, list_runs, load_run
from kerasface.terminal.errors import told
from pages.parts.evaluate.data import Embedded, People
from pages.parts.models import analyzer_or_stop
from pages.parts.photos import plain

VIEWS = {6: "six views", 2: "with the mirror image", 1: "one view"}
_BLOCK = 64  # crops looked at between two reports

Report = Callable[[str, int, int], None]  # stage, done, total


@dataclass(frozen=True)
class Model:
    """A model that can be chosen.

    Attributes:
        name: For people.
        views: Of the embedder.
        precision: Of the embedder.
        run: A metric training in place of the embedder: folder of the runs, its name and the hash of its model.
    """

    name: str
    views: int = 6
    precision: str = "float32"
    run: tuple[str, str, str] | None = None


def list_models(root: str = DEFAULT_ROOT) -> list[Model]:
    """The embedder with its settings, in this machine's precision first, and the metric trainings under `root`."""
    fastest = best_precision()
    precisions = dict.fromkeys((fastest, "float32"))
    found = [
        Model(f"face_resnet, {text}" + (f", {precision}" if len(precisions) > 1 else ""), views, precision)
        for precision in precisions
        for views, text in VIEWS.items()
    ]
    for summary in list_runs(root):
        card = summary.card
        if card and card.task == "embed" and card.input.of_faces:
            found.append(Model(f"{summary.name}, trained", run=(root, summary.name, card.model_sha256)))
    return found


@st.cache_resource(show_spinner="Loading the model.", max_entries=4)
def _embedder(views: int, precision: str) -> FaceEmbedder:
    return FaceEmbedder(views, precision)


@st.cache_resource(show_spinner="Loading the model.", max_entries=3)
def _metric_run(root: str, name: str, sha256: str) -> tuple[Run, Network]:
    """A metric training by its hash, so that one that was trained again is loaded again."""
    run = load_run(root, name)
    return run, compile_network(run.model)


def embed_people(people: People, models: list[Model], report: Report) -> list[Embedded]:
    """Finds every photo's face and embeds it with each model; what is in the cache is not computed again.

    Raises:
        ValueError: If no photo has a face.
        RunError: If a metric training cannot be loaded or was trained on faces that were cut differently.
        OSError: If the cache cannot be written.
    """
    analyzer, cache = analyzer_or_stop(), default_cache_folder()
    report("Finding faces", 0, len(people.paths))  # files are read before the first one is found
    crops = crop_faces(
        people.paths, analyzer.detector, analyzer.embedder, cache, lambda *counts: report("Finding faces", *counts)
    )
    if not crops.keys:
        raise ValueError(
            f"No face was found in any of the {len(people.paths)} photos of {people.title}. "
            f"The first: {crops.rejected[0][1]}"
        )
    attributes = _qualities(crops, len(people.paths), report)
    rows = np.full(len(people.paths), -1)
    rows[crops.positions] = np.arange(len(crops.positions))
    images = crops.store.array(crops.keys)
    number = {path: place for place, path in enumerate(people.paths)}
    reasons = {number[path]: reason for path, reason in crops.rejected}

    def pictures(photos) -> dict[int, np.ndarray]:
        there = [photo for photo in photos if rows[photo] >= 0]
        return dict(zip(there, images[rows[there]], strict=True)) if there else {}

    embedded = []
    for model in models:
        embeddings, fingerprint = _embed(crops, model, analyzer.embedder, report)
        embedded.append(Embedded(model.name, fingerprint, rows, embeddings, attributes, pictures, reasons))
    return embedded


def models_or_stop() -> list[Model]:
    """The models; where the embedder's weights are missing or altered, the page says so and ends here."""
    try:
        return list_models()
    except ModelFileError as error:
        st.error(plain(told(error)), icon=":material/error:")
        st.stop()


def _embed(crops: CroppedFaces, model: Model, own: FaceEmbedder, report: Report) -> tuple[np.ndarray, str]:
    cache, stage = default_cache_folder(), f"Embedding them: {model.name}"

    def progress(done: int, total: int):
        report(stage, done, total)

    if model.run is None:
        ready = (own.views, own.precision) == (model.views, model.precision)
        embedder = own if ready else _embedder(model.views, model.precision)
        return embed_crops(crops, embedder, cache, progress), embedder.fingerprint
    run, network = _metric_run(*model.run)
    if (alignment := run.card.input.alignment) != own.alignment:
        raise RunError(
            f"The model {run.name!r} was trained on faces cut for {alignment!r}; here they are cut for "
            f"{own.alignment!r}. Train it again."
        )
    fingerprint = run.card.embedding.fingerprint
    folder, side = cache / crops.store.folder.name, run.model.input_shape[1]
    images = crops.store.array(crops.keys)
    if side != images.shape[1]:
        images = cache_resized(images, crops.keys, side, folder)
    dim = run.model.output_shape[-1]
    folder = folder.with_name(f"features-{folder.name}-{fingerprint}")
    features = cached_features(images, crops.keys, network, dim, folder, on_progress=progress)
    return features[:], fingerprint


def _qualities(crops: CroppedFaces, num_photos: int, report: Report) -> dict[str, np.ndarray]:
    """Size, turn and sharpness of each photo's face, `(num_photos,)`; NaN without one."""
    measured = np.full((3, num_photos), np.nan)
    for start in range(0, len(crops.keys), _BLOCK):
        report("Measuring size, turn and sharpness", start, len(crops.keys))
        keys, positions = crops.keys[start : start + _BLOCK], crops.positions[start : start + _BLOCK]
        for key, position, crop in zip(keys, positions, crops.store.read(keys), strict=True):
            note = crops.store.note(key)
            face = Face(tuple(note["box"]), np.array(note["landmarks"], dtype=np.float32), note["detection_score"])
            quality = measure_quality(face, crop)
            measured[:, position] = quality.side, abs(quality.yaw), quality.sharpness
    names = ("side of the face in pixels", "turn of the head in degrees", "sharpness of the face")
    return dict(zip(names, measured, strict=True))
