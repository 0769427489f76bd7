"""Photos as cards, a page of them at a time; one of them opens with the decisions on its faces and the corrections."""

from collections.abc import Callable, Sequence

import streamlit as st

from kerasface.gallery.store import Person
from kerasface.tasks.sorting.answers import ORDERS, Answer, choose_answers
from pages.parts.gallery.opening import OpenGallery
from pages.parts.gallery.photos import file_source, look_at, show_problems
from pages.parts.gallery.sorted.thumbnails import thumbnail
from pages.parts.gallery.who import show_photo
from pages.parts.photos import plain

PER_PAGE = 24
CARD = 168  # pixels: two side by side on a phone
OPENED = "gallery_sort_opened"  # path of the photo that is open; of two files with one content each is a photo
NO_NAME = {
    "unknown": "unknown",
    "ambiguous": "undecided",
    "low_quality": "too poor to decide",
    "not_calibrated": "not decided",
}


def show_grid(answers: Sequence[Answer], show_opened: Callable[[Answer], object]):
    """The photos that are chosen, and the one that is open, of which `show_opened` shows what is to be seen."""
    order, names, unknown = ask_choice(answers)
    found = choose_answers(answers, order, names, unknown=unknown)
    place = {str(answer.look.path): number for number, answer in enumerate(found)}
    if (number := place.get(st.session_state.get(OPENED))) is not None:
        show_steps(found, number)
        show_opened(found[number])
        return
    if not found:
        st.info("No photo is like that.", icon=":material/search_off:")
        return
    pages = -(-len(found) // PER_PAGE)
    page = st.pagination(pages, key=f"gallery_sort_page_{pages}") if pages > 1 else 1
    with st.container(horizontal=True):
        for answer in found[(page - 1) * PER_PAGE : page * PER_PAGE]:
            show_card(answer)


def ask_choice(answers: Sequence[Answer]) -> tuple[str, list[str], bool]:
    """Asks in which order, and which photos."""
    everybody = sorted({name for answer in answers for name in answer.names}, key=str.casefold)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = st.segmented_control(
            "Order", list(ORDERS), default="Person", required=True, key="gallery_sort_order", persist_state="session"
        )
        names = st.multiselect("With", everybody, key="gallery_sort_with", placeholder="anybody", width=320)
        unknown = st.checkbox("With somebody unknown", key="gallery_sort_unknown", width="content")
    return order, names, unknown


def show_card(answer: Answer):
    look = answer.look
    with st.container(width=CARD, border=True, gap="small"):
        picture = thumbnail(look.path, look.source_hash)
        if picture:
            st.image(picture, width="stretch", alt=f"{look.path.name}; {words_of(answer)}")
        else:
            st.caption("The photo is gone, or another one by now.")
        st.markdown(plain(words_of(answer)) if not answer.names else f"**{plain(words_of(answer))}**")
        st.caption(plain(f"{look.path.name} {(look.date or '')[:10]}"))
        st.button("Show", key=f"sort_open_{look.path}", on_click=open_photo, args=(str(look.path),))


def words_of(answer: Answer) -> str:
    """Who is on a photo, in a line."""
    others = [NO_NAME[face.decision] for face in answer.faces if face.name is None]
    told = [*answer.names, *(f"{others.count(word)} {word}" for word in dict.fromkeys(others))]
    return ", ".join(told) or "no face"


def show_steps(found: Sequence[Answer], number: int):
    """The way back to all photos, and to the one before and after one that is open."""
    before, after = found[number - 1 : number], found[number + 1 : number + 2]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "All photos",
            icon=":material/arrow_back:",
            key="sort_all",
            on_click=open_photo,
            args=(None,),
            shortcut="Esc",
        )
        _step("Previous", ":material/chevron_left:", "Left", before)
        _step("Next", ":material/chevron_right:", "Right", after)
        st.caption(f"{number + 1:,} of {len(found):,}")


def show_corrections(opened: OpenGallery, people: Sequence[Person], fpir: float, answer: Answer):
    """One photo with the decisions on its faces, and what corrects them."""
    path = answer.look.path
    if not path.is_file():
        st.warning(plain(f"{path} is gone."), icon=":material/broken_image:")
        return
    (look,) = look_at([file_source(path)], "gallery_sort") or (None,)
    if look is None:
        return
    show_problems([look])
    if look.faces:
        show_photo(opened, people, look, fpir)


def open_photo(path: str | None):
    st.session_state[OPENED] = path


def _step(label: str, icon: str, key: str, answers: Sequence[Answer]):
    target = str(answers[0].look.path) if answers else None
    st.button(
        label,
        icon=icon,
        key=f"sort_{label.lower()}",
        disabled=not answers,
        on_click=open_photo,
        args=(target,),
        shortcut=key,
    )
