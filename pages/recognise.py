"""Recognise: who or what is in these photos, by a trained classifier of faces or of whole pictures."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import


import streamlit as st

from kerasface.tasks.recognition import unknown_note
from pages.parts.models import FACES_ONLY, analyzer_or_stop, choose_classifier, classifier_or_stop
from pages.parts.photos import (
    choose_source,
    choose_uploads,
    plain,
    sample_digit,
    sample_portrait,
)
from pages.parts.recognize.answers import show_photos
from pages.parts.recognize.folder import FOLDER, show_folder

title = st.empty()
model = choose_classifier()
of_pictures = bool(model) and model.card.input.kind == "image"
title.title("What is in these pictures?" if of_pictures else "Who is in these photos?")
if model:
    st.markdown(
        f"{plain(unknown_note(model.card))} "
        f"The bars tell how the model divides its choice among its {len(model.card.labels)} classes."
    )
source = choose_source("Photos", "photos", FOLDER)
if source == FOLDER:
    show_folder(model, classifier_or_stop(model).recognize if model else analyzer_or_stop().analyze)
    st.stop()
with st.container():  # one place, whatever is in it: the hint below keeps its own
    uploads = [] if source == "Sample" else choose_uploads(source)
reads_digits = of_pictures and model.card.labels == tuple("0123456789")
photos = [sample_digit() if reads_digits else sample_portrait()] if source == "Sample" else uploads
hint = st.empty()  # gone before the work begins, which would be told on top of it
if not photos:
    hint.caption("Choose photos, take one, or try the sample. They are looked at on this machine and are not stored.")
    st.stop()

recognize = classifier_or_stop(model).recognize if model else analyzer_or_stop().analyze
show_photos(photos, recognize, model.card.model_sha256 if model else FACES_ONLY)
