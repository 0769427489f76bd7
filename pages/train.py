"""Train: from a folder of pictures to a model, followed while it learns, and what it got wrong afterwards."""

from pages.parts.server.navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from kerasface.runs.store import list_runs
from kerasface.train.process.background import list_trainings
from pages.parts.listed_runs import shown_as_far_as_it_goes
from pages.parts.photos import plain
from pages.parts.train.follow import show_training
from pages.parts.train.new import show_new
from pages.parts.train.results import show_results
from pages.parts.train.shown import NEW, choose_training

st.title("Train a model")
st.markdown(
    "Choose pictures and settings, and watch a network learn them. A training runs in a process of its own: it goes on "
    "when this page is closed, and you find it again here."
)
trainings = {training.name: training for training in list_trainings()}
models = [summary for summary in list_runs() if summary.card]
name = choose_training(trainings, models)
usable = {summary.name: summary for summary in models}
if name in trainings:
    with shown_as_far_as_it_goes(name):
        show_training(trainings[name], usable.get(name))
if name in usable and not (name in trainings and trainings[name].alive):
    show_results(usable[name])
elif name != NEW and name not in trainings:
    st.info(f"{plain(name)} is no longer there: it was deleted or renamed.", icon=":material/delete:")
    name = NEW
if name == NEW:
    show_new()
