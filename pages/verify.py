"""Verify: are two photos of the same person? The decision in words comes first, its evidence below."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from kerasface.faces.drawing import draw_faces
from kerasface.tasks.verification import verify
from pages.parts.face_choice import choose_face, chosen_face
from pages.parts.models import analyzer_or_stop, choose_embedder
from pages.parts.photos import photo_input, plain
from pages.parts.verify.verdict import RATES, show_evidence, show_question, show_verdict

verdict = st.container()
fmr = st.segmented_control(
    "Different people who may be accepted by mistake",
    list(RATES),
    format_func=RATES.get,
    default=0.001,
    required=True,
    key="fmr",
)
embedder = choose_embedder("verify_embedder")
columns = st.columns(2, gap="medium")
photos = []
for column, name, key in zip(columns, ("Photo A", "Photo B"), ("a", "b"), strict=True):
    with column:
        photos.append(photo_input(name, key, close_up=key == "b"))
evidence = st.container()

if None in photos:
    with verdict:
        show_question()
    for column, photo in zip(columns, photos, strict=True):
        if photo:
            boxes = draw_faces(photo.image, [])
            column.image(boxes, caption=plain(photo.name), output_format="JPEG", width="stretch", alt=photo.name)
    st.stop()

names = ("Photo A", "Photo B")
with verdict:
    analyzer = analyzer_or_stop(embedder)
    with st.spinner("Comparing the two faces"):
        picked = tuple(chosen_face(key, photo.image) for key, photo in zip(("a", "b"), photos, strict=True))
        result = verify(photos[0].image, photos[1].image, analyzer, fmr=fmr, names=names, faces=picked)
    show_verdict(result)
for column, name, photo, key in zip(columns, names, photos, ("a", "b"), strict=True):
    choose_face(column, name, photo, [face for face in result.faces if face.image == name], key)
with evidence:
    show_evidence(result)
