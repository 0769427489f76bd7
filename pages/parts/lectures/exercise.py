"""The exercise of an item: asked, checked, explained, and the lines that compute it."""

import streamlit as st

from kerasface.course.checking import check_choice, check_number
from kerasface.course.records import Choice, Item, Number, shown
from pages.parts.lectures.progress import note_solved
from pages.parts.photos import plain


def show_exercise(item: Item):
    """The question, a place for the answer, and what is said to it."""
    exercise, key = item.exercise, f"answer_{item.number}"
    st.subheader("Exercise", anchor=False)
    st.markdown(f"{exercise.question}")
    with st.form(f"exercise_{item.number}", border=False):
        if isinstance(exercise, Choice):
            answer = st.radio("Your answer", _shuffled(item), index=None, key=key, label_visibility="collapsed")
        else:
            answer = st.text_input(
                "Your answer", key=key, max_chars=100, placeholder="0.7, 70 %, 7/10, 64·128 ...", autocomplete="off"
            )
        checked = st.form_submit_button("Check", type="primary", icon=":material/check:")
    verdict = f"verdict_{item.number}"
    if checked:
        check = check_choice if isinstance(exercise, Choice) else check_number
        st.session_state[verdict] = (answer, check(exercise, answer or ""))
        if st.session_state[verdict][1].right:
            note_solved(item.number)
    if verdict in st.session_state:
        _show_verdict(item, *st.session_state[verdict])


def _show_verdict(item: Item, answer: str | None, verdict):
    if verdict.right:
        st.success(f"**Right.** {verdict.sentence}", icon=":material/check_circle:")
    elif answer is None:
        st.info("Choose one of the answers first.", icon=":material/touch_app:")
    else:
        st.warning(plain(verdict.sentence), icon=":material/lightbulb:")
        if st.toggle("Show the answer", key=f"reveal_{item.number}"):
            st.info(f"**{_answer(item.exercise)}** {item.exercise.explanation}", icon=":material/school:")
    if isinstance(item.exercise, Number):
        with st.expander("Show me the code", icon=":material/code:"):
            st.code(item.exercise.code, language="python", wrap_lines=True)


def _answer(exercise: Number | Choice) -> str:
    if isinstance(exercise, Choice):
        return f"{exercise.options[exercise.right]}."
    return f"{shown(exercise.answer)}."


def _shuffled(item: Item) -> list[str]:
    """The answers in an order that does not give the right one away, the same each time."""
    options, turn = list(item.exercise.options), item.number % len(item.exercise.options)
    return options[turn:] + options[:turn]
