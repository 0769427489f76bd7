"""The models that the page Evaluate judges: the embedder with its settings, and metric trainings."""

from dataclasses import dataclass

import streamlit as st

from kerasface.faces.embedding import FaceEmbedder
from kerasface.files.paths import default_cache_folder
from kerasface.models.pretrained import ModelFileError
from kerasface.models.runtime import best_precision
from kerasface.runs.store import DEFAULT_ROOT, list_runs, load_run
from kerasface.tasks.measuring.embedding import Embedder, TrainedEmbedder, embed_cached
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
def _trained(root: str, name: str, sha256: str) -> TrainedEmbedder:
    """A metric training by its hash, so that one that was trained again is loaded again."""
    return TrainedEmbedder(load_run(root, name), analyzer_or_stop().embedder)


def embed_people(people: People, models: list[Model], report: Report) -> list[Embedded]:
    """Finds every photo's face and embeds it with each model; what is in the cache is not computed again.

    Raises:
        ValueError: If no photo has a face.
        RunError: If a metric training cannot be loaded or was trained on faces that were cut differently.
        OSError: If the cache cannot be written.
    """
    analyzer = analyzer_or_stop()
    embedders = [(model.name, _built(model, analyzer.embedder)) for model in models]
    return embed_cached(people, analyzer.detector, embedders, default_cache_folder(), report=report)


def models_or_stop() -> list[Model]:
    """The models; where the embedder's weights are missing or altered, the page says so and ends here."""
    try:
        return list_models()
    except ModelFileError as error:
        st.error(plain(told(error)), icon=":material/error:")
        st.stop()


def _built(model: Model, own: FaceEmbedder) -> Embedder:
    if model.run:
        return _trained(*model.run)
    ready = (own.views, own.precision) == (model.views, model.precision)
    return own if ready else _embedder(model.views, model.precision)
