"""Segment: which class every pixel of a photo has, around each face or in the picture as a whole."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from pages.parts.models import choose_segmenter_or_stop, segment_or_stop
from pages.parts.segment.drawing import resized
from pages.parts.segment.view import choose_photo, choose_whether_whole, show_no_face, show_segmentation

st.title("What is where in this photo?")
st.markdown("Every pixel gets the class that the model finds most probable there.")
model = choose_segmenter_or_stop()
whole = choose_whether_whole(model.card.input)
with st.container():  # one place, whatever is in it: the hint below keeps its own
    photo = choose_photo()
hint = st.empty()  # gone before the work begins, which would be told on top of it
if not photo:
    hint.caption("Choose photos, take one, or try the sample. They are looked at on this machine and are not stored.")
    st.stop()
found = segment_or_stop(model, photo.image, whole=whole)
if not whole and not found.faces:
    show_no_face(photo)
else:
    show_segmentation(photo, found, resized(photo.image, found.mask), model.name)
