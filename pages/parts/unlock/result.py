"""What the page Unlock says before an attempt and after it: what came of it, and how long one has to wait."""

import math
import shlex

import streamlit as st

from kerasface.gallery.store import Person
from kerasface.unlock.lockout import ENABLE, LockedOutError, Lockout, LockoutError
from kerasface.unlock.states import State
from pages.parts.photos import plain
from pages.parts.unlock.attempt import Attempt


def show_result(attempt: Attempt | None, refusal: LockoutError | None, person: Person, lockout: Lockout):
    """What came of an attempt, and why there can be no other one now.

    Args:
        attempt: The last one of this person; None if there was none.
        refusal: Why there can be none now; None if there can.
        person: Who wants to unlock.
        lockout: Where it is counted.
    """
    if attempt and attempt.status.state == State.UNLOCKED:
        took = f" It took {attempt.seconds:.1f} s." if attempt.seconds else ""
        st.success(plain(attempt.status.reason) + took, icon=":material/lock_open:")
        st.caption(plain(attempt.session.error_rate_text))
    elif attempt and attempt.is_over and attempt.status.state != State.LOCKED_OUT:
        st.error(f"**Not unlocked.** {plain(_without_command(attempt.status.reason))}", icon=":material/lock:")
    if attempt and attempt.problem:
        st.warning(plain(attempt.problem), icon=":material/edit_off:")
    if refusal is None:
        return
    seconds = getattr(refusal, "seconds_left", math.inf)
    if math.isfinite(seconds):
        show_wait(lockout, person)
        return
    if not attempt or attempt.status.reason != str(refusal):
        st.warning(plain(_without_command(str(refusal))), icon=":material/lock_clock:")
    if ENABLE in str(refusal):
        st.markdown("Turn it on in a terminal:")
        st.code(f"kerasface unlock --enable {shlex.quote(person.name)}", language=None, wrap_lines=True)


def _without_command(reason: str) -> str:
    """A reason without the command that mends it, which stands below with the person's name."""
    return reason.removesuffix(ENABLE).strip()


@st.fragment(run_every=1.0)
def show_wait(lockout: Lockout, person: Person):
    """Counts down, then runs the page: the button is there again."""
    try:
        lockout.check([person.person_id])
    except LockedOutError as refusal:
        st.warning(plain(str(refusal)), icon=":material/lock_clock:")
        return
    except LockoutError:
        pass  # which the page says
    st.rerun()


def refusal_of(lockout: Lockout, person: Person) -> LockoutError | None:
    """Why a person may not try now; None if the person may."""
    try:
        lockout.check([person.person_id])
    except LockoutError as refusal:
        return refusal
    return None
