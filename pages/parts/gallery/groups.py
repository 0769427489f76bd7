"""Groups of unknown faces: each with its faces in sight, a name for it, and what else can be made of it."""

from collections.abc import Mapping, Sequence

import streamlit as st

from kerasface.faces.analyzer import AnalyzedFace
from kerasface.gallery.store import Person
from pages.parts.gallery.enrol import choose_target, counted, show_gate
from pages.parts.gallery.opening import OpenGallery
from pages.parts.gallery.photos import Look
from pages.parts.gallery.sorting import bring_back, set_aside, show_merge, show_undo
from pages.parts.server.theme import ground_colour

STRIP = 72  # pixels of a face in a strip
PER_STRIP = 24  # faces of one person that are shown
TICK = "Tick two groups or more that are one person, and press the button below."
# While a long form is filled in, the faces it is about stay at the top, and the button for several groups at the end.
CSS = """
[data-testid="stLayoutWrapper"]:has(> [class*="st-key-unknown_"][class*="_strip"]) {{
  position: sticky; top: 3.5rem; z-index: 2; max-height: 34vh; overflow-y: auto; background: {ground};
}}
[data-testid="stLayoutWrapper"]:has(> .st-key-unknown_bar) {{
  position: sticky; bottom: 0; z-index: 3; padding: 0.5rem 0; background: {ground};
}}
"""


def show_groups(opened: OpenGallery, people: Sequence[Person], groups: Mapping[str, Sequence[tuple[Look, int]]]):
    """Every group with its faces, what can be made of it, and the buttons that concern several of them."""
    st.html(f"<style>{CSS.format(ground=ground_colour())}</style>")
    with st.grid(min_column_width=330, key="unknown_groups"):
        for key, members in groups.items():
            with st.container(border=True, key=f"{key}_group"):
                show_group(opened, people, key, members)
    names = {look.source_hash: look.name for members in groups.values() for look, _ in members}
    with st.container(horizontal=True, key="unknown_bar"):
        show_merge({f"{key}_tick": face_ids(members) for key, members in groups.items()}, names)
        show_undo()


def show_set_aside(groups: Mapping[str, Sequence[tuple[Look, int]]]):
    if not groups:
        return
    with st.expander(f"Set aside: {counted(len(groups), 'group')}", key="unknown_aside"):
        for key, members in groups.items():
            show_strip(members)
            ids = face_ids(members)
            st.button("Bring back", icon=":material/undo:", key=f"{key}_back", on_click=bring_back, args=(ids,))


def face_ids(members: Sequence[tuple[Look, int]]) -> list[tuple[str, int]]:
    return [(look.source_hash, index) for look, index in members]


def show_group(opened: OpenGallery, people: Sequence[Person], key: str, members: Sequence[tuple[Look, int]]):
    """One unknown person: the faces, which stay in sight, those that do not belong to it, and a name."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.checkbox(f"**Somebody in {counted(len(members), 'photo')}**", key=f"{key}_tick", help=TICK)
        aside = {"on_click": set_aside, "args": (face_ids(members),), "help": "Not shown until you bring it back."}
        st.button("Set aside", icon=":material/visibility_off:", type="tertiary", key=f"{key}_aside", **aside)
    with st.container(key=f"{key}_strip"):
        show_strip(members)
    with st.expander("Name this person", icon=":material/edit:", key=f"{key}_open"):
        numbers = list(range(len(members)))
        kept = st.pills(
            "Faces",
            numbers,
            selection_mode="multi",
            default=numbers,
            format_func=lambda index: str(index + 1),
            key=f"{key}_faces_{len(members)}",
            help="Leave out whoever is somebody else.",
        )
        target = choose_target(people, key, label="This is")
        photos = [members[index][0].to_enrol([entry_of(members[index])]) for index in kept]
        if target and photos:

            def show_crop(index: int):
                st.image(photos[index].image[0].crop, width=STRIP // 2, alt="")

            show_gate(opened, target, photos, key, show_photo=show_crop, together=True)


def show_strip(members: Sequence[tuple[Look, int]]):
    shown = members[:PER_STRIP]
    st.image(
        [entry_of(member).crop for member in shown],
        caption=[str(number) for number in range(1, len(shown) + 1)],
        width=STRIP,
        alt=[f"Face {number}, in {look.name}" for number, (look, _) in enumerate(shown, start=1)],
    )
    if len(members) > PER_STRIP:
        st.caption(f"and {len(members) - PER_STRIP} more")


def entry_of(member: tuple[Look, int]) -> AnalyzedFace:
    look, index = member
    return look.faces[index]
