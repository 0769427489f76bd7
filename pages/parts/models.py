"""Models that the pages share between reruns and sessions. Only models: a photo never enters a cache."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedders import SHIPPED, default_embedder, list_embedders, load_embedder_of
from kerasface.models.pretrained import ModelFileError
from kerasface.runs.store import DEFAULT_ROOT, RunError, RunSummary, list_runs, load_run, missing_model
from kerasface.tasks.recognition import FaceClassifier, ImageClassifier, build_classifier
from kerasface.tasks.segmentation import Segmentation, Segmenter
from kerasface.terminal.errors import told
from pages.parts.listed_runs import SEGMENT_COMMAND, TRAIN_COMMAND, show_broken_runs
from pages.parts.photos import plain
from pages.parts.server.memory import settle

FACES_ONLY = "Only find faces"
SHIPPED_SEGMENTER = "face-parts"


@st.cache_resource(show_spinner="Loading the face detector.")
def _detector() -> FaceDetector:
    detector = FaceDetector()
    settle()
    return detector


@st.cache_resource(show_spinner="Loading the face models. The first time takes a few seconds.", max_entries=3)
def _analyzer(fingerprint: str) -> FaceAnalyzer:
    """A front end by its embedder's fingerprint, so that one that was trained again is loaded again."""
    analyzer = FaceAnalyzer(_detector(), load_embedder_of(fingerprint))
    settle()
    return analyzer


@st.cache_resource(show_spinner="Loading the model.", max_entries=3)
def _classifier(root: str, name: str, sha256: str) -> FaceClassifier | ImageClassifier:
    """Loads a classifier; the hash is part of the key, so a model that was trained again is loaded again."""
    classifier = build_classifier(load_run(root, name), _detector)
    settle()
    return classifier


@st.cache_resource(show_spinner="Loading the model.", max_entries=3)
def _segmenter(root: str, name: str, sha256: str) -> Segmenter:
    """Loads a segmenter, by hash as above; it makes its detector when a face is first looked for."""
    segmenter = Segmenter(load_run(root, name))
    settle()
    return segmenter


def count_faces(image: np.ndarray) -> int | None:
    """How many faces are in a photo; None where the detector's weights are missing, as for models of pictures alone."""
    try:
        return len(_detector().detect([image])[0])
    except ModelFileError:
        return None


def analyzer_or_stop(fingerprint: str | None = None) -> FaceAnalyzer:
    """The detector and an embedder; where they cannot be loaded, the page says so and ends here.

    Args:
        fingerprint: Of the embedder; the user's default if not given.
    """
    try:
        return _analyzer(fingerprint or _default_fingerprint())
    except (ModelFileError, RunError) as error:
        st.error(plain(told(error)), icon=":material/error:")
        st.stop()


def choose_embedder(key: str, *, of_runs: Sequence[str] = ("embed", "classify")) -> str:
    """Lets the user pick what compares faces, where there are several; returns its fingerprint.

    Args:
        key: Of the widget.
        of_runs: Tasks of the runs that are offered.
    """
    summaries = {one.name: one for one in list_embedders() if one.task in of_runs or one.path is None}
    default = default_embedder()
    names = sorted(summaries, key=lambda name: (name != default, name != SHIPPED))
    if len(names) == 1:
        return summaries[names[0]].fingerprint
    chosen = summaries[st.selectbox("Compared by", names, key=key, persist_state="session")]
    if not chosen.is_calibrated:
        st.caption(
            "No error rates were measured for this embedder: it gives scores and no decision. "
            f"`kerasface embedders calibrate {plain(chosen.name)}` measures them."
        )
    return chosen.fingerprint


def _default_fingerprint() -> str:
    """Raises RunError where the user's default is not there."""
    name = default_embedder()
    found = [summary.fingerprint for summary in list_embedders() if summary.name == name]
    if not found:
        raise RunError(f"The default embedder {name!r} is not here. `kerasface embedders list` names those that are.")
    return found[0]


def choose_classifier(root: str = DEFAULT_ROOT) -> RunSummary | None:
    """Lets the user pick a trained classifier, or none: then, and where there is none, None is returned.

    Where no model names people, none is picked at first, and it is said where people are named.
    """
    summaries = list_runs(root)
    show_broken_runs(summaries)
    usable = {summary.name: summary for summary in summaries if summary.card and summary.card.task == "classify"}
    people = [name for name, summary in usable.items() if summary.card.input.of_faces]
    if not people:
        st.info(
            "No model is trained yet that names people: faces are found, and Gallery names them from a photo of each "
            "person. Or train one from a folder of photos per person:"
        )
        st.page_link("pages/gallery.py", label="Name people in Gallery", icon=":material/groups:")
        st.code(TRAIN_COMMAND, language=None, wrap_lines=True)
    if not usable:
        return None
    # People first: that is what the page is for. A model of other things judges a photo only where it is chosen.
    names = [*people, FACES_ONLY, *(name for name in usable if name not in people)]
    return usable.get(st.selectbox("Model", names, key="model"))


def classifier_or_stop(chosen: RunSummary) -> FaceClassifier | ImageClassifier:
    """The chosen classifier; where it or the face models cannot be loaded, the page says so and ends here."""
    try:
        return _classifier(str(chosen.path.parent.absolute()), chosen.name, chosen.card.model_sha256)
    except (RunError, ModelFileError) as error:
        st.error(plain(told(error)), icon=":material/error:")
        st.stop()


def choose_segmenter_or_stop(root: str = DEFAULT_ROOT) -> RunSummary:
    """Lets the user pick a model that segments; where there is none, the page says how to get one and ends here."""
    summaries = list_runs(root)
    show_broken_runs(summaries)
    usable = {summary.name: summary for summary in summaries if summary.card and summary.card.task == "segment"}
    if not usable:
        st.info(plain(f"There is no model that segments. {missing_model(root, SHIPPED_SEGMENTER)}"))
        st.markdown("Or make one from a folder with `images` and, of the same names, `masks`:")
        st.code(SEGMENT_COMMAND, language=None, wrap_lines=True)
        st.stop()
    names = sorted(usable, key=lambda name: (name != SHIPPED_SEGMENTER, name))
    return usable[st.selectbox("Model", names, key="segmenter")]


def segment_or_stop(chosen: RunSummary, image: np.ndarray, *, whole: bool) -> Segmentation:
    """Segments a photo; where the model or the detector cannot be loaded, the page says so and ends here."""
    try:
        segmenter = _segmenter(str(chosen.path.parent.absolute()), chosen.name, chosen.card.model_sha256)
        with st.spinner("Looking at the photo"):
            return segmenter.segment_whole(image) if whole else segmenter.segment_faces(image)
    except (RunError, ModelFileError) as error:
        st.error(plain(told(error)), icon=":material/error:")
        st.stop()
