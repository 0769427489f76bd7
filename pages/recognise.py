"""Recognise: who is in these photos, by a classifier trained on known people."""

from collections.abc import Callable

import streamlit as st

from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.drawing import draw_faces
from kerasface.plotting import top_bars
from kerasface.recognise import RecognisedFace
from pages._charts import show_chart
from pages._models import analyzer_or_stop, choose_classifier, classifier_or_stop
from pages._navigation import enter_through_app
from pages._photos import FILE_TYPES, Photo, choose_source, decode_upload, plain, sample_portrait

BESIDE = 2  # faces that are shown beside their photo; more of them stand below it
PER_ROW = 3


def choose_uploads(source: str) -> list:
    """The files or the camera photo that the user gave; still encoded."""
    if source == "Camera":
        upload = st.camera_input("Photo from the camera", key="camera", label_visibility="collapsed")
        return [upload] if upload else []
    return st.file_uploader(
        "Photos from files", FILE_TYPES, accept_multiple_files=True, key="uploads", label_visibility="collapsed"
    )


def show_photo(photo: Photo, number: int, find_faces: Callable[[list], list[list]]):
    """The photo with numbered boxes, and each face with its most probable names if `find_faces` names any."""
    with st.spinner("Looking for faces"):
        found = find_faces([photo.image])[0]
    if len(found) <= BESIDE:
        left, right = st.columns([3, 2], gap="medium")
        cells = [right] * max(len(found), 1)
    else:
        left = st.container()
        cells = [cell for _ in range(0, len(found), PER_ROW) for cell in st.columns(PER_ROW)]
    boxes = draw_faces(photo.image, [entry.face for entry in found])
    left.image(boxes, caption=plain(photo.name), output_format="JPEG", width="stretch")
    if not found:
        cells[0].warning("No face was found in this photo.", icon=":material/face_retouching_off:")
    for index, (cell, entry) in enumerate(zip(cells, found, strict=False)):  # the last row may have cells to spare
        with cell:
            show_face(entry, index + 1, key=f"photo_{number}_face_{index + 1}")


def show_face(entry: RecognisedFace | AnalyzedFace, number: int, key: str):
    """One face: its aligned crop, size and detection score, and its most probable names where a model gave them."""
    width, height = entry.face.box[2:]
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(entry.crop, width=80, alt=f"Face {number}")
            st.markdown(
                f"**Face {number}**  \n:small[{width:.0f} x {height:.0f} pixels]  \n"
                f":small[detection score {entry.face.detection_score:.3f}]",
                width="content",
            )
        if hasattr(entry, "top"):  # by its name: after an edit of the library a cached model still has the old class
            show_chart(top_bars(entry.top), key=key)


enter_through_app()
st.title("Who is in these photos?")
model = choose_classifier()
if model:
    st.markdown(
        f"This model knows **{len(model.card.get('labels', ()))} people and must name one of them: "
        "a stranger gets a name too.** Read the bars as how it divides its choice among those people, not as proof."
    )
source = choose_source("Photos", "photos")
uploads = [] if source == "Sample" else choose_uploads(source)
photos = [sample_portrait()] if source == "Sample" else uploads
if not photos:
    st.caption("Choose photos, take one, or try the sample. They are looked at on this machine and are not stored.")
    st.stop()

find_faces = classifier_or_stop(model).recognise if model else analyzer_or_stop().analyze
progress = st.progress(0.0, text="Starting") if len(photos) > 1 else st.empty()
for number, item in enumerate(photos, start=1):
    if len(photos) > 1:
        progress.progress((number - 1) / len(photos), text=f"Photo {number} of {len(photos)}")
    photo = item if isinstance(item, Photo) else decode_upload(item)  # one decoded photo in memory at a time
    if photo:
        show_photo(photo, number, find_faces)
progress.empty()
