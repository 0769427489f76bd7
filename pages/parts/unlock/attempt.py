"""One attempt to unlock from the page Unlock: what the browser sends goes in, what its live picture shows comes out."""

import base64
import binascii
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import streamlit as st

from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.gallery.store import Person
from kerasface.images.decoding import ImageError, decode
from kerasface.models.pretrained import ModelFileError
from kerasface.runs.records import RunError
from kerasface.terminal.errors import told
from kerasface.unlock.attempts import record_attempt
from kerasface.unlock.identity import enrolled_people
from kerasface.unlock.lockout import Lockout
from kerasface.unlock.session import TIMEOUT, FrameReader, UnlockSession, unlock_analyzer
from kerasface.unlock.states import Status
from pages.parts.gallery.opening import OpenGallery, is_demo
from pages.parts.photos import plain, sample_portrait
from pages.parts.server.memory import settle

MAX_BYTES = 2**20  # of a picture: the browser's are about 50 kB
MAX_PIXELS = 2**20
# What the browser says when it gives no camera (Media Capture and Streams, 10.2), and what the page adds to that.
TROUBLES = {
    "NotAllowedError": (
        "no_permission",
        "The browser was not allowed to use the camera. Allow it, by the sign beside the address, and try again.",
    ),
    "NotFoundError": ("no_camera", "No camera was found. Plug one in and try again."),
    "OverconstrainedError": ("no_camera", "No camera was found that gives a picture. Plug one in and try again."),
    "NotReadableError": (
        "camera_busy",
        "The camera gives no picture: another program may be using it. Close that and try again.",
    ),
    "AbortError": ("camera_busy", "The camera could not be started. Unplug it, plug it in again, and try again."),
    "insecure": (
        "no_camera",
        "Browsers give a camera only to pages that come from this machine or over https. Open this page as "
        "http://localhost, or put it behind https.",
    ),
    "ended": ("camera_lost", "The camera was taken away in the middle."),
}
ABANDONED = ("left", "The page was left, or something else on it was changed, in the middle.")
STOPPED = ("stopped", "It was stopped.")


class Attempt:
    """One attempt of somebody before the camera of a browser.

    Args:
        number: Tells it from the other attempts of this browser window.
        person: Who wants to unlock.
        session: Judges the frames.
        analyzer: The front end of the session.
        log: Where it is recorded when it is over; the user's log if not given.

    Attributes:
        number: As given.
        person: As given.
        session: As given.
        camera: What the browser calls the camera; empty before it was opened.
        is_fresh: Whether the page has not shown it yet.
        seconds: How long it took, from the first frame that was judged; None before that one.
        problem: Why it could not be recorded; empty where it was, or is not over.
    """

    def __init__(
        self, number: int, person: Person, session: UnlockSession, analyzer: FaceAnalyzer, log: Path | None = None
    ):
        self.number, self.person, self.session = number, person, session
        self.camera = ""
        self.is_fresh = True
        self.seconds: float | None = None
        self.problem = ""
        self._analyzer, self._log = analyzer, log
        self._answered = 0
        self._size = (1, 1)
        self._started: float | None = None
        self._is_warm = self._is_recorded = False
        self._record()

    @property
    def status(self) -> Status:
        return self.session.status

    @property
    def is_over(self) -> bool:
        return self.status.state.is_final

    def take_frame(self, message: Any):
        """Judges a frame that the browser sent; one of another attempt, or that cannot be read, is passed over."""
        if self.is_over or not isinstance(message, Mapping) or message.get("attempt") != self.number:
            return
        self._answered = message.get("number")
        self.camera = str(message.get("camera", ""))[:200]
        try:
            content = base64.b64decode(str(message.get("picture", "")).partition("base64,")[2], validate=True)
            frame = decode(content, name="frame", max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)
        except (ImageError, binascii.Error):
            return
        if not self._is_warm:  # the first picture of this size takes long, and the user's time must not run meanwhile
            FrameReader(self._analyzer).read(frame, 0.0)
            self._is_warm = True
            return
        now = time.monotonic()
        self._started = self._started or now
        self._size = (frame.shape[1], frame.shape[0])
        self.session.observe(frame, now)
        self.seconds = time.monotonic() - self._started
        self._record()

    def take_trouble(self, message: Any):
        """Ends the attempt because the browser has no camera, or not any more."""
        if not isinstance(message, Mapping) or message.get("attempt") != self.number:
            return
        name = str(message.get("name", ""))
        details = " ".join(f"{name}: {message.get('message', '')}".split())[:200]
        self.stop(*TROUBLES.get(name, ("no_camera", f"The camera cannot be used. The browser says: {details}")))

    def stop(self, cause: str, reason: str):
        """Ends the attempt from outside; it counts as a failure if the challenge had begun."""
        self.session.stop(cause, reason)
        self._record()

    def to_data(self) -> dict:
        """What the live picture shows, JSON-ready: places as shares of the frame, no score."""
        status, (width, height) = self.status, self._size
        left = None if self._started is None else max(0.0, TIMEOUT - (time.monotonic() - self._started))
        box = status.box and [float(value / side) for value, side in zip(status.box, (width, height) * 2, strict=True)]
        return {
            "attempt": self.number,
            "answered": self._answered,
            "done": self.is_over,
            "state": str(status.state),
            "instruction": status.instruction,
            "reason": status.reason,
            "pose": status.pose and str(status.pose),
            "step": status.step,
            "steps": status.num_steps,
            "box": box,
            "ends": left,  # seconds
            "timeout": TIMEOUT,
        }

    def _record(self):
        """Writes it to the log, once it is over."""
        if not self.is_over or self._is_recorded:
            return
        self._is_recorded = True
        try:
            record_attempt(self.status, [self.person.person_id], camera=self.camera, path=self._log)
        except OSError as error:
            self.problem = f"This attempt could not be recorded in the log: {error.strerror}."


@st.cache_resource(show_spinner="Loading the face models. The first time takes a few seconds.")
def _front_end(fingerprint: str) -> FaceAnalyzer:
    """The front end for live video, which has seen a face in a picture of the usual size: so its graphs are traced."""
    analyzer = unlock_analyzer(fingerprint)
    portrait = sample_portrait().image[:384]  # (384, 512, 3), the shape of a webcam's picture
    FrameReader(analyzer).read(cv2.resize(portrait, (640, 480), interpolation=cv2.INTER_AREA), 0.0)
    settle()  # or Streamlit would collect garbage for longer after every frame than several frames take
    return analyzer


def front_end_or_stop(fingerprint: str) -> FaceAnalyzer:
    """The front end by its embedder's fingerprint; where it cannot be loaded, the page says so and ends here."""
    try:
        return _front_end(fingerprint)
    except (ModelFileError, RunError) as error:
        st.error(plain(told(error)), icon=":material/error:")
        st.stop()


def begin(opened: OpenGallery, person: Person, lockout: Lockout) -> Attempt:
    """Makes an attempt of a person the one of this browser window.

    Raises:
        GalleryError: If the person is gone or the consent has ended.
        ValueError: If the person has too many samples for any error rate that was measured.
    """
    analyzer = front_end_or_stop(opened.gallery.embedder)
    number = st.session_state.get("unlock_number", 0) + 1
    session = UnlockSession(enrolled_people(opened.gallery, person.name), analyzer, lockout)
    # A demonstration leaves nothing behind.
    log = opened.gallery.path.with_name("unlock-attempts.jsonl") if is_demo() else None
    attempt = Attempt(number, person, session, analyzer, log)
    st.session_state.update(unlock_number=number, unlock_attempt=attempt)
    return attempt


def running_attempt() -> Attempt | None:
    """The attempt of this browser window, over or not."""
    return st.session_state.get("unlock_attempt")
