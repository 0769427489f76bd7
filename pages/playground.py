"""Playground: the basics that every model here is made of, each small enough to be moved by hand."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from pages.parts.playground.maps import show_convolution, show_dropblock
from pages.parts.playground.mixup import show_mixup
from pages.parts.playground.softmax import show_smoothing, show_softmax
from pages.parts.playground.training import show_live_training

TOPICS = {
    "Softmax": show_softmax,
    "Label smoothing": show_smoothing,
    "Mixup": show_mixup,
    "DropBlock": show_dropblock,
    "Convolution": show_convolution,
    "Live training": show_live_training,
}

st.title("Play with the basics")
st.markdown("What every model here is made of, small enough to be moved by hand: change a number and see what follows.")
topic = st.segmented_control(
    "Topic",
    TOPICS,
    default=next(iter(TOPICS)),
    required=True,
    key="topic",
    bind="query-params",
    label_visibility="collapsed",
)
TOPICS[topic]()
