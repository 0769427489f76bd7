"""Photos beside the answers of a model, one after the other, with Stop; what was seen is not looked at again."""

from collections.abc import Callable, Sequence

import streamlit as st

from kerasface.evaluation.names import as_name
from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.drawing import draw_faces
from kerasface.plotting.decisions import top_bars
from kerasface.plotting.style import percent
from kerasface.tasks.recognition import Recognition
from pages.parts.charts import show_chart
from pages.parts.models import count_faces
from pages.parts.photos import (
    Photo,
    decode_upload,
    photo_caption,
    plain,
)
from pages.parts.recognize.grid import FULL, Seen, show_card, small

BESIDE = 2  # faces that are shown beside their photo; more of them stand below it
PER_ROW = 3
TINY = 160  # pixels; a picture narrower than this is shown this wide, as more would only blur it
DECISIONS = {
    "known": ":green[:material/check_circle:] **Known**, :small[score {score:.3f}]",
    "unknown": ":orange[:material/help:] **Unknown**, :small[score {score:.3f}; the most alike:]",
}
MOST_ALIKE = ":gray[:material/rule:] Most alike, :small[of those it knows; a stranger gets a name, too]"


def show_photos(items: Sequence, recognize: Callable[[list], list], model: str):
    """Every photo with the answer to it; what this session has seen before is not looked at again.

    Where that was stopped, the photos seen so far are shown, and the page offers to go on.

    Args:
        items: Photos, or uploads that are still encoded.
        recognize: Gives the answers to a list of pictures.
        model: Names it.
    """
    answers = st.session_state.setdefault("recognise_answers", {})
    keys = [(model, getattr(item, "file_id", item.name)) for item in items]
    waiting = [key for key in keys if key not in answers]
    place, bar = st.empty(), None
    paused = bool(waiting) and st.session_state.get("recognise_stopped") == keys
    if paused:
        text = f"Go on with {len(waiting)} of {len(keys)} photos"
        go_on = {"on_click": st.session_state.update, "args": ({"recognise_stopped": None},)}
        place.button(text, icon=":material/play_arrow:", key="recognise_go_on", **go_on)
        items = [item for item, key in zip(items, keys, strict=True) if key in answers]
        keys, waiting = [key for key in keys if key in answers], []
    if len(waiting) > 1:
        with place.container(horizontal=True, vertical_alignment="center"):
            with st.container():
                bar = st.progress(0.0, text="Starting")
            stop = {"on_click": st.session_state.update, "args": ({"recognise_stopped": keys},)}
            st.button("Stop", icon=":material/stop:", key="recognise_stop", **stop)
    grid = st.container(horizontal=True) if len(keys) > FULL else None
    for number, (item, key) in enumerate(zip(items, keys, strict=True), start=1):
        if bar:
            bar.progress((number - 1) / len(keys), text=f"Photo {number} of {len(keys)}")
        photo = None
        if grid is None or answers.get(key) is None:  # a card needs no more than what was seen
            photo = item if isinstance(item, Photo) else decode_upload(item)  # one decoded photo in memory at a time
        if photo and key not in answers:
            with st.spinner("Looking at the photo"):
                answers[key] = look(photo, recognize)
        seen = answers.setdefault(key, None)  # None where it cannot be read, and the page said why
        if seen and grid is None:
            show_photo(photo, number, seen)
        elif seen:
            with grid:
                if show_card(item.name, seen, key=f"photo_{number}_details"):
                    show_details(item, number, seen)
    if not paused:
        place.empty()
    for other in answers.keys() - set(keys):
        del answers[other]


def look(photo: Photo, recognize: Callable[[list], list]) -> Seen:
    """The answer to a photo; of one that is judged as a whole also how many faces it shows."""
    found = recognize([photo.image])[0]
    num_faces = None if isinstance(found, list) else count_faces(photo.image)
    return Seen(found, num_faces, small(photo.image, found))


@st.dialog("Details", width="large")
def show_details(item, number: int, seen: Seen):
    """One photo of many at full size."""
    photo = item if isinstance(item, Photo) else decode_upload(item)
    if photo:
        show_photo(photo, number, seen)


def show_photo(photo: Photo, number: int, seen: Seen):
    """The photo beside the answer to it: one for the whole picture, or one for each face in its numbered box."""
    whole = seen.whole
    answers = [seen.found] if whole else seen.found
    if len(answers) <= BESIDE:
        left, right = st.columns([2, 3] if whole else [3, 2], gap="medium")
        cells = [right] * max(len(answers), 1)
    else:
        left = st.container()
        cells = [cell for _ in range(0, len(answers), PER_ROW) for cell in st.columns(PER_ROW)]
    boxes = photo.image if whole else draw_faces(photo.image, [entry.face for entry in answers])
    width = TINY if whole and photo.image.shape[1] < TINY else "stretch"
    alt = photo.name if whole else f"{photo.name}, its faces marked"
    caption = plain(photo.name) if whole else photo_caption(photo.name, [entry.face for entry in answers])
    left.image(boxes, caption=caption, output_format="JPEG", width=width, alt=alt)
    if whole and seen.num_faces:
        faces = "A face is" if seen.num_faces == 1 else f"{seen.num_faces} faces are"
        cells[0].info(
            f"{faces} in this photo, and this model knows no people. Gallery names them.", icon=":material/face:"
        )
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
            undecided = entry.decision is None and face_number is not None
            if entry.decision:
                st.markdown(DECISIONS[entry.decision].format(score=entry.score))
            elif undecided:
                st.markdown(MOST_ALIKE)
            alt = ", ".join(f"{as_name(name)} {percent(probability)}" for name, probability in entry.top)
            show_chart(top_bars(entry.top, decided=entry.decision != "unknown" and not undecided), key=key, alt=alt)
