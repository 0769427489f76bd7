"""Recognise: who or what is in these photos, by a trained classifier of faces or of whole pictures."""

from pages._navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

from collections.abc import Callable

import streamlit as st

from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.drawing import draw_faces
from kerasface.plotting.decisions import top_bars
from kerasface.plotting.style import percent
from kerasface.recognise import Recognition, unknown_note
from pages._charts import show_chart
from pages._models import analyzer_or_stop, choose_classifier, classifier_or_stop
from pages._photos import (
    Photo,
    choose_source,
    choose_uploads,
    decode_upload,
    plain,
    sample_digit,
    sample_portrait,
)

BESIDE = 2  # faces that are shown beside their photo; more of them stand below it
PER_ROW = 3
TINY = 160  # pixels; a picture narrower than this is shown this wide, as more would only blur it
DECISIONS = {
    "known": ":green[:material/check_circle:] **Known**, :small[score {score:.3f}]",
    "unknown": ":orange[:material/help:] **Unknown**, :small[score {score:.3f}; the most alike:]",
}


def show_photo(photo: Photo, number: int, recognise: Callable[[list], list]):
    """The photo beside the answer to it: one for the whole picture, or one for each face in its numbered box."""
    with st.spinner("Looking at the photo"):
        found = recognise([photo.image])[0]
    whole = not isinstance(found, list)
    answers = [found] if whole else found
    if len(answers) <= BESIDE:
        left, right = st.columns([2, 3] if whole else [3, 2], gap="medium")
        cells = [right] * max(len(answers), 1)
    else:
        left = st.container()
        cells = [cell for _ in range(0, len(answers), PER_ROW) for cell in st.columns(PER_ROW)]
    boxes = photo.image if whole else draw_faces(photo.image, [entry.face for entry in answers])
    width = TINY if whole and photo.image.shape[1] < TINY else "stretch"
    alt = photo.name if whole else f"{photo.name}, its faces marked"
    left.image(boxes, caption=plain(photo.name), output_format="JPEG", width=width, alt=alt)
    if not answers:
        cells[0].warning("No face was found in this photo.", icon=":material/face_retouching_off:")
    for index, (cell, entry) in enumerate(zip(cells, answers, strict=False), start=1):  # a last row has cells to spare
        with cell:
            show_answer(entry, None if whole else index, key=f"photo_{number}_answer_{index}")


def show_answer(entry: Recognition | AnalyzedFace, face_number: int | None, key: str):
    """What was looked at, the decision in words, and the most probable names where a model gave them."""
    lines = ["**What the model sees**", f":small[{len(entry.crop)} x {len(entry.crop)} pixels]"]
    if face_number:
        width, height = entry.face.box[2:]
        score = f":small[detection score {entry.face.detection_score:.3f}]"
        lines = [f"**Face {face_number}**", f":small[{width:.0f} x {height:.0f} pixels]", score]
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(entry.crop, width=80, alt=f"Face {face_number}" if face_number else "What the model sees")
            st.markdown("  \n".join(lines), width="content")
        if hasattr(entry, "top"):  # by its name: after an edit of the library a cached model still has the old class
            if entry.decision:
                st.markdown(DECISIONS[entry.decision].format(score=entry.score))
            alt = ", ".join(f"{name} {percent(probability)}" for name, probability in entry.top)
            show_chart(top_bars(entry.top, decided=entry.decision != "unknown"), key=key, alt=alt)


title = st.empty()
model = choose_classifier()
of_pictures = bool(model) and model.card["input"].get("kind") == "image"
title.title("What is in these pictures?" if of_pictures else "Who is in these photos?")
if model:
    st.markdown(
        f"{plain(unknown_note(model.card))} "
        f"The bars tell how the model divides its choice among its {len(model.card.get('labels', ()))} classes."
    )
source = choose_source("Photos", "photos")
uploads = [] if source == "Sample" else choose_uploads(source)
reads_digits = of_pictures and model.card.get("labels") == list("0123456789")
photos = [sample_digit() if reads_digits else sample_portrait()] if source == "Sample" else uploads
if not photos:
    st.caption("Choose photos, take one, or try the sample. They are looked at on this machine and are not stored.")
    st.stop()

recognise = classifier_or_stop(model).recognise if model else analyzer_or_stop().analyze
progress = st.progress(0.0, text="Starting") if len(photos) > 1 else st.empty()
for number, item in enumerate(photos, start=1):
    if len(photos) > 1:
        progress.progress((number - 1) / len(photos), text=f"Photo {number} of {len(photos)}")
    photo = item if isinstance(item, Photo) else decode_upload(item)  # one decoded photo in memory at a time
    if photo:
        show_photo(photo, number, recognise)
progress.empty()
