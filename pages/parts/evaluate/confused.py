"""Evaluate, pairs: who is confused with whom, over all pairs of photos of a folder per person."""

import streamlit as st

from kerasface.evaluation.people_rates import FACTOR
from kerasface.population.judging import ASKED, MAIN, JudgedPeople
from kerasface.population.sentences import sentences_of
from kerasface.reports.population import own_rates_of, people_document, worst_pairs
from kerasface.tasks.measuring.people import Embedded, People
from kerasface.terminal.words import counted, percent_of
from pages.parts.charts import show_chart
from pages.parts.evaluate.shown import show_face_cards
from pages.parts.photos import plain


def show_confused(judged: JudgedPeople, people: People, embedded: Embedded):
    """Who is taken for others too often, which two people match, and their faces."""
    over, number, asked = judged.over(), len(judged.people.names), percent_of(MAIN)
    st.markdown(
        f"At the threshold that ships for {asked}, over all "
        f"{counted(judged.measured.num_impostor, 'pair')} of photos of different people:"
    )
    with st.container(horizontal=True):
        st.metric(f"Different people who match, {asked} asked", percent_of(judged.rates(MAIN).fmr.value))
        st.metric(
            f"Taken for others over {FACTOR} times as often",
            percent_of(len(over.people) / number),
            help=f"Share of people of whose pairs with others over {percent_of(FACTOR * MAIN)} match.",
        )
        st.metric("They are", f"{len(over.people):,} of {counted(number, 'person', 'people')}")
    show_chart(own_rates_of(judged), key="own_rates", alt="Each person's own false match rate, the highest first")
    matching = judged.measured.confused[ASKED.index(MAIN)][0].num_matched
    st.markdown("**The worst pairs of people**" if matching else "**No two people match.** The nearest pairs:")
    crops = worst_crops(judged, people, embedded)
    show_face_cards(
        (
            [crops.get(path) for path in paths],
            " and ".join(names),
            f"**{plain(names[0])}** and **{plain(names[1])}**  \n{told}",
        )
        for names, paths, told in worst_pairs(judged)
    )
    with st.expander("In words, with what so few can and cannot tell", icon=":material/notes:"):
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in sentences_of(judged)))


def worst_crops(judged: JudgedPeople, people: People, embedded: Embedded) -> dict:
    """The aligned faces of the worst pairs of people, by photo."""
    number = {path: photo for photo, path in enumerate(people.paths)}
    chosen = [number[path] for path in dict.fromkeys(path for _, paths, _ in worst_pairs(judged) for path in paths)]
    return {people.paths[photo]: picture for photo, picture in embedded.pictures(chosen).items()}


def people_html(judged: JudgedPeople, people: People, embedded: Embedded) -> str:
    """The report that `kerasface evaluate population --report` writes."""
    return people_document(f"People: {people.title}", judged, worst_crops(judged, people, embedded))
