"""Playground: the basics that every model here is made of, each small enough to be moved by hand."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from kerasface.terminal.errors import told
from pages.parts.code import show_code
from pages.parts.photos import plain
from pages.parts.playground.choice import Topic, choose_topic
from pages.parts.playground.topics import TOPICS

st.title("Play with the basics")
st.markdown("What every model here is made of, small enough to be moved by hand: change a number and see what follows.")


def play(topic: Topic):
    """Shows a topic, and what is wrong with what was typed into it."""
    try:
        topic.show()
    except ValueError as error:  # of what was typed in, such as an empty cell
        st.error(plain(told(error)), icon=":material/edit:")


topic = TOPICS[choose_topic(TOPICS)]
if topic.draws_page:
    play(topic)
else:  # what is moved in it draws it alone anew
    st.fragment(play)(topic)
show_code(topic.code)
