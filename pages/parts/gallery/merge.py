"""Two people made one on a person's page of Gallery: how alike they are, a question where they are not, the undo."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from kerasface.gallery.store import Merge, Person
from kerasface.tasks.likeness import likeness
from pages.parts.gallery.enrol import counted
from pages.parts.gallery.faces import SIDE, person_picture
from pages.parts.gallery.opening import OpenGallery, notice
from pages.parts.photos import plain

Edit = Callable[..., object]  # `pages.parts.gallery.person.edit` with its first two arguments


def show_merge(opened: OpenGallery, people: Sequence[Person], person: Person, merges: Sequence[Merge], edit: Edit):
    """What was merged before and can be undone; and a choice of somebody who is the same person.

    Args:
        opened: The gallery.
        people: Everybody in it.
        person: Whose page it is.
        merges: What was merged into this person.
        edit: Called with ids of persons, a change of them and what to say of it; makes the change if nobody else has
            changed them meanwhile.
    """
    for merge in merges:  # in sight: what was merged by mistake is not looked for behind a closed lid
        with st.container(border=True):
            show_undo(opened, person, merge, edit)
    others = {other.person_id: other for other in people if other.person_id != person.person_id}
    if others:
        with st.expander("Merge", icon=":material/merge:"):
            show_choice(opened, others, person, edit)


def show_choice(opened: OpenGallery, others: Mapping[str, Person], person: Person, edit: Edit):
    other_id = st.selectbox(
        f"Who is the same person as {plain(person.name)}?",
        list(others),
        index=None,
        format_func=lambda other: others[other].name if other in others else "",
        placeholder="Choose somebody",
        key=f"merge_{person.person_id}",
    )
    other, sure = others.get(other_id), None
    if other:
        with st.container(horizontal=True, gap="small"):
            for one in (person, other):
                picture = person_picture(one, opened.gallery.samples(one.person_id), SIDE)
                st.image(picture, caption=plain(one.name), width=SIDE, alt="")
        st.caption(
            f"{counted(other.num_samples, 'sample')} of {plain(other.name)} will be {plain(person.name)}'s, and the "
            f"name {plain(other.name)} will be gone. It can be undone here."
        )
        found = likeness(opened.gallery, person.person_id, other.person_id)
        if found.is_alike:
            st.markdown(f":green[:material/check_circle:] {plain(found.text)}")
        else:
            st.markdown(f":orange[:material/warning:] {plain(found.text)}")
            # The key has both: a tick for one pair is none for another.
            sure = f"merge_sure_{person.person_id}_{other.person_id}"
            st.checkbox("They are one person all the same", key=sure)
    st.button("Merge", key="person_merge", on_click=merge, args=(opened, person, other, sure, edit))


def merge(opened: OpenGallery, person: Person, other: Person | None, sure: str | None, edit: Edit):
    """Merges the two whose likeness the user saw; what was chosen with the very press is looked at first.

    Args:
        opened: The gallery.
        person: Who stays.
        other: Who was compared; None where nobody was.
        sure: Key of the tick that is needed; None where they are alike.
        edit: As for `show_merge`.
    """
    chosen = st.session_state[f"merge_{person.person_id}"]
    if chosen is None:
        notice("warning", "Choose first who is the same person.")
    elif other is None or chosen != other.person_id:
        notice("warning", "Nothing was merged yet. See how alike they are, and press again.")
    elif sure and not st.session_state[sure]:
        notice("warning", "Nothing was merged. They are not alike: tick that they are one person all the same.")
    else:
        change = partial(opened.gallery.merge, person.person_id, other.person_id)
        edit([person.person_id, other.person_id], change=change, done=f"{other.name} is {person.name} now.")


def show_undo(opened: OpenGallery, person: Person, merge: Merge, edit: Edit):
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":small[{plain(merge.name)} with {counted(merge.num_samples, 'sample')} was merged on {merge.time[:10]}.]",
            width="stretch",
        )
        st.button(
            "Undo",
            icon=":material/undo:",
            key=f"person_unmerge_{merge.number}",
            help=f"{plain(merge.name)} is a person again, and both are as they were; what was added since stays here.",
            on_click=edit,
            args=([person.person_id],),
            kwargs={
                "change": partial(opened.gallery.unmerge, person.person_id, merge.number),
                "done": f"{merge.name} is a person again.",
            },
        )
