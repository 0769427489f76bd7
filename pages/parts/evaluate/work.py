"""What the page Evaluate computes: kept for the session, with steps, time left and Stop; failures in a sentence."""

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from kerasface.models.pretrained import ModelFileError
from kerasface.runs.store import RunError
from kerasface.tasks.measuring.people import Report
from kerasface.terminal.errors import told
from pages.parts.photos import plain
from pages.parts.server.arrival import answered, ask

KEPT = 6  # results of one session: some megabytes each
_REDRAW = 0.15  # seconds between two states of a progress bar
_TELLING = 3.0  # seconds of a step, from which on its speed says something


def work(key: tuple, compute: Callable[[Report], Any], *, button: str | None = None) -> Any:
    """What was computed under this key in this session; computed now if it was asked for.

    The run of the page computes it: whatever else is pressed meanwhile starts the page over, and it goes on with what
    the caches hold. Not in a fragment, where Stop would have to wait for the end.

    Args:
        key: Names the result.
        compute: Does it, and reports stage, done and total.
        button: What the user presses to begin; it begins at once if not given.

    Returns:
        The result; None where there is none: not asked for, stopped, or failed, then the page says why.
    """
    results = st.session_state.setdefault("evaluate_results", {})
    asked = st.session_state.setdefault("evaluate_asked", set())
    if key in results:
        results[key] = results.pop(key)  # the last one used is the last one dropped
        return results[key]
    place = st.empty()  # of the button too: else it would stand there, faded, while it is being done
    if button and key not in asked:
        begin = {"type": "primary", "icon": ":material/play_arrow:", "key": "begin"}
        # By what it measures, not by the key of the run before: a path may have been typed with this very press.
        if not ask(button, flag=f"begin_{key[0]}", place=place, **begin):
            return None
        asked.add(key)
        answered(f"begin_{key[0]}")
    with place.container():
        steps = st.container()
        if button:
            st.button("Stop", icon=":material/stop:", on_click=asked.discard, args=(key,), key="stop")
    try:
        with steps:
            found = compute(_reporter())
    except (ValueError, OSError, RunError, ModelFileError) as error:
        asked.discard(key)
        place.error(plain(told(error)), icon=":material/block:")
        return None
    place.empty()
    asked.discard(key)
    results[key] = found
    for oldest in list(results)[:-KEPT]:
        del results[oldest]
    return found


def forget(key: tuple):
    """Lets it be computed again: files may have changed."""
    st.session_state.get("evaluate_results", {}).pop(key, None)
    st.session_state.setdefault("evaluate_asked", set()).add(key)


def _reporter() -> Report:
    """Draws a bar for each stage; a run that was ended by a button ends where it draws."""
    bars, begun, drawn = {}, {}, 0.0

    def report(stage: str, done: int, total: int):
        nonlocal drawn
        now = time.monotonic()
        if stage not in bars:
            bars[stage], begun[stage] = st.empty(), (now, done)
        elif done < total and now - drawn < _REDRAW:
            return
        drawn = now
        share = min(done / total, 1.0) if total else 1.0
        text = f"{plain(stage)}: {done:,} of {total:,}{_left(now, begun[stage], done, total)}"
        bars[stage].progress(share, text=text)

    return report


def _left(now: float, begun: tuple[float, int], done: int, total: int) -> str:
    started, first = begun
    if done <= first or done >= total or now - started < _TELLING:
        return ""
    seconds = (now - started) / (done - first) * (total - done)
    return f", {seconds / 60:.0f} min left" if seconds > 90 else f", {seconds:.0f} s left"
