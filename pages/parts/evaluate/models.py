"""The models that the page Evaluate judges: the embedder with its settings, and those of the user."""

from dataclasses import dataclass

import streamlit as st

from kerasface.faces.embedders import Embedder, list_embedders, load_embedder
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.run_embedder import RunEmbedder
from kerasface.files.paths import default_cache_folder
from kerasface.models.pretrained import ModelFileError
from kerasface.models.runtime import best_precision
from kerasface.runs.store import DEFAULT_ROOT
from kerasface.tasks.measuring.embedding import embed_cached
from kerasface.tasks.measuring.people import Embedded, People, Report
from kerasface.terminal.errors import told
from pages.parts.models import analyzer_or_stop
from pages.parts.photos import plain

VIEWS = {6: "six views", 2: "with the mirror image", 1: "one view"}


@dataclass(frozen=True)
class Model:
    """A model that can be chosen.

    Attributes:
        name: For people.
        views: Of the embedder.
        precision: Of the embedder.
        run: An embedder of the user's in its place: folder of the runs, name and fingerprint.
    """

    name: str
    views: int = 6
    precision: str = "float32"
    run: tuple[str, str, str] | None = None


def list_models(root: str = DEFAULT_ROOT) -> list[Model]:
    """The embedder with its settings, in this machine's precision first, and the user's own under `root`."""
    fastest = best_precision()
    precisions = dict.fromkeys((fastest, "float32"))
    found = [
        Model(f"face_resnet, {text}" + (f", {precision}" if len(precisions) > 1 else ""), views, precision)
        for precision in precisions
        for views, text in VIEWS.items()
    ]
    own = [summary for summary in list_embedders(root) if summary.path is not None]
    return [*found, *(Model(summary.name, run=(root, summary.name, summary.fingerprint)) for summary in own)]


@st.cache_resource(show_spinner="Loading the model.", max_entries=4)
def _embedder(views: int, precision: str) -> FaceEmbedder:
    return FaceEmbedder(views, precision)


@st.cache_resource(show_spinner="Loading the model.", max_entries=3)
def _own(root: str, name: str, fingerprint: str) -> RunEmbedder:
    """An embedder of the user's by its fingerprint, so that one that was trained again is loaded again."""
    return load_embedder(name, root=root)


def embed_people(people: People, models: list[Model], report: Report) -> list[Embedded]:
    """Finds every photo's face and embeds it with each model; what is in the cache is not computed again.

    Raises:
        ValueError: If no photo has a face.
        RunError: If a model cannot be loaded or was trained on faces that were cut differently.
        OSError: If the cache cannot be written.
    """
    analyzer = analyzer_or_stop()
    embedders = [(model.name, built(model)) for model in models]
    return embed_cached(people, analyzer.detector, embedders, default_cache_folder(), report=report)


def models_or_stop() -> list[Model]:
    """The models; where the embedder's weights are missing or altered, the page says so and ends here."""
    try:
        return list_models()
    except ModelFileError as error:
        st.error(plain(told(error)), icon=":material/error:")
        st.stop()


def built(model: Model) -> Embedder:
    """The embedder of a choice, loaded once.

    Raises:
        RunError: If it cannot be loaded.
    """
    if model.run:
        return _own(*model.run)
    own = analyzer_or_stop().embedder
    ready = (own.views, own.precision) == (model.views, model.precision)
    return own if ready else _embedder(model.views, model.precision)
