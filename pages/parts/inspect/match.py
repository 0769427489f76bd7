"""The view "Why these two faces" of the page Inspect: what on both makes them alike, and what different."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from kerasface.faces.alignment import CropTemplate
from kerasface.faces.detection import Face
from kerasface.faces.embedders import SHIPPED, template_by_name
from kerasface.images.squares import fit_square
from kerasface.inspection.attribution.match import (
    DEFAULT_MATCH_METHOD,
    MATCH_METHODS,
    MatchExplanation,
    explain_match,
)
from kerasface.inspection.attribution.overlays import color_limit
from kerasface.inspection.attribution.watched import Watched
from kerasface.inspection.stitched import Stitched
from kerasface.tasks.verification import Verification, verify
from pages.parts.face_choice import choose_face, chosen_face
from pages.parts.inspect.models import FAILURES, end_with, match_stitched, part_finder
from pages.parts.inspect.overlays import laid_over, show_legend, show_shares
from pages.parts.inspect.subjects import parts_of
from pages.parts.inspect.work import digest, kept, work
from pages.parts.models import analyzer_or_stop, choose_embedder
from pages.parts.photos import Photo, photo_input, plain

NAMES, KEYS = ("Photo A", "Photo B"), ("inspect_a", "inspect_b")
EXPLAINED = {
    "occlusion": "A blurred square is moved over each face: places count where hiding them makes the two less alike.",
    "grad-cam": "How much each channel of a deep layer counts for the score, times where it answers: quick, coarse.",
    "layer-cam": "Every place of a layer's map, weighted by its own gradient: the idea of Grad-CAM, but finer.",
    "integrated-gradients": "Gradients added up on the way from one even colour to the face, pixel by pixel.",
}
PICTURES = {"occlusion": 226, "integrated-gradients": 66}  # for one face; the others take a single gradient
VERDICTS = {
    "match": ":green[:material/check_circle:] Match: the same person",
    "no_match": ":red[:material/cancel:] No match: not shown to be the same person",
    "low_quality": ":orange[:material/blur_on:] Photo quality too low: no decision",
    "not_calibrated": ":orange[:material/straighten:] A score, and no decision: no error rates were measured",
}
LOW, HIGH = "makes them different", "makes them alike"


def choose_samples():
    st.session_state["inspect_a_source"] = st.session_state["inspect_b_source"] = "Sample"


def show_match():
    """Two photos, the verdict, both faces under their maps, and the parts on which these fall."""
    st.markdown("The embedder turns each face into numbers; faces whose numbers point the same way are alike.")
    embedder = choose_embedder("inspect_match_embedder", of_runs=("embed",))
    photos, columns = [], st.columns(2, gap="medium")
    for column, name, key in zip(columns, NAMES, KEYS, strict=True):
        with column:
            photos.append(photo_input(name, key, close_up=key == "inspect_b"))
    if None in photos:
        st.caption("Choose two photos, or try the sample. They are looked at on this machine and are not stored.")
        st.button("Try the sample", icon=":material/science:", on_click=choose_samples)
        st.stop()
    result = verdict(photos, embedder)
    for column, name, photo, key in zip(columns, NAMES, photos, KEYS, strict=True):
        found = [face for face in result.faces if face.image == name]
        if len(found) > 1:
            choose_face(column, name, photo, found, key)
    if result.score is None:
        st.warning(plain(result.reason), icon=":material/face_retouching_off:")
        return
    show_verdict(result)
    first, second = (face for face in result.faces if face.chosen)
    method = choose_method()
    stitched = match_stitched_or_stop(result.embedder, embedder)
    side = stitched.model.input_shape[1]
    crops = tuple(fit_square(face.crop, side) for face in (first, second))
    found = explanation(stitched, embedder, method, *crops)
    if found is None:
        return
    show_faces(found, crops, averaged=result.embedder == SHIPPED)
    show_parts(found, photos, (first.face, second.face), template_by_name(result.embedder))


def verdict(photos: Sequence[Photo], embedder: str) -> Verification:
    analyzer = analyzer_or_stop(embedder)
    images = [photo.image for photo in photos]
    faces = tuple(chosen_face(key, image) for key, image in zip(KEYS, images, strict=True))
    with st.spinner("Comparing the two faces"):
        return kept(
            ("verdict", embedder, digest(*images), faces), lambda: verify(*images, analyzer, names=NAMES, faces=faces)
        )


def show_verdict(result: Verification):
    """The decision and the error rate of its threshold, as on the page Verify."""
    point = result.operating_point
    st.subheader(VERDICTS[result.decision])
    rates = point and f" Pairs of different people accepted by mistake: {plain(point.measured_text)}."
    st.markdown(f"{plain(result.reason)}{rates or ''}")


def choose_method() -> str:
    names = list(MATCH_METHODS)
    method = st.segmented_control(
        "Method",
        names,
        default=DEFAULT_MATCH_METHOD,
        required=True,
        key="inspect_match_method",
        persist_state="session",
    )
    st.caption(plain(EXPLAINED[method]))
    return method


def match_stitched_or_stop(embedder: str, fingerprint: str) -> Stitched:
    try:
        return match_stitched(embedder, fingerprint)
    except FAILURES as error:
        end_with(error)


def explanation(stitched: Stitched, of: str, method: str, *crops: np.ndarray) -> MatchExplanation | None:
    total = 2 * PICTURES.get(method, 1)
    return work(
        ("match", of, method, digest(*crops)),
        f"{method}: {total} pictures are computed",
        total,
        lambda report: explain_match(*crops, Watched(stitched, report), method=method),
    )


@st.fragment
def show_faces(found: MatchExplanation, crops: Sequence[np.ndarray], *, averaged: bool):
    """Both faces under their maps in colours that compare. A fragment: the opacity computes nothing again."""
    opacity = st.slider("Opacity of the maps", 0, 100, 75, format="%d %%", key="inspect_match_opacity", width=220) / 100
    maps = (found.first, found.second)
    limit = color_limit(*(one.map for one in maps))
    for column, name, crop, one in zip(st.columns(2, gap="medium"), NAMES, crops, maps, strict=True):
        picture = laid_over(crop, one.map, signed=True, opacity=opacity, limit=limit)
        column.image(picture, caption=name, alt=f"The face of {name} under its map", width="stretch")
    show_legend(True, LOW, HIGH)
    differs = " The verdict averages six views, so its cosine differs a little." if averaged else ""
    st.caption(f"Explained is one view of each face: cosine {found.score:.3f}.{differs}")


def show_parts(found: MatchExplanation, photos: Sequence[Photo], faces: Sequence[Face], template: CropTemplate):
    """How much of what makes the faces alike, or different, falls on each part of both."""
    finder = part_finder()
    if finder is None:
        return
    masks = [
        parts_of(finder, photo.image, face, one.map.shape, template)
        for photo, face, one in zip(photos, faces, (found.first, found.second), strict=True)
    ]
    show_part_shares(found, masks, finder.classes, finder.colors)


@st.fragment
def show_part_shares(found: MatchExplanation, masks: list, classes: Sequence[str], colors: Sequence):
    st.subheader("Which parts count?")
    st.caption("A part's share depends on its size, too: skin covers most of a face.")
    side = st.segmented_control(
        "Shares of what", (HIGH, LOW), default=HIGH, required=True, key="inspect_match_side", persist_state="session"
    )
    draw = partial(show_shares, classes=classes, colors=colors, warn=side == HIGH)
    for column, name, mask, one in zip(
        st.columns(2, gap="medium"), NAMES, masks, (found.first, found.second), strict=True
    ):
        with column.container(border=True):
            st.markdown(f"**{name}**")
            if mask is None:
                st.caption("The parts of this face were not found.")
            else:
                draw(one.map if side == HIGH else -one.map, mask, key=f"inspect_shares_{name}")
