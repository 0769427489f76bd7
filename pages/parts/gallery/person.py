"""A person's page within the page Gallery: samples, history, and every change that can be made of a person."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import PurePath

import streamlit as st

from kerasface.gallery.changes.editing import last_changes, unchanged_since
from kerasface.gallery.store import Consent, Person, Sample, parse_time
from pages.parts.gallery.cards import consent_mark
from pages.parts.gallery.enrol import ask_consent, consent_text, counted, read_consent
from pages.parts.gallery.export import show_export
from pages.parts.gallery.faces import person_picture, show_faces
from pages.parts.gallery.merge import show_merge
from pages.parts.gallery.opening import OpenGallery, act, notice
from pages.parts.gallery.sorted.of_person import show_photos_of
from pages.parts.photos import plain
from pages.parts.tables import show_table

ACTIONS = {
    "enroll": "enrolled",
    "rename": "renamed",
    "merge": "merged",
    "unmerge": "merge undone",
    "split": "split",
    "consent": "consent",
    "delete_sample": "sample deleted",
    "refuse_match": "not this person",
    "lift_refusal": "taken back",
}

_FILE = re.compile(r"\b([0-9a-f]{64})\b")  # the SHA-256 of a photo's file


def leave_person():
    st.query_params.pop("person", None)


def show_person(opened: OpenGallery, person_id: str):
    """Everything the gallery has of one person, and what can be done with it; all that is shown is of one moment."""
    # A link within one page is followed without changing the address.
    st.query_params.from_dict({"person": person_id})
    st.button("All people", icon=":material/arrow_back:", type="tertiary", on_click=leave_person, key="person_back")
    with opened.gallery.snapshot():
        people = opened.gallery.people()
        person = next((person for person in people if person_id in (person.person_id, person.name)), None)
        if person is None:
            st.warning(
                "This person is not in the gallery: deleted, merged into another one, or of another gallery.",
                icon=":material/person_off:",
            )
            return
        seen = {other: change.number for other, change in last_changes(opened.gallery).items()}
        samples = opened.gallery.samples(person.person_id)
        merges = opened.gallery.merges(person.person_id)
        history = [change for change in opened.gallery.history() if change.person_id == person.person_id]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(person_picture(person, samples, 64), width=64, alt="")
        with st.container(width="stretch", gap=None):
            st.subheader(plain(person.name), anchor=False)
            st.markdown(f":small[{counted(person.num_samples, 'sample')} · {consent_mark(person)}]")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        show_samples(opened, person, samples, seen)
        show_photos_of(opened, person)
        show_history(history, samples)
    with right:
        show_name(opened, person, seen)
        show_consent(opened, person, seen)
        show_merge(opened, people, person, merges, partial(edit, opened, seen))
        show_export(opened, person)
        show_delete(opened, person, seen)


def edit(opened: OpenGallery, seen: Mapping[str, int], who: Sequence[str], change: Callable[[], object], done: str):
    """Makes a change of persons if they are still as the user saw them; for callbacks."""

    def change_if_unchanged():
        with unchanged_since(opened.gallery, {person_id: seen.get(person_id, 0) for person_id in who}):
            change()

    return act(change_if_unchanged, done)


def show_samples(opened: OpenGallery, person: Person, samples: Sequence, seen: Mapping[str, int]):
    """The samples as a table; some of them can be deleted, or become a person of their own."""
    st.markdown("**Samples**")
    if not samples:
        st.caption("None: this person is not found in photos. Add photos in the view Add a person.")
        return
    rows = [
        {
            "number": sample.sample_id,
            "photo": sample.source,
            "enrolled": sample.created[:10],
            "pixels": _measured(sample.quality, "side", ".0f"),
            "sharpness": _measured(sample.quality, "sharpness", ".3f"),
        }
        for sample in samples
    ]
    show_faces(samples)
    show_table(rows, "Samples")
    st.caption("Pixels: the shorter side of the face. Sharpness: 0.12 in a usual photo; 0.045 is needed.")
    names = {sample.sample_id: f"{sample.sample_id}: {sample.source}" for sample in samples}
    chosen = st.multiselect(
        "Choose samples to split off or to delete",
        list(names),
        format_func=names.get,
        key=f"samples_{person.person_id}",
    )
    if not chosen:
        return
    who = (opened, seen, person)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name of the new person", key=f"split_{person.person_id}", width=220)
        st.button(
            "Split off",
            icon=":material/call_split:",
            key="person_split",
            help="The chosen samples become another person, with the same consent.",
            on_click=split_samples,
            args=who,
        )
        with st.popover("Delete samples", icon=":material/delete:", key="person_delete_samples_open"):
            st.markdown(f"{counted(len(chosen), 'sample')} will be gone for good.")
            # What is said above is what is deleted: a change of the choice with this very press is refused.
            st.button(
                "Delete them",
                type="primary",
                key="person_delete_samples",
                on_click=delete_samples,
                args=(*who, chosen),
            )


def _measured(quality: Mapping[str, float], what: str, form: str) -> str:
    return format(quality[what], form) if what in quality else "not measured"


def split_samples(opened: OpenGallery, seen: Mapping[str, int], person: Person):
    """Splits off what is chosen and named when the button is pressed."""
    chosen, name = _boxed("samples", person), _boxed("split", person).strip()
    change = partial(opened.gallery.split, person.person_id, chosen, name)
    edit(opened, seen, [person.person_id], change, f"{counted(len(chosen), 'sample')} became {name}.")


def delete_samples(opened: OpenGallery, seen: Mapping[str, int], person: Person, shown: Sequence[int]):
    chosen = _boxed("samples", person)
    if list(chosen) != list(shown):
        notice("warning", "Other samples were chosen in this moment; nothing was deleted. Look, and press again.")
        return

    def delete():
        for sample_id in chosen:
            opened.gallery.delete_sample(sample_id)

    edit(opened, seen, [person.person_id], delete, f"{counted(len(chosen), 'sample')} deleted.")


def _boxed(kind: str, person: Person):
    """What a box of a person's page holds at this moment."""
    return st.session_state[f"{kind}_{person.person_id}"]


def show_history(history: Sequence, samples: Sequence[Sample]):
    """What was done with the person, latest first, in times of UTC."""
    names = {sample.source_hash: PurePath(sample.source).name for sample in samples}
    st.markdown("**History**")
    rows = [
        {
            "time (UTC)": change.time[:16].replace("T", " "),
            "what": ACTIONS.get(change.action, change.action),
            "detail": _FILE.sub(lambda file: names.get(file[1], f"with SHA-256 {file[1][:8]}…"), change.detail),
        }
        for change in history
    ]
    show_table(rows, "History")


def show_name(opened: OpenGallery, person: Person, seen: Mapping[str, int]):
    with st.expander("Rename", icon=":material/edit:"):
        # The key has no name in it: what was typed stays when somebody else renames the person.
        st.text_input("New name", key=f"rename_{person.person_id}")
        st.button("Rename", key="person_rename", on_click=rename, args=(opened, seen, person))


def rename(opened: OpenGallery, seen: Mapping[str, int], person: Person):
    """Gives a person the name that is typed when the button is pressed."""
    name = _boxed("rename", person).strip()
    change = partial(opened.gallery.rename, person.person_id, name)
    edit(opened, seen, [person.person_id], change, f"{person.name} is now {name}.")


def show_consent(opened: OpenGallery, person: Person, seen: Mapping[str, int]):
    """What the person agreed to; a new consent takes its place, or it is ended."""
    with st.expander("Consent", icon=":material/handshake:"):
        st.markdown(consent_text(person))
        ask_consent(person.name, f"consent_{person.person_id}")
        with st.container(horizontal=True):
            st.button(
                "Record it",
                key="person_consent",
                on_click=record_consent,
                args=(opened, seen, person),
            )
            if person.consent and person.is_searched:
                st.button(
                    "End it now",
                    icon=":material/event_busy:",
                    key="person_end_consent",
                    help="The person stays in the gallery, but is not looked for any more.",
                    on_click=edit,
                    args=(opened, seen, [person.person_id], partial(end_consent, opened, person)),
                    kwargs={"done": f"The consent of {person.name} has ended: nobody is called so any more."},
                )


def record_consent(opened: OpenGallery, seen: Mapping[str, int], person: Person):
    """Records what is ticked and typed when the button is pressed."""
    consent, lacks = read_consent(f"consent_{person.person_id}")
    if consent is None:
        notice("warning", lacks)
        return
    change = partial(opened.gallery.set_consent, person.person_id, consent)
    edit(opened, seen, [person.person_id], change, f"The consent of {person.name} was recorded.")


def end_consent(opened: OpenGallery, person: Person):
    """Lets a consent end at this second; one that was given in this very second ends in the next."""
    soonest = parse_time(person.consent.given, "given") + timedelta(seconds=1)
    end = max(datetime.now(UTC).replace(microsecond=0), soonest).astimezone(UTC)
    opened.gallery.set_consent(
        person.person_id, Consent(person.consent.given, person.consent.purpose, end.isoformat(timespec="seconds"))
    )


def show_delete(opened: OpenGallery, person: Person, seen: Mapping[str, int]):
    with st.expander("Delete", icon=":material/delete_forever:"):
        st.markdown(
            f"Name, templates and every trace of {plain(person.name)} are removed from the gallery's files. It cannot "
            "be undone; exports and backups are not reached."
        )
        st.text_input(
            "Type the name to confirm", key=f"delete_{person.person_id}", placeholder=person.name, autocomplete="off"
        )
        st.button(
            "Delete for good",
            type="primary",
            icon=":material/delete_forever:",
            key="person_delete",
            on_click=delete_person,
            args=(opened, seen, person),
        )


def delete_person(opened: OpenGallery, seen: Mapping[str, int], person: Person):
    if _boxed("delete", person).strip() != person.name:
        notice("warning", f"Nothing was deleted. Type the name {person.name} to confirm.")
        return
    change = partial(opened.gallery.delete_person, person.person_id)
    if edit(opened, seen, [person.person_id], change, f"{person.name} was deleted, with every trace."):
        leave_person()
        st.session_state.pop("gallery_grouped", None)  # it holds the name
