"""What Inspect and Architectures compute: kept for the session, with progress and Stop, failures in a sentence."""

import hashlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from kerasface.terminal.errors import told
from pages.parts.photos import plain
from pages.parts.server.arrival import answered, ask

KEPT = 48  # results of one session; maps are at most some 100 kB
REDRAW = 0.15  # seconds between two states of a progress bar

Report = Callable[[int], None]  # called with the number of steps done


def digest(*pictures: np.ndarray) -> str:
    """A name for pictures by their pixels."""
    found = hashlib.blake2b(digest_size=12)
    for picture in pictures:
        found.update(str(picture.shape).encode())
        found.update(np.ascontiguousarray(picture))
    return found.hexdigest()


def kept(key: tuple, compute: Callable[[], Any]) -> Any:
    """What was computed under this key in this session; computed now if it was not."""
    results = _results()
    if key not in results:
        keep(key, compute())
    results[key] = results.pop(key)  # the last one used is the last one dropped
    return results[key]


def keep(key: tuple, result: Any):
    results = _results()
    results[key] = result
    for oldest in list(results)[:-KEPT]:
        del results[oldest]


def is_kept(key: tuple) -> bool:
    return key in _results()


def work(key: tuple, text: str, total: int, compute: Callable[[Report], Any], *, button: str | None = None) -> Any:
    """As `kept`, for what takes seconds; not in a fragment, where Stop would have to wait for its end.

    Args:
        key: Names the result.
        text: What is being done, for people.
        total: How many steps it has.
        compute: Does it and reports its steps.
        button: What the user presses to begin; it begins at once if not given.

    Returns:
        The result; None where there is none: not yet asked for, stopped, or failed, then the page says why.
    """
    place = st.empty()  # also if nothing is to be done: what follows keeps its place, and an open expander stays open
    if is_kept(key):
        return kept(key, None)
    stopped = st.session_state.setdefault("inspect_stopped", set())
    asked = st.session_state.setdefault("inspect_asked", set())
    name, flag = "_".join(map(str, key)), f"begin_{key[0]}"
    if (button or key in stopped) and key not in asked:
        begin = {"icon": ":material/play_arrow:", "key": f"begin_{name}"}
        if not ask(button or f"Go on: {text}", flag=flag, place=place, **begin):
            return None
        asked.add(key)
        answered(flag)
    with place.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            bar = st.progress(0.0, text=text)
        st.button("Stop", icon=":material/stop:", key=f"stop_{name}", on_click=_stop, args=(stopped, asked, key))
    try:
        keep(key, compute(_reporter(bar, text, total)))
    except (ValueError, RuntimeError) as error:  # runs and model files that fail are of the second kind
        asked.discard(key)
        place.warning(plain(told(error)), icon=":material/block:")
        return None
    asked.discard(key)
    stopped.discard(key)
    place.empty()
    return kept(key, None)


def _stop(stopped: set, asked: set, key: tuple):
    stopped.add(key)
    asked.discard(key)


def _results() -> dict:
    return st.session_state.setdefault("inspect_results", {})


def _reporter(bar, text: str, total: int) -> Report:
    drawn = 0.0

    def report(done: int):
        nonlocal drawn
        if time.monotonic() - drawn >= REDRAW:
            drawn = time.monotonic()
            bar.progress(min(done / total, 1.0), text=text)  # and here the run ends if Stop was pressed

    return report
