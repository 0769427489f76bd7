"""The view "How far to trust it" of the page Unlock: measured rates in words, and what a photo before it comes to."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import streamlit as st
from scipy.stats import beta

from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.gallery.keys import KEY_BYTES
from kerasface.unlock.identity import FMR, EnrolledPeople
from kerasface.unlock.lockout import FREE_FAILURES, MAX_FAILURES, Lockout
from kerasface.unlock.session import UnlockSession
from kerasface.unlock.states import Status
from pages.parts.photos import plain, sample_portrait
from pages.parts.server.arrival import answered, ask
from pages.parts.unlock.attempt import front_end_or_stop

# What benchmarks/unlock.py counted with both its casts (benchmarks/RESULTS.md): species of attack to (let in, tried).
ATTACKS: dict[str, tuple[int, int]] = {
    "a still photo": (0, 50),
    "a print that is moved": (0, 50),
    "a print that is rolled up and turned": (2, 50),
    "a video of other moves": (0, 100),
    "a stranger who makes the moves": (0, 100),
    "a video of the very moves asked for": (96, 100),
}
GENUINE: tuple[int, int] | None = (95, 100)
FRAMES_PER_SECOND = 5  # of the photo that is held up
LIMITS = """
- **It is a demonstration of convenience, not a security product.** Lock nothing with it whose loss would hurt.
- It asks for turns of the head in an order drawn afresh. A photo does not turn, and the head in a prepared video
  turns when it was not asked to. A video made for the moment, a mask, or a twin may get in.
- An ordinary camera sees no depth and no warmth. Whoever controls this computer or its browser can send any picture.
- Whoever can use this dashboard can enrol somebody new, who then opens a note of their own, not yours.
"""


def show_trust():
    """Rates, limits, and a trial with a photo that needs no camera."""
    st.markdown(LIMITS)
    st.markdown(
        f"**Strangers.** Faces are compared at a false match rate of at most 1 in {1 / FMR:,.0f} for a whole attempt: "
        "one decision over all its pictures, never the best of them.\n\n"
        f"**Guessing.** After {FREE_FAILURES} failures in a row one has to wait, longer each time; after "
        f"{MAX_FAILURES} unlocking is off until it is turned on again from the command line.\n\n"
        f"**Measured.** {rates_text(GENUINE, ATTACKS)}"
    )
    st.subheader("What if somebody holds up a photo?")
    st.markdown("A trial without a camera: the sample portrait is enrolled for a moment, and its photo is held up.")
    if ask("Hold up the photo", icon=":material/photo_camera_front:", key="unlock_photo"):
        show_photo_held_up()
        answered("unlock_photo")


def rates_text(genuine: tuple[int, int] | None, attacks: dict[str, tuple[int, int]]) -> str:
    """How often users and attacks were let in, with 95 % bounds, as Markdown.

    Args:
        genuine: Users who were let in, and all of them; None where that was not counted.
        attacks: The same by species of attack.

    Reference:
        Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 1934.
    """
    if genuine is None and not attacks:
        return "How many attacks and users are let in was not measured with this version."
    said = []
    if genuine:
        let_in, tried = genuine
        lowest = float(beta.ppf(0.05, let_in, tried - let_in + 1)) if let_in else 0.0
        said.append(f"{let_in} of {tried} users were let in (at least {100 * lowest:.1f} %).")
    for species, (let_in, tried) in attacks.items():
        highest = float(beta.ppf(0.95, let_in + 1, tried - let_in)) if let_in < tried else 1.0
        name = plain(species[:1].upper() + species[1:])
        said.append(f"{name}: {let_in} of {tried} let in (up to {100 * highest:.1f} %).")
    return " ".join(said)


def show_photo_held_up():
    """Plays the portrait to an attempt of its own, which counts for nobody, and tells what happened when."""
    analyzer = front_end_or_stop(embedder_fingerprint())
    portrait = sample_portrait().image
    with st.spinner("Holding up the photo"), tempfile.TemporaryDirectory() as folder:
        (entry,) = analyzer.analyze([portrait])[0]
        people = EnrolledPeople({"a": "the sample"}, ("a",), entry.embedding[None], analyzer.embedder.fingerprint)
        lockout = Lockout(Path(folder) / "unlock.json", key=os.urandom(KEY_BYTES))
        lockout.enable("a")
        told = hold_up(portrait[:384], UnlockSession(people, analyzer, lockout))
    lines = [f":material/schedule: {time:.1f} s: {plain(status.instruction or status.reason)}" for time, status in told]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(portrait[:384], width=160, alt="The sample portrait, which was held up")
        st.markdown("  \n".join([*lines[:-1], f":red[:material/lock: **Not unlocked.**] {lines[-1]}"]), width="content")


def hold_up(photo: np.ndarray, session: UnlockSession, *, longest: float = 20.0) -> Sequence[tuple[float, Status]]:
    """Shows a photo to an attempt until it ends, with a camera's noise: without, it would pass for a camera that hangs.

    Args:
        photo: RGB uint8, `(height, width, 3)`.
        session: The attempt.
        longest: Seconds of the film, not of the computation.

    Returns:
        The first status of each kind with its time, and the last.
    """
    generator, told = np.random.default_rng(0), []
    scene = cv2.resize(photo, (640, 480), interpolation=cv2.INTER_AREA).astype(np.float32)
    for number in range(round(longest * FRAMES_PER_SECOND)):
        frame = np.clip(scene + generator.normal(0, 2, scene.shape), 0, 255).astype(np.uint8)
        status = session.observe(frame, number / FRAMES_PER_SECOND)
        if not told or (told[-1][1].state, told[-1][1].instruction) != (status.state, status.instruction):
            told.append((number / FRAMES_PER_SECOND, status))
        if status.state.is_final:
            break
    return told
