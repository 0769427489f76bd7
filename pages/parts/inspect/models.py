"""The models that the page Inspect looks into, and their graphs, which sessions share."""

from collections.abc import Collection
from dataclasses import dataclass

import keras
import streamlit as st

from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.faces.embedders import SHIPPED
from kerasface.inspection.attribution.match import match_model
from kerasface.inspection.layers.activations import LayerInfo, list_layers, tap
from kerasface.inspection.placement import Placement, placements
from kerasface.inspection.stitched import Stitched
from kerasface.models.efficientnet_lite import LITE0_SIDE, build_efficientnet_lite0
from kerasface.models.pretrained import ModelFileError
from kerasface.models.runtime import Network, compile_network
from kerasface.models.shipped import IMAGE_SIZE
from kerasface.runs.card import ModelCard, ModelInput
from kerasface.runs.store import DEFAULT_ROOT, Run, RunError, RunSummary, list_runs, load_run, missing_model
from kerasface.tasks.segmentation import Segmenter
from kerasface.terminal.errors import told
from pages.parts.models import SHIPPED_SEGMENTER, analyzer_or_stop, classifier_or_stop, show_broken_runs
from pages.parts.photos import plain

EMBEDDER = "The face embedder face_resnet"
LITE = "EfficientNet-Lite0, of ImageNet's pictures"
LITE_CARD = ModelCard(task="classify", input=ModelInput(kind="image", image_size=(LITE0_SIDE, LITE0_SIDE)))
EMBEDDER_CARD = ModelCard(task="embed", input=ModelInput(image_size=IMAGE_SIZE, alignment=FACE_RESNET_CROP.fingerprint))
FAILURES = (RunError, ModelFileError, ValueError, RuntimeError)


@dataclass(frozen=True, eq=False)
class Inspected:
    """A model that is looked into: its name, its card, and its run; the embedder has none."""

    name: str
    card: ModelCard
    run: RunSummary | None = None

    @property
    def key(self) -> str:
        """Differs for every model, also for one that was trained again under its name."""
        return (self.card.model_sha256 or self.name)[:16]

    @property
    def of_faces(self) -> bool:
        return self.card.input.looks_at_faces

    @property
    def reads_digits(self) -> bool:
        return self.card.labels == tuple("0123456789")


@dataclass(frozen=True, eq=False)
class Layers:
    """The layers of a model that give maps, in forward order; a network that gives all of them; where they look."""

    infos: list[LayerInfo]
    network: Network | None
    places: dict[str, Placement]


def choose_model(tasks: Collection[str], key: str, *, embedder: bool = False) -> Inspected | None:
    """Lets the user pick one of the usable runs of these tasks, or what ships; None where there is none.

    Models of faces come first, and of models of other things alone none is picked: photos are mostly of people.
    """
    summaries = list_runs()
    show_broken_runs(summaries)
    found = {EMBEDDER: Inspected(EMBEDDER, EMBEDDER_CARD)} if embedder else {}
    usable = [summary for summary in summaries if summary.card and summary.card.task in tasks]
    for summary in sorted(usable, key=lambda one: (not one.card.input.looks_at_faces, one.card.task)):
        found[summary.name] = Inspected(summary.name, summary.card, summary)
    if embedder:
        found[LITE] = Inspected(LITE, LITE_CARD)
    if not found:
        return None
    index = 0 if next(iter(found.values())).of_faces else None
    chosen = st.selectbox(
        "Model",
        list(found),
        index,
        key=key,
        persist_state="session",
        placeholder="None of them is of faces: choose one",
    )
    if chosen is None:
        st.caption("These models know whole pictures, such as of digits. What they say of a face means nothing.")
        st.stop()
    return found[chosen]


def end_with(error: Exception):
    """Says in a sentence what went wrong and ends the page here."""
    st.error(plain(told(error)), icon=":material/error:")
    st.stop()


def model_or_stop(chosen: Inspected) -> keras.Model:
    """The Keras model; where it cannot be loaded, the page says so and ends here."""
    try:
        if chosen.run is None:
            return match_stitched().model if chosen.of_faces else _lite()
        if chosen.card.task == "classify":
            return classifier_or_stop(chosen.run).run.model
        if chosen.card.task == "segment":
            return _segmenter(*_place(chosen.run)).run.model
        return _run(*_place(chosen.run)).model
    except FAILURES as error:
        end_with(error)


def stitched_or_stop(chosen: Inspected, layer: str | None = None) -> Stitched:
    """The model made ready to be explained; where it cannot be, such as with several outputs, the page says so."""
    model = model_or_stop(chosen)
    try:
        return _stitched(chosen.key, layer, model)
    except FAILURES as error:
        end_with(error)


def layers_or_stop(chosen: Inspected, size: tuple[int, int]) -> Layers:
    """The layers of the model with maps; where it cannot be looked into, the page says so and ends here."""
    model = model_or_stop(chosen)
    try:
        return _layers(chosen.key, size, model)
    except FAILURES as error:
        end_with(error)


@st.cache_resource(show_spinner="Loading EfficientNet-Lite0.", max_entries=1)
def _lite() -> keras.Model:
    """The network of ImageNet's pictures, up to its features."""
    return build_efficientnet_lite0()


@st.cache_resource(show_spinner="Loading the face embedder.", max_entries=2)
def match_stitched(embedder: str = SHIPPED, fingerprint: str = "") -> Stitched:
    """An embedder made ready to be explained; its fingerprint tells one that was trained again.

    Raises:
        ModelFileError: If its weights are missing or altered.
        RunError: If it is not there.
    """
    return match_model(embedder=embedder)


def part_finder() -> Segmenter | None:
    """The model of the parts of a face; None where it is not there or cannot be used, then the page says so."""
    summary = {one.name: one for one in list_runs() if one.card}.get(SHIPPED_SEGMENTER)
    problem = missing_model(DEFAULT_ROOT, SHIPPED_SEGMENTER)
    if summary:
        try:
            return _segmenter(*_place(summary))
        except FAILURES as error:
            problem = told(error)
    st.caption(plain(f"The shares of eyes, nose, mouth and background cannot be told: {problem}"))
    return None


def _place(run: RunSummary) -> tuple[str, str, str]:
    return str(run.path.parent.absolute()), run.name, run.card.model_sha256


@st.cache_resource(show_spinner="Loading the model.", max_entries=3)
def _run(root: str, name: str, sha256: str) -> Run:
    """Loads a run; the hash is part of the key, so a model that was trained again is loaded again."""
    return load_run(root, name)


@st.cache_resource(show_spinner="Loading the model.", max_entries=3)
def _segmenter(root: str, name: str, sha256: str) -> Segmenter:
    """Loads a run that segments, by hash as above, and checks that its card fits its model."""
    run = _run(root, name, sha256)
    return Segmenter(run, analyzer_or_stop().detector if run.card.input.looks_at_faces else None)


@st.cache_resource(show_spinner="Preparing the model.", max_entries=8)
def _stitched(key: str, layer: str | None, _model: keras.Model) -> Stitched:
    return Stitched(_model, layer)


@st.cache_resource(show_spinner="Preparing the layers.", max_entries=3)
def _layers(key: str, size: tuple[int, int], _model: keras.Model) -> Layers:
    infos = [info for info in list_layers(_model, size) if info.spatial]
    if not infos:
        return Layers([], None, {})
    network = compile_network(tap(_model, [info.path for info in infos], size))
    return Layers(infos, network, placements(_model, size))
