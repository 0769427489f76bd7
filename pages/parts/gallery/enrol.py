"""The gate of the page Gallery: whose faces they are, consent, what speaks against each photo, and the one button."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import streamlit as st

from kerasface.gallery.changes.editing import ChangedMeanwhileError
from kerasface.gallery.checks import checked_name
from kerasface.gallery.store import Consent, NameTakenError, Person, now_text
from kerasface.tasks.enrollment import CHOOSE_ONE, CONFLICT_FPIR, OVERRIDES, Enroller, Enrolment, SourcePhoto
from kerasface.terminal.errors import told
from pages.parts.gallery.opening import OpenGallery, act, notice
from pages.parts.photos import plain

BOXES = ("name", "face", "pass_", "agreed", "purpose", "expires", "until")  # how their keys go on after the gate's
CONSENT = ("agreed", "purpose", "expires")  # those that ask for one
DEFAULT_PURPOSE = "being recognised in photos on this machine"
MEANING = (
    "Kept of each photo, encrypted: numbers that describe the face, and where it is; the photo's name, hash and "
    "quality; the date. No picture is kept. Once a consent has ended, the person is not looked for any more; deleting "
    "a person removes every trace."
)


@dataclass(frozen=True)
class Target:
    """Whose faces they are.

    Attributes:
        name: The person's name.
        person: The person as the gallery has it; None for somebody new.
        consent: What is recorded with the faces; None where an earlier consent stays, or there is none.
        lacks: What is still to be given before anything can be enrolled, for people; empty where nothing is.
        asks: Whether the gate asks for a consent, beside its button.
    """

    name: str
    person: Person | None
    consent: Consent | None
    lacks: str
    asks: bool = False


def choose_target(people: Sequence[Person], key: str, *, label: str = "Name") -> Target | None:
    """Asks whose faces they are; None while there is no valid name. For a consent `show_gate` asks.

    Args:
        people: Everybody in the gallery.
        key: Prefix of the widget's key, `KEY_name`.
        label: Of the field.
    """
    known = {person.name: person for person in people}
    text = st.selectbox(
        label,
        list(known),
        index=None,
        placeholder="Type a new name, or choose somebody you know",
        accept_new_options=True,
        key=f"{key}_name",
    )
    if not text:
        return None
    try:
        name = checked_name(text)
    except ValueError as error:
        st.error(plain(told(error)), icon=":material/error:")
        return None
    person = known.get(name)
    if person:
        st.caption(f"{plain(name)} is known, with {counted(person.num_samples, 'sample')}. {consent_text(person)}")
    return Target(name, person, None, "", asks=person is None or not person.is_searched)


def ask_consent(name: str, key: str) -> tuple[Consent | None, str]:
    """Asks what a person agreed to; returns the consent, or None and what is missing.

    Args:
        name: Who.
        key: Prefix of the widgets' keys: `KEY_agreed`, `KEY_purpose`, `KEY_expires`.
    """
    st.checkbox(f"{plain(name)} agreed to be recognised here", key=f"{key}_agreed", help=MEANING)
    with st.container(horizontal=True):
        st.text_input("What for", DEFAULT_PURPOSE, key=f"{key}_purpose", width=340)
        tomorrow = date.today() + timedelta(days=1)
        st.date_input("Until", None, min_value=tomorrow, key=f"{key}_expires", width=160, format="YYYY-MM-DD")
    return read_consent(key)


def read_consent(key: str) -> tuple[Consent | None, str]:
    """The consent as the boxes of `ask_consent` hold it at this moment, or None and what is missing."""
    if not st.session_state[f"{key}_agreed"]:
        return None, "Ask the person first, and tick that the person agreed."
    if not (purpose := st.session_state[f"{key}_purpose"]).strip():
        return None, "Say what the person agreed to."
    return consent_until(purpose, st.session_state[f"{key}_expires"]), ""


def consent_until(purpose: str, day: date | None) -> Consent:
    """A consent given now that ends with a day, or does not end."""
    end = day and datetime.combine(day, time(23, 59, 59), UTC).isoformat()
    return Consent(now_text(), purpose.strip(), end)


def consent_text(person: Person) -> str:
    """What a person agreed to, as Markdown."""
    consent = person.consent
    if consent is None:
        return "No consent is recorded."
    until = f", until {consent.expires[:10]}" if consent.expires else ""
    over = "" if person.is_searched else " :orange[It has ended: the person is not looked for.]"
    return f"Agreed on {plain(consent.given[:10])}{plain(until)} to: {plain(consent.purpose)}.{over}"


def rehearse(opened: OpenGallery, name: str, photos: Sequence[SourcePhoto]) -> list[Enrolment]:
    """What the gate would refuse, and why; nothing is enrolled."""
    with opened.turn:
        return _enroller(opened).judge(name, photos)


def enrol(
    opened: OpenGallery,
    target: Target,
    photos: Sequence[SourcePhoto],
    expected: Sequence[Enrolment],
    also: Callable[[Person], object] = lambda person: None,
):
    """Enrols photos past the gate, all or none, if the gate still says of them what the user saw.

    Args:
        opened: The gallery.
        target: The person; one who is known is found by id, whatever the name is now.
        photos: All are enrolled: those that the gate refuses are here because the user let them pass.
        expected: What the gate said of them.
        also: Called with the person in the same transaction.

    Raises:
        ChangedMeanwhileError: If the gate says something else by now.
        NameTakenError: If somebody who was new is known by now.
        GalleryError: If the gallery cannot be written, or a known person is gone.
    """
    gallery = opened.gallery
    with opened.turn, gallery.transaction():
        if target.person:
            name = gallery.person(target.person.person_id).name
        elif target.name in {person.name for person in gallery.people()}:
            raise NameTakenError(
                f"Somebody else has enrolled a {target.name!r} since you opened this page; nothing was enrolled. "
                "If it is the same person, choose the name again; if not, take another name."
            )
        else:
            name = target.name
        if [_kind(entry) for entry in rehearse(opened, name, photos)] != [_kind(entry) for entry in expected]:
            raise ChangedMeanwhileError(
                "The gallery has changed since these photos were checked, and other things speak against them now; "
                "nothing was enrolled. See what is said of them, and decide again."
            )
        _enroller(opened, allow=OVERRIDES).enroll(name, photos, consent=target.consent)
        also(gallery.person(name))


def show_gate(
    opened: OpenGallery,
    target: Target | None,
    photos: Sequence[SourcePhoto],
    key: str,
    *,
    show_photo: Callable[[int], object] = lambda index: None,
    together: bool = False,
    then: Callable[[], object] = lambda: None,
    also: Callable[[Person], object] = lambda person: None,
):
    """What speaks against each photo, a tick to enrol it all the same, the consent, and the button that enrols.

    Args:
        opened: The gallery.
        target: Whose faces they are; None while it is not known: nothing can be enrolled then.
        photos: With the faces that were chosen, as `Look.to_enrol` makes them.
        key: Prefix of the widgets' keys: `KEY_pass_INDEX`, `KEY_enrol`, and those of `ask_consent`.
        show_photo: Called with a photo's index, to draw it beside what is said of it.
        together: Whether photos against which nothing speaks are counted in one line, as they are in sight elsewhere.
        then: Called once they are enrolled.
        also: As for `enrol`.
    """
    judged = rehearse(opened, target.name if target else "", photos)
    chosen = [index for index, entry in enumerate(judged) if together and not entry.reason]
    if chosen:
        st.markdown(f":green[:material/check_circle:] {counted(len(chosen), 'photo')} may be enrolled.")
    with st.grid(min_column_width=300, key=f"{key}_photos"):
        for index, entry in enumerate(judged):
            if index in chosen:
                continue
            with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"{key}_photo_{index}"):
                show_photo(index)
                if _passes(entry, f"{key}_pass_{index}"):
                    chosen.append(index)
    if target and target.asks:
        ask_consent(target.name, key)
    who = plain(target.name) if target else "..."
    chosen_photos, said = [photos[index] for index in chosen], [judged[index] for index in chosen]
    st.button(
        f"Enrol {counted(len(chosen), 'photo')} as {who}",
        type="primary",
        icon=":material/person_add:",
        key=f"{key}_enrol",
        on_click=_enrol_and_say,
        args=(opened, target, chosen_photos, said, key, _boxes(target, key), then, also),
    )
    if lacks := _lacking(with_consent(target, key), chosen_photos):
        st.caption(lacks)


def with_consent(target: Target | None, key: str) -> Target | None:
    """Whose faces they are, with the consent that the boxes of the gate hold at this moment, where it asks for one."""
    if target is None or not target.asks:
        return target
    consent, lacks = read_consent(key)
    return replace(target, consent=consent, lacks=lacks)


def _lacking(target: Target | None, photos: Sequence[SourcePhoto]) -> str:
    """What has to be done before anything can be enrolled; empty where nothing has."""
    if target is None:
        return "Say first who it is."
    return target.lacks or ("" if photos else "No photo has passed.")


def _boxes(target: Target | None, key: str) -> dict:
    """What stands in the boxes of a gate and above it, but for the consent that the gate itself asks for."""
    apart = [f"{key}_{name}" for name in CONSENT] if target and target.asks else []
    wanted = tuple(f"{key}_{name}" for name in BOXES)
    given = st.session_state.to_dict().items()
    return {name: value for name, value in given if name.startswith(wanted) and name not in apart}


def _passes(entry: Enrolment, key: str) -> bool:
    """Says what speaks against a photo; returns whether it is to be enrolled."""
    with st.container():
        said = plain(entry.reason.removeprefix(f"{entry.source}:").removesuffix(CHOOSE_ONE).strip())
        if entry.refused is None:
            st.markdown(f":green[:material/check_circle:] **{plain(entry.source)}** may be enrolled. {said}")
            return True
        st.markdown(f":orange[:material/block:] **{plain(entry.source)}** {said}")
        if entry.refused == "several_faces":
            st.caption("Choose above which face it is.")
        elif entry.refused in OVERRIDES:
            return st.checkbox("Enrol it all the same", key=key)
        return False


def _enrol_and_say(opened, target: Target | None, photos, judged, key: str, seen: dict, then, also):
    """Enrols what the user saw with the consent of this moment; where something else was changed in it, it is said."""
    changed = _boxes(target, key) != seen
    target = with_consent(target, key)
    lacks = _lacking(target, photos)
    if changed:
        lacks = "Something else was chosen in this moment; nothing was enrolled. Look at it, and press again."
    if lacks:
        notice("warning", lacks)
        return
    done = f"{counted(len(photos), 'sample')} of {target.name} enrolled."
    if act(partial(enrol, opened, target, photos, judged, also), done):
        then()


def _enroller(opened: OpenGallery, allow: Sequence[str] = ()) -> Enroller:
    opened.identifier.fpir = CONFLICT_FPIR
    return Enroller(opened.identifier, allow=allow)


def _kind(entry: Enrolment) -> tuple[str | None, str]:
    return entry.refused, entry.reason


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
