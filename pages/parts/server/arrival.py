"""Sees to it that whatever the browser sends arrives, also while a page runs.

Streamlit loses some of it where a run begins at the wrong moment (seen in 1.67): it drops the answer that a browser
waits for before it uploads a file; and a button's press, where another message comes before the press was looked at,
or while the button's callback is at work. The setting `runner.fastReruns = false` belongs to it: else a run that was
asked for is forgotten when the next one is asked for before it began.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, wraps

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests
from streamlit.runtime.state.safe_session_state import SafeSessionState

# Answers to what a browser asked: no run makes them again, so a run that begins must not throw them away.
ANSWERS = ("file_urls_response", "backend_operation_response")
_at_work = threading.local()


@cache
def lose_nothing():
    """Mends Streamlit, once in a process."""
    ForwardMsgQueue.clear = _keeping_answers(ForwardMsgQueue.clear)
    SafeSessionState.on_script_will_rerun = _uninterrupted(SafeSessionState.on_script_will_rerun)
    ScriptRequests.on_scriptrunner_yield = _not_while_at_work(ScriptRequests.on_scriptrunner_yield)


def ask(label: str, *, key: str, flag: str = "", place: DeltaGenerator | None = None, **options) -> bool:
    """A button for what a run does itself: once pressed it is asked for until it is `answered`.

    So a press is not lost where the page starts over before a run came to it, or before it was done.

    Args:
        label: Of the button.
        key: Of the button.
        flag: What is asked for, where a value that is sent with the press may bring a button of another key; else
            the key.
        place: Where it stands; where the page is, if not given.
        options: Of `st.button`.
    """
    asked = _asked(flag or key)
    (place or st).button(label, key=key, on_click=st.session_state.__setitem__, args=(asked, True), **options)
    return st.session_state.get(asked, False)


def answered(flag: str):
    """Notes that what a button asks for, by its flag or key, is done or is wanted no more."""
    st.session_state.pop(_asked(flag), None)


def _asked(flag: str) -> str:
    return f"{flag}_asked"


def _keeping_answers(clear):
    @wraps(clear)
    def keep_answers(queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, *others, **options):
        before = list(queue._queue)
        clear(queue, retain_lifecycle_msgs, *others, **options)
        if retain_lifecycle_msgs:
            kept = {id(message) for message in queue._queue}
            queue._queue += [one for one in before if one.WhichOneof("type") in ANSWERS and id(one) not in kept]

    return keep_answers


def _uninterrupted(will_rerun):
    """Values and presses are taken over, and callbacks run to their end, before the next request is looked at."""

    @wraps(will_rerun)
    def take_over(state: SafeSessionState, *values, **options):
        with _working():
            will_rerun(state, *values, **options)

    return take_over


def _not_while_at_work(look):
    @wraps(look)
    def look_later(requests: ScriptRequests):
        return None if getattr(_at_work, "now", False) else look(requests)

    return look_later


@contextmanager
def _working() -> Iterator[None]:
    _at_work.now = True
    try:
        yield
    finally:
        _at_work.now = False
