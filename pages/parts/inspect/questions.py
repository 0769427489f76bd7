"""What is asked of a model on the page Inspect, a class of its answer, and on which parts the explanation falls."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import streamlit as st

from kerasface.evaluation.names import as_name
from kerasface.inspection.attribution.maps import Attribution
from kerasface.inspection.attribution.methods import LAYER_METHODS, METHODS
from kerasface.inspection.attribution.targets import ClassTarget, SegmentationTarget, Target
from kerasface.inspection.attribution.watched import Watched
from kerasface.inspection.stitched import Stitched
from kerasface.plotting.style import percent
from pages.parts.inspect.models import Inspected, end_with, part_finder
from pages.parts.inspect.overlays import show_shares
from pages.parts.inspect.subjects import Subject, parts_of
from pages.parts.inspect.work import digest, kept
from pages.parts.models import classifier_or_stop
from pages.parts.photos import plain

# Pictures that a method computes with its defaults; the others take a single gradient.
PICTURES = {"integrated-gradients": 66, "smooth-grad": 26, "occlusion": 226, "rise": 501}
AT_ONCE = 12  # classes that are shown side by side; more go into a list


@dataclass(frozen=True, eq=False)
class Question:
    """Why does the model say this?

    Attributes:
        name: The class.
        target: It, for the methods of attribution.
        scale: What the target's score on the output is divided by to be a probability: 1, or pixels.
        regions: Class ids of a segmentation, `(side, side)`, where the model gives them itself.
    """

    name: str
    target: Target
    scale: float = 1.0
    regions: np.ndarray | None = None

    @property
    def text(self) -> str:
        """The class as a word of a sentence."""
        name = as_name(self.name)
        return f"the pixels of {name}" if self.regions is not None else f"the answer {name}"


@dataclass(frozen=True, eq=False)
class Explained:
    """A question to a model, and the method that answers it; by its key results are kept."""

    chosen: Inspected
    subject: Subject
    question: Question
    method: str
    stitched: Stitched

    @property
    def key(self) -> tuple:
        layer = self.stitched.layer if self.method in LAYER_METHODS else ""
        return "map", self.chosen.key, layer, self.method, self.question.name, digest(self.subject.square)

    @property
    def pictures(self) -> int:
        """How many pictures it takes."""
        return PICTURES.get(self.method, 1)

    def explain(self, stitched: Stitched, square: np.ndarray, report: Callable[[int], None]) -> Attribution:
        return METHODS[self.method](Watched(stitched, report), square, self.question.target)


def choose_question(chosen: Inspected, subject: Subject, stitched: Stitched) -> Question:
    """Tells what the model says and lets the user pick the class to explain; the most probable one at first."""
    if chosen.card.task == "segment":
        return _class_of_pixels(chosen, subject, stitched)
    return _class_of_picture(chosen, subject)


def _class_of_picture(chosen: Inspected, subject: Subject) -> Question:
    labels = chosen.card.labels
    classifier = classifier_or_stop(chosen.run)
    with st.spinner("Asking the model"):
        (found,) = kept(
            ("answers", chosen.key, digest(subject.photo.image)),
            lambda: classifier.recognize([subject.photo.image], top=len(labels)),
        )
    answer = found[subject.index] if subject.face else found
    name = plain(as_name(answer.top[0][0]))
    said = f"The model says **{name}**, {percent(answer.top[0][1])}."
    if answer.decision == "unknown":
        said = f"The model says **unknown**; the most probable of its classes is {name}."
    elif answer.decision is None and subject.face:
        said = f"The model cannot say unknown, so a stranger gets a name, too: most alike is **{name}**."
    st.markdown(said)
    shares = {label: percent(probability) for label, probability in answer.top}
    label = _choose("Why, or why not", shares, key=f"class_{chosen.key}_{digest(subject.square)}")
    return Question(label, ClassTarget(labels.index(label)))


def _class_of_pixels(chosen: Inspected, subject: Subject, stitched: Stitched) -> Question:
    labels = chosen.card.labels
    square = subject.square
    with st.spinner("Asking the model"):
        ids = kept(("ids", chosen.key, digest(square)), lambda: stitched.logits(square[None])[0].argmax(axis=-1))
    if ids.ndim != 2:
        end_with(ValueError(f"The model {chosen.name!r} does not give a class for every pixel."))
    shares = {label: float((ids == index).mean()) for index, label in enumerate(labels)}
    # The background last: it is hardly what somebody wants to know about.
    present = sorted((label for label in labels if shares[label]), key=lambda one: (one == labels[0], -shares[one]))
    st.markdown(f"The model finds **{len(present)}** of its {len(labels)} classes here.")
    label = _choose(
        "Why are these pixels",
        {label: percent(shares[label]) for label in present},
        key=f"class_{chosen.key}_{digest(square)}",
    )
    region = ids == labels.index(label)
    target = SegmentationTarget(labels.index(label), region)
    return Question(label, target, scale=float(region.sum()), regions=ids)


def _choose(text: str, shares: dict[str, str], key: str) -> str:
    if len(shares) > AT_ONCE:
        return st.selectbox(
            text, list(shares), format_func=lambda label: f"{as_name(label)} ({shares[label]})", key=key
        )
    texts = {label: f"{plain(as_name(label))} :small[{share}]" for label, share in shares.items()}
    return st.pills(text, list(texts), format_func=texts.get, default=next(iter(texts)), required=True, key=key)


def show_audit(chosen: Inspected, subject: Subject, question: Question, found: Attribution):
    """How much of what speaks for the answer falls on each part of the face, or on each class of the model itself."""
    if question.regions is not None:
        classes, colors = chosen.card.labels, chosen.card.colours
        size = found.map.shape[::-1]
        mask = cv2.resize(question.regions.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    elif subject.face is not None:
        finder = part_finder()
        if finder is None:
            return
        mask = parts_of(finder, subject.photo.image, subject.face, found.map.shape)
        if mask is None:
            return
        classes, colors = finder.classes, finder.colors
    else:
        return
    st.markdown(f"**On which parts lies what speaks for {plain(question.text)}?**")
    warn = question.name != classes[0]  # that the background speaks for the background is no fault
    show_shares(found.map, mask, classes, colors, key="inspect_shares", warn=warn)
