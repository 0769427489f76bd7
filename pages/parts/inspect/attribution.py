"""The view "Why this answer" of the page Inspect: which places of a picture speak for a class."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from kerasface.inspection.attribution.maps import Attribution
from kerasface.inspection.attribution.methods import LAYER_METHODS, METHODS, default_method
from kerasface.inspection.stitching import map_layers
from kerasface.terminal.errors import told
from pages.parts.inspect.models import Inspected, choose_model, stitched_or_stop
from pages.parts.inspect.overlays import laid_over, show_legend
from pages.parts.inspect.questions import Explained, Question, choose_question, show_audit
from pages.parts.inspect.subjects import Subject, choose_photo, subject_or_stop
from pages.parts.inspect.trust import show_trust
from pages.parts.inspect.work import digest, is_kept, keep, kept, work
from pages.parts.models import TRAIN_COMMAND
from pages.parts.photos import plain

EXPLAINED = {
    "grad-cam": "How much each channel of a deep layer counts for the answer, times where it answers: quick, coarse.",
    "grad-cam++": "Grad-CAM that counts several places of one kind as fully as a single one.",
    "layer-cam": "Every place of a layer's map, weighted by its own gradient: the idea of Grad-CAM, but finer.",
    "integrated-gradients": "Gradients added up on the way from one even colour to the picture, pixel by pixel.",
    "smooth-grad": "Which pixels would change the answer if they changed a little, averaged over noisy copies.",
    "guided-backprop": "Which pixels excite the network, whatever the class: only what is positive is passed back.",
    "deconvolution": "The network run backwards: which patterns it found, and hardly for which class.",
    "occlusion": "A grey square is moved over the picture: places count where hiding them lowers the score.",
    "rise": "Random parts are hidden, 500 times: places count that were visible when the score was high.",
}
PER_ROW = 3


def show_attribution():
    """Model, photo, class and method; the picture under its map; the parts it falls on; whether it can be trusted."""
    left, right = st.columns(2, gap="medium")
    with left:
        chosen = choose_model(("classify", "segment"), "inspect_answer_model")
    if chosen is None:
        st.info("There is no model that gives answers yet. Make one from a folder of photos per person:")
        st.code(TRAIN_COMMAND, language=None, wrap_lines=True)
        st.stop()
    with right:
        photo = choose_photo(chosen)
    subject = subject_or_stop(chosen, photo)
    question = choose_question(chosen, subject, stitched_or_stop(chosen))
    compares = st.toggle("Compare all methods", key="inspect_compare", persist_state="session")
    if compares:
        show_comparison(chosen, subject, question)
        return
    asked = choose_method(chosen, subject, question)
    if asked.method in LAYER_METHODS and not asked.stitched.layer:
        st.warning(
            "This method needs a layer with maps, and this model has none: choose another one, such as occlusion.",
            icon=":material/block:",
        )
        return
    found = work(
        asked.key,
        f"{asked.method}: {counted(asked.pictures)}",
        asked.pictures,
        lambda report: asked.explain(asked.stitched, subject.square, report),
    )
    if found is None:
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        show_picture(subject.square, found, question.text)
    with right:
        show_audit(chosen, subject, question, found)
    show_trust(asked, found)


def choose_method(chosen: Inspected, subject: Subject, question: Question) -> Explained:
    left, right = st.columns(2, gap="medium")
    names = list(METHODS)
    task = chosen.card.task
    method = left.selectbox(
        *("Method", names, names.index(default_method(task))), key=f"inspect_method_{task}", persist_state="session"
    )
    left.caption(plain(EXPLAINED[method]))
    stitched = stitched_or_stop(chosen)
    if method in LAYER_METHODS and stitched.layer:
        layers = map_layers(stitched.model)
        layer = right.selectbox(
            "Layer, from the picture to the answer",
            list(layers),
            index=list(layers).index(stitched.layer),
            format_func=lambda path: "{} ({} x {})".format(path, *layers[path]),
            key=f"inspect_layer_{chosen.key}",
            persist_state="session",
        )
        right.caption("Deep layers know more of what they see; shallow ones tell better where.")
        stitched = stitched_or_stop(chosen, layer)
    return Explained(chosen, subject, question, method, stitched)


@st.fragment
def show_picture(square: np.ndarray, found: Attribution, text: str):
    """The picture under its map. A fragment: its opacity draws anew, but computes nothing again."""
    opacity = st.slider("Opacity of the map", 0, 100, 75, format="%d %%", key="inspect_opacity", width=220) / 100
    picture = laid_over(square, found.map, signed=found.signed, opacity=opacity)
    st.image(picture, alt=f"Map of what speaks for {text}", width="stretch")
    show_legend(found.signed, *ends(found))


def counted(pictures: int) -> str:
    return "one gradient" if pictures == 1 else f"{pictures} pictures are computed"


def ends(found: Attribution) -> tuple[str, str]:
    return ("speaks against it", "speaks for it") if found.signed else ("does not matter", "matters most")


def show_comparison(chosen: Inspected, subject: Subject, question: Question):
    """All methods side by side; a method that is not for this model is told so in its place."""
    asked = [Explained(chosen, subject, question, method, stitched_or_stop(chosen)) for method in METHODS]

    def compute(report: Callable[[int], None]) -> list[Attribution | str]:
        done, found = 0, []
        for one in asked:
            # Kept one by one: who stops in between loses nothing.
            if not is_kept(one.key):
                keep(one.key, _or_reason(one, lambda count, before=done: report(before + count)))
            found.append(kept(one.key, None))
            done += one.pictures
            report(done)
        return found

    total = sum(one.pictures for one in asked)
    key = ("all", *asked[0].key[1:3], question.name, digest(subject.square))
    text = f"{len(METHODS)} methods: {counted(total)}"
    found = work(key, text, total, compute)
    if found is not None:
        show_maps(subject.square, found)


def _or_reason(asked: Explained, report: Callable[[int], None]) -> Attribution | str:
    try:
        return asked.explain(asked.stitched, asked.subject.square, report)
    except ValueError as error:
        return told(error)


@st.fragment
def show_maps(square: np.ndarray, found: list[Attribution | str]):
    opacity = st.slider("Opacity of the maps", 0, 100, 75, format="%d %%", key="inspect_opacity", width=220) / 100
    cells = [cell for _ in range(0, len(METHODS), PER_ROW) for cell in st.columns(PER_ROW)]
    for cell, method, one in zip(cells, METHODS, found, strict=False):  # a last row may have cells to spare
        with cell.container(border=True):
            st.markdown(f"**{plain(method)}**")
            if isinstance(one, str):
                st.caption(plain(one))
                continue
            picture = laid_over(square, one.map, signed=one.signed, opacity=opacity)
            st.image(picture, alt=f"Map of {method}", width="stretch")
            show_legend(one.signed, *ends(one))
            st.caption(plain(EXPLAINED[method]))
