"""The live picture of the page Unlock: a component of the browser that sends frames, and the fragment that answers."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.parts.unlock.attempt import Attempt, running_attempt

KEY = "unlock_camera"
HTML = """
<div class="camera" role="group" aria-label="Live picture of your camera, as in a mirror">
  <video muted playsinline></video>
  <canvas aria-hidden="true"></canvas>
  <svg class="waiting" aria-hidden="true" viewBox="0 0 640 400" fill="none" stroke="#6f8580" stroke-width="7"
    stroke-linecap="round" stroke-linejoin="round">
    <path d="M210 110V70H250M390 70H430V110M430 290V330H390M250 330H210V290" stroke="#159087"/>
    <path d="M265 175c0-90 110-90 110 0v30c0 75-110 75-110 0zM298 188v6M342 188v6M302 232q18 14 36 0"/>
    <path d="M165 172l-28 28 28 28M475 172l28 28-28 28"/>
  </svg>
  <p class="rate"></p>
  <p class="say" role="status" aria-live="assertive"></p>
</div>
"""
CSS = Path(__file__).with_name("camera.css").read_text(encoding="utf-8")
JS = Path(__file__).with_name("camera.js").read_text(encoding="utf-8")


@st.fragment
def show_camera(attempt: Attempt | None, when_over: Callable[[], object]):
    """The live picture. Every frame that the browser sends runs this fragment, and nothing else of the page.

    Args:
        attempt: What is shown; its last picture stays when it is over. Without one, a drawing stands in its place.
        when_over: Called once, when it is over; then the whole page runs.
    """
    # Declared in every run: the component belongs to the runtime, and this module may have been imported before it.
    camera = st.components.v2.component("kerasface_unlock", html=HTML, css=CSS, js=JS)
    data = attempt.to_data() if attempt else {"attempt": 0, "done": True, "ends": None}
    camera(data=data, key=KEY, on_frame_change=_take_frame, on_trouble_change=_take_trouble)
    if attempt and attempt.is_over and st.session_state.get("unlock_said") != attempt.number:
        st.session_state["unlock_said"] = attempt.number
        when_over()
        st.rerun()


def _take_frame():
    if attempt := running_attempt():
        attempt.take_frame(st.session_state[KEY].get("frame"))


def _take_trouble():
    if attempt := running_attempt():
        attempt.take_trouble(st.session_state[KEY].get("trouble"))
