"""Adds a face network of others to the models: read, compared with its own runtime, and written as a run."""

import datetime
import hashlib
import os
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

from kerasface import __version__
from kerasface.faces.alignment import TEMPLATES, CropTemplate
from kerasface.faces.detection import FaceDetector
from kerasface.files.parsing import json_of
from kerasface.files.reading import read_regular
from kerasface.models.onnx.input_form import InputForm, normalizes_itself
from kerasface.models.onnx.network import build_network
from kerasface.models.onnx.parity import compare
from kerasface.models.onnx.reading import Graph, read_bytes, read_graph
from kerasface.models.pretrained import ModelFileError
from kerasface.runs.card import EmbeddingSpace, ModelCard, ModelInput, ModelSource, Parity
from kerasface.runs.store import DEFAULT_ROOT, write_run
from kerasface.tasks.embedders.crops import people_faces, sample_crops, sample_face
from kerasface.tasks.embedders.doubts import doubts_of_people, doubts_of_sample
from kerasface.tasks.embedders.folders import check_addable

_MAX_TEMPLATE_BYTES = 2**16


@dataclass(frozen=True)
class Added:
    """What was added.

    Attributes:
        name: Of the run.
        path: Its folder.
        card: Its card.
        doubts: What speaks against its crops or its colours, in sentences.
    """

    name: str
    path: Path
    card: ModelCard
    doubts: tuple[str, ...]

    def to_dict(self) -> dict:
        """Returns the result as JSON-ready values."""
        return {"name": self.name, "path": str(self.path), "doubts": list(self.doubts), "card": self.card.to_dict()}


def add_embedder(
    file: str | os.PathLike,
    name: str,
    *,
    licence: str,
    trained_on: str | None = None,
    template: str | os.PathLike = "arcface-112",
    input: str | None = None,
    mirrored: bool = True,
    images: str | os.PathLike | None = None,
    root: str | os.PathLike = DEFAULT_ROOT,
    source: str | None = None,
) -> Added:
    """Adds an ONNX face network as a run that embeds faces; nothing is written unless it agrees with ONNX Runtime.

    Args:
        file: The ONNX file. It is not trusted.
        name: What the run is called.
        licence: What its weights may be used for, as their owner says; it goes into the card.
        trained_on: What it was trained on.
        template: How its crops are cut: a name of `TEMPLATES`, or a JSON file with five points `[x, y]` in pixels.
        input: What it wants to be shown, see `InputForm.parse`; needed unless its first nodes bring pixels of 0 to 255
            to what it wants.
        mirrored: Whether the embedding is averaged over the crop and its mirror image.
        images: Folder with a folder per person, to compare on and to see whether template and colours are right.
        root: Folder of the runs.
        source: What the card calls the file; its name if not given.

    Raises:
        ModelFileError: If the file is no face network, holds what is not read, or differs from ONNX Runtime.
        RunError: If the name is taken or no name, no licence is given, or the disk refuses.
        ValueError: If template or input cannot be understood, or `images` holds no faces.
    """
    check_addable(name, licence, root)
    path = Path(file)
    content = read_bytes(path)
    graph = read_graph(content, path.name)
    cut = _template(template, graph.side)
    if cut.image_size != (graph.side, graph.side):
        raise ValueError(
            f"{path.name} takes crops of {graph.side} x {graph.side} pixels, and the template {cut.name!r} is for "
            f"{cut.image_size[1]} x {cut.image_size[0]}. Give the one it was trained with (--template)."
        )
    form = _form(graph, input)
    model = build_network(graph, form, mirrored=mirrored)
    detector = FaceDetector()
    portrait, face = sample_face(detector)
    crops, told = sample_crops(portrait, face, cut), "crops of the sample portrait, moved, turned and lit anew"
    people = people_faces(images, detector) if images is not None else []
    if people:
        crops = np.concatenate([crops, np.stack([cut.cut(one.photo, one.face) for one in people])])
        told = f"{told}, and of {len(people)} photos given"
    parity = Parity(num_crops=len(crops), crops=told, **compare(model, content, graph, form, crops))
    if people:
        doubts = doubts_of_people(graph, model, form, cut, people, mirrored=mirrored)
    else:
        doubts = doubts_of_sample(model, portrait, face, cut)
    digest = hashlib.sha256(content).hexdigest()
    card = ModelCard(
        task="embed",
        input=ModelInput(
            image_size=cut.image_size,
            values="RGB, 0 to 255",
            alignment=cut.name,
            template=tuple((float(x), float(y)) for x, y in cut.points),
        ),
        backbone=_stem(path),
        embedding=EmbeddingSpace(
            dim=model.output_shape[-1],
            fingerprint=_fingerprint(path, digest, form, cut, mirrored),
        ),
        licence=licence.strip(),
        trained_on=trained_on,
        source=ModelSource(
            file=source or path.name, sha256=digest, format="onnx", input=str(form), mirrored=mirrored, parity=parity
        ),
        versions={
            "kerasface": __version__,
            "keras": keras.version(),
            **{package: version(package) for package in ("onnx", "onnxruntime")},
        },
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    folder = write_run(root, name, model=model, card=card, metrics={}, history=[])
    return Added(name, folder, ModelCard.read(folder / "card.json"), tuple(doubts))


def _template(template: str | os.PathLike, side: int) -> CropTemplate:
    """A template by name or out of a file."""
    if str(template) in TEMPLATES:
        return TEMPLATES[str(template)]
    path = Path(template)
    wanted = (
        f"A template is one of {', '.join(TEMPLATES)}, or a JSON file with five points [x, y] in pixels of the crop: "
        "left eye, right eye, nose, left and right corner of the mouth"
    )
    try:
        content = json_of(read_regular(path, _MAX_TEMPLATE_BYTES))
        points = np.array(content["points"] if isinstance(content, dict) else content, dtype=np.float64)
    except OSError as error:
        raise ValueError(f"{wanted}. Received: {os.fspath(template)!r}, which is neither.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{wanted}. {path} holds something else: {error}.") from error
    if points.shape != (5, 2) or not np.isfinite(points).all() or np.abs(points).max() > 2 * side:
        raise ValueError(f"{wanted}. {path} holds {points.tolist()!r:.200}.")
    if not (points[0, 0] < points[1, 0] and points[:2, 1].max() < points[3:, 1].min()):
        raise ValueError(f"{wanted}, of an upright face. {path} holds {points.tolist()}.")
    return CropTemplate(path.stem, points, (side, side))


def _form(graph: Graph, input: str | None) -> InputForm:
    if input is not None:
        return InputForm.parse(input)
    if normalizes_itself(graph):
        return InputForm()
    raise ModelFileError(
        f"{graph.name} takes pixels as they come, and does not say which: give --input 'rgb -1..1' (most networks "
        "trained with ArcFace loss), 'rgb 0..255', 'bgr 0..1', or 'rgb mean 127.5 std 128'."
    )


def _fingerprint(path: Path, digest: str, form: InputForm, cut: CropTemplate, mirrored: bool) -> str:
    """Which embeddings can be compared: file, what it is shown, how crops are cut, and over how many views."""
    shown = hashlib.sha256(str(form).encode()).hexdigest()[:6]
    return f"{_stem(path)}-{digest[:12]}-{shown}-{cut.fingerprint}-{2 if mirrored else 1}views"


def _stem(path: Path) -> str:
    return re.sub(r"\W+", "_", path.stem).strip("_")[:40] or "network"
