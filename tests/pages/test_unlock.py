import base64
import contextlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import Consent, NewSample, now_text
from kerasface.unlock.lockout import FREE_FAILURES, Lockout
from kerasface.unlock.states import State, Status
from pages.parts import models as page_models
from pages.parts.unlock import attempt as unlock_attempt
from pages.parts.unlock.attempt import Attempt
from pages.parts.unlock.note import EXAMPLE
from pages.parts.unlock.trust import rates_text

ROOT = Path(__file__).resolve().parents[2]
KEY = bytes(range(32))
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PERSON = SimpleNamespace(person_id="a" * 16, name="Ada")


@pytest.fixture(autouse=True)
def own_configuration(tmp_path, monkeypatch):
    """A key and a configuration folder of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("KERASFACE_KEY", KEY.hex())
    monkeypatch.delenv("KERASFACE_GALLERY", raising=False)


def make_gallery(path, *people):
    """A gallery of pairs of name and embedding; returns the people's ids."""
    with open_gallery(path, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM, key=KEY) as gallery:
        return [
            gallery.enroll(
                name, [NewSample(embedding, "photo", f"{number:064x}")], consent=Consent(now_text(), "tests")
            ).person_id
            for number, (name, embedding) in enumerate(people)
        ]


@pytest.fixture
def ada(tmp_path):
    """The id of Ada, who is enrolled and may unlock."""
    (person_id,) = make_gallery(tmp_path / "kerasface.gallery", ("Ada", np.eye(1, EMBEDDING_DIM, dtype=np.float32)[0]))
    Lockout().enable(person_id)
    return person_id


class ScriptedSession:
    """An attempt that goes as the test says, one status for each frame."""

    error_rate_text = "One stranger in ten thousand."
    script: tuple[Status, ...] = ()

    def __init__(self, *_, **__):
        self.status, self.frames = Status(State.SEARCHING, "Look into the camera."), []

    def observe(self, frame, time):
        self.status = self.script[len(self.frames)]
        self.frames.append((frame, time))
        return self.status

    def stop(self, cause, reason):
        if not self.status.state.is_final:
            self.status = Status(State.REFUSED, reason=reason, cause=cause)
        return self.status


@pytest.fixture
def scripted(monkeypatch, no_cached_models):
    """Replaces what looks at frames; returns the class whose `script` tells how attempts go."""
    blind = SimpleNamespace(detector=SimpleNamespace(detect=lambda images, turns: [[] for _ in images]))
    monkeypatch.setattr(unlock_attempt, "unlock_analyzer", lambda *_: blind)
    monkeypatch.setattr(unlock_attempt, "UnlockSession", ScriptedSession)
    monkeypatch.setattr(ScriptedSession, "script", ())
    return ScriptedSession


def frame_message(attempt=1, number=1, *, size=(64, 48)):
    file = io.BytesIO()
    Image.new("RGB", size, (90, 120, 150)).save(file, "JPEG")
    address = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
    return {"attempt": attempt, "number": number, "picture": address, "camera": "a webcam"}


def press(page, label):
    (button,) = [button for button in page.button if button.label == label]
    button.click().run()
    assert not page.exception


def attempt_begun(page):
    press(page, "Unlock with my face")
    return page.session_state["unlock_attempt"]


def labels(page):
    return [button.label for button in page.button]


def logged(tmp_path):
    file = tmp_path / "config" / "kerasface" / "unlock-attempts.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_first_use_without_a_gallery(open_page, tmp_path):
    page = open_page("unlock")
    assert not page.exception
    assert "no security product" in page.markdown[0].value
    assert "There is no gallery" in page.info[0].value
    press(page, "Begin my gallery")
    assert (tmp_path / "kerasface.gallery").exists()
    assert "Nobody is enrolled yet" in page.info[0].value
    press(page, "Enrol yourself")
    assert page.session_state["unlock_view"] == "enrol"
    assert page.text_input(key="unlock_enrol_name").value == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "cause", "said"),
    [
        ("NotAllowedError", "no_permission", "was not allowed to use the camera"),
        ("NotFoundError", "no_camera", "No camera was found"),
        ("NotReadableError", "camera_busy", "another program may be using it"),
        ("insecure", "no_camera", "over https"),
        ("ended", "camera_lost", "was taken away in the middle"),
        ("SomethingNew", "no_camera", "The browser says: SomethingNew: a detail"),
    ],
)
def test_without_a_camera_the_page_says_why(open_page, scripted, ada, tmp_path, trouble, cause, said):
    page = open_page("unlock")
    attempt = attempt_begun(page)
    attempt.take_trouble({"attempt": attempt.number, "name": trouble, "message": "a detail"})
    page.run()
    assert not page.exception
    assert said in page.error[0].value.replace("\\", "")
    assert labels(page).count("Try again") == 1
    assert not page.text_area
    (line,) = logged(tmp_path)
    assert (line["people"], line["state"], line["cause"]) == ([ada], "refused", cause)


@pytest.mark.slow
def test_the_note_opens_can_be_written_and_is_locked_again(open_page, scripted, ada, tmp_path):
    scripted.script = (Status(State.UNLOCKED, reason="The face was recognised.", person="Ada"),)
    page = open_page("unlock")
    assert not page.text_area
    attempt = attempt_begun(page)
    for number in (1, 2):  # the first one only makes the graphs ready
        attempt.take_frame(frame_message(number=number))
    page.run()
    assert page.success[0].value.startswith("The face was recognised")
    assert any("One stranger in ten thousand" in caption.value for caption in page.caption)
    assert page.text_area[0].value == EXAMPLE
    page.text_area[0].set_value("the treasure is under the oak").run()
    press(page, "Lock it again")
    assert not page.text_area
    assert b"treasure" not in page.session_state["unlock_notes"][ada]
    assert "treasure" not in str(page.main)

    attempt = attempt_begun(page)
    assert not page.text_area
    for number in (1, 2):
        attempt.take_frame(frame_message(attempt.number, number))
    page.run()
    assert page.text_area[0].value == "the treasure is under the oak"
    assert [(line["state"], line["camera"]) for line in logged(tmp_path)] == [("unlocked", "a webcam")] * 2


def test_a_refusal_names_its_reason_and_keeps_the_note_shut(open_page, scripted, ada):
    scripted.script = (Status(State.REFUSED, reason="The face was not recognised.", cause="not_recognised"),)
    page = open_page("unlock")
    attempt = attempt_begun(page)
    for number in (1, 2):
        attempt.take_frame(frame_message(number=number))
    page.run()
    assert "The face was not recognised" in page.error[0].value
    assert not page.text_area


@pytest.mark.slow
def test_an_attempt_that_is_left_or_stopped_ends(open_page, scripted, ada, tmp_path):
    page = open_page("unlock")
    attempt_begun(page)
    page.run()  # as when the page was left and opened again: its camera is off
    assert "The page was left" in page.error[0].value
    press(page, "Try again")
    press(page, "Stop")
    assert "It was stopped" in page.error[0].value
    assert [line["cause"] for line in logged(tmp_path)] == ["left", "stopped"]


def test_whoever_did_not_turn_it_on_is_told_how(open_page, tmp_path):
    make_gallery(tmp_path / "kerasface.gallery", ("Ada L.", np.eye(1, EMBEDDING_DIM, dtype=np.float32)[0]))
    page = open_page("unlock")
    assert "turned on for nobody" in page.warning[0].value
    assert "kerasface unlock" not in page.warning[0].value  # the command stands below, once
    assert page.code[0].value == "kerasface unlock --enable 'Ada L.'"
    assert page.button(key="unlock_begin").disabled


def test_after_too_many_failures_the_page_counts_down(open_page, ada):
    for _ in range(FREE_FAILURES):
        Lockout().begin([ada])
    page = open_page("unlock")
    seconds = int(re.search(r"Try again in (\d+) s", page.warning[0].value)[1])
    assert 0 < seconds <= 30
    assert page.button(key="unlock_begin").disabled


@pytest.mark.parametrize(("key", "said"), [("22" * 32, "not the one"), ("", "is missing")])
def test_another_key_or_none_opens_nothing(open_page, ada, monkeypatch, key, said):
    monkeypatch.setenv("KERASFACE_KEY", key)
    page = open_page("unlock")
    assert not page.exception
    assert said in page.error[0].value
    assert not page.text_area
    assert "Unlock with my face" not in labels(page)


def test_frames_that_are_no_pictures_or_of_another_attempt_are_passed_over(scripted, tmp_path):
    scripted.script = (Status(State.CHALLENGE, "Turn.", box=(16.0, 12.0, 32.0, 24.0), step=1, num_steps=2),)
    session = ScriptedSession()
    analyzer = unlock_attempt.unlock_analyzer()
    attempt = Attempt(3, PERSON, session, analyzer, tmp_path / "log.jsonl")
    attempt.take_frame(frame_message(3))  # makes ready
    assert session.frames == []
    for wrong in (None, [], {}, frame_message(2), frame_message(3) | {"picture": "data:,no picture"}):
        attempt.take_frame(wrong)
    large = frame_message(3, size=(1200, 900))
    attempt.take_frame(large)
    attempt.take_trouble({"attempt": 2, "name": "ended"})
    assert session.frames == []
    attempt.take_frame(frame_message(3, 7))
    ((frame, _),) = session.frames
    assert frame.shape == (48, 64, 3)
    data = attempt.to_data()
    assert (data["answered"], data["box"], data["step"], data["done"]) == (7, [0.25, 0.25, 0.5, 0.5], 1, False)
    assert not (tmp_path / "log.jsonl").exists()
    attempt.stop("stopped", "Stopped.")
    attempt.stop("stopped", "Stopped.")
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1


def test_a_log_that_cannot_be_written_is_said(scripted, tmp_path):
    (tmp_path / "file").write_text("")
    attempt = Attempt(1, PERSON, ScriptedSession(), None, tmp_path / "file" / "log.jsonl")
    attempt.stop("stopped", "Stopped.")
    assert "could not be recorded" in attempt.problem


def test_rates_are_told_with_their_bounds():
    """0 of n is let in at a rate p with probability (1 - p)^n, which is 5 % at p = 1 - 0.05^(1/n)."""
    assert "not measured" in rates_text(None, {})
    text = rates_text((50, 50), {"A print": (0, 50), "All": (3, 3)})
    assert f"at least {100 * 0.05 ** (1 / 50):.1f} %" in text
    assert f"A print: 0 of 50 let in (up to {100 * (1 - 0.05 ** (1 / 50)):.1f} %)" in text
    assert "5.8 %" in text
    assert "All: 3 of 3 let in (up to 100.0 %)" in text


@pytest.mark.slow
def test_of_several_faces_the_one_that_is_meant_enrols(
    open_page, tmp_path, front_end, monkeypatch, portrait_png, no_cached_models
):
    make_gallery(tmp_path / "kerasface.gallery")
    monkeypatch.setattr(page_models, "_analyzer", lambda *_: front_end)
    front_end.lists = [list(np.eye(2, EMBEDDING_DIM, dtype=np.float32))]
    page = open_page("unlock")
    page.segmented_control(key="unlock_view").set_value("enrol").run()
    page.text_input(key="unlock_enrol_name").set_value("Eileen").run()
    page.segmented_control(key="unlock_enrol_source").set_value("Upload").run()
    page.file_uploader[0].set_value([("two.png", portrait_png, "image/png")]).run()
    page.checkbox(key="unlock_enrol_agreed").check().run()
    assert page.button(key="unlock_enrol_enrol").label == "Enrol 0 photos as Eileen"
    (choice,) = [group for group in page.button_group if group.key.startswith("add_face_")]
    choice.set_value(1).run()
    page.button(key="unlock_enrol_enrol").click().run()
    assert not page.exception
    with open_gallery(
        tmp_path / "kerasface.gallery", embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM, key=KEY
    ) as gallery:
        np.testing.assert_allclose(gallery.embeddings("Eileen"), np.eye(2, EMBEDDING_DIM)[1:], atol=1e-6)


@pytest.mark.slow
def test_somebody_new_enrols_and_may_unlock(open_page, ada, tmp_path, portrait_png):
    page = open_page("unlock")
    page.segmented_control(key="unlock_view").set_value("enrol").run()
    page.text_input(key="unlock_enrol_name").set_value("Ada").run()
    assert "is enrolled already" in page.info[0].value
    page.text_input(key="unlock_enrol_name").set_value("Eileen").run()
    page.segmented_control(key="unlock_enrol_source").set_value("Upload").run()
    page.file_uploader[0].set_value([("portrait.png", portrait_png, "image/png")]).run()
    page.button(key="unlock_enrol_enrol").click().run()
    assert "tick that the person agreed" in page.warning[0].value
    page.checkbox(key="unlock_enrol_agreed").check().run()
    page.button(key="unlock_enrol_enrol").click().run()
    assert not page.exception
    assert "1 sample of Eileen enrolled" in page.success[0].value.replace("\\", "")
    path = tmp_path / "kerasface.gallery"
    with open_gallery(path, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM, key=KEY) as gallery:
        person = gallery.person("Eileen")
    assert person.consent.purpose == "unlocking by face on this machine"
    Lockout().check([person.person_id, ada])  # raises where unlocking is off
    assert page.selectbox(key="unlock_person").value == person.person_id
    assert not page.button(key="unlock_begin").disabled


@pytest.mark.slow
def test_a_photo_that_is_held_up_does_not_open(open_page):
    page = open_page("unlock")
    page.segmented_control(key="unlock_view").set_value("trust").run()
    page.button(key="unlock_photo").click().run()
    assert not page.exception
    told = page.markdown[-1].value
    assert "Turn your head" in told or "Look straight" in told
    assert "Not unlocked" in told


@contextlib.contextmanager
def serving(folder, command):
    """Address of a dashboard with a configuration folder and a gallery of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {"XDG_CONFIG_HOME": str(folder / "config"), "KERASFACE_KEY": KEY.hex()}
    options = ["--server.headless=true", "--server.fileWatcherType=none", f"--server.port={port}"]
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command, "run", str(ROOT / "app.py"), *options],
            cwd=folder,
            env=os.environ | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                break
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextlib.contextmanager
def window(browser, video):
    """A window of another browser, whose webcam plays a video."""
    flags = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-fake-ui-for-media-stream")
    webcam = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={video}")
    executable = next(filter(None, map(shutil.which, BROWSERS)))
    chromium = browser.browser_type.launch(executable_path=executable, args=[*flags, *webcam])
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(120_000)  # milliseconds; the server imports TensorFlow and builds the models
    yield page
    chromium.close()


def write_video(path, frames, rate):
    """Writes RGB frames `(480, 640, 3)` as a YUV4MPEG2 file; Chromium plays it again and again."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W640 H480 F{rate}:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())


def held_photo(photo, number, generator):
    """A photo held up by hand: it sways a little, and the camera adds noise."""
    scene = cv2.resize(photo, (640, 480), interpolation=cv2.INTER_AREA)
    sway = np.float32([[1, 0.01 * np.sin(number / 7), 8 * np.sin(number / 9)], [0, 1, 4 * np.cos(number / 8)]])
    moved = cv2.warpAffine(scene, sway, (640, 480), borderMode=cv2.BORDER_REPLICATE)
    return np.clip(moved + generator.normal(0, 2, moved.shape), 0, 255).astype(np.uint8)


def let_unlock(folder, name, photo, analyzer):
    """Enrols somebody in the gallery of the server that starts in this folder."""
    embedding = analyzer.analyze([photo])[0][0].embedding
    (person_id,) = make_gallery(folder / "kerasface.gallery", (name, embedding))
    Lockout(folder / "config" / "kerasface" / "unlock.json", key=KEY).enable(person_id)


@pytest.mark.slow
@pytest.mark.browser
def test_a_still_is_refused_in_a_browser(browser, tmp_path, portrait, analyzer):
    expect = pytest.importorskip("playwright.sync_api").expect
    let_unlock(tmp_path, "Eileen", portrait, analyzer)
    generator = np.random.default_rng(0)
    write_video(tmp_path / "still.y4m", (held_photo(portrait[:384], n, generator) for n in range(100)), rate=10)
    with serving(tmp_path, ["-m", "streamlit"]) as url, window(browser, tmp_path / "still.y4m") as page:
        page.goto(f"{url}/unlock")
        page.get_by_role("button", name="Unlock with my face").click()
        say = page.locator(".camera .say")
        expect(say).to_have_text(re.compile("Turn your head|Look straight"), timeout=120_000)
        expect(say).to_have_text("Not unlocked", timeout=120_000)
        expect(page.get_by_test_id("stAlert")).to_contain_text("Not unlocked")
        expect(page.get_by_text("Eileen's note is locked")).to_be_visible()
        assert page.get_by_role("textbox", name="Note").count() == 0
        drawn, judged = page.locator(".camera").evaluate("camera => [camera.dataset.drawn, camera.dataset.judged]")
        assert int(drawn) > int(judged) > 3

        page.get_by_role("button", name="Try again").click()  # and the camera is unplugged
        expect(say).to_have_text(re.compile("Turn your head|Look straight"), timeout=120_000)
        page.locator(".camera video").evaluate(
            "video => video.srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))"
        )
        expect(page.get_by_test_id("stAlert")).to_contain_text("taken away in the middle")
    assert [line["cause"] for line in logged(tmp_path)][1:] == ["camera_lost"]


PATIENT_SERVER = """
import sys
sys.path.insert(0, {root!r})
from kerasface.unlock import challenge, session
from kerasface.unlock.challenge import Challenge, Pose, Step

# A video cannot listen: its moves are those that are asked for, and the server waits until they come.
session.draw_challenge = lambda: Challenge((Step(Pose.LEFT, 0.1), Step(Pose.RIGHT, 0.1)))
challenge.STEP_TIMEOUT = 60.0
session.UnlockSession.__init__.__kwdefaults__["timeout"] = 120.0

from streamlit.web import cli

cli.main()
"""


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.browser
def test_a_head_that_turns_as_asked_unlocks_in_a_browser(browser, tmp_path, fasseg_dir, analyzer):
    """Enrolled from a photo of one sitting, filmed in another: ahead for 8 s, left for 8 s, then right."""
    expect = pytest.importorskip("playwright.sync_api").expect
    from benchmarks.unlock_videos import Head, turning
    from kerasface.images.decoding import decode
    from kerasface.unlock.challenge import Pose

    folder = fasseg_dir / "train"
    (photo,) = (folder / "images").glob("multipose_0_personne012*.jpg")
    let_unlock(tmp_path, "Turner", decode(photo), analyzer)
    film = turning(
        Head(folder, 1, 1, analyzer.detector), np.random.default_rng(5), script=[(8.0, Pose.LEFT), (16.0, Pose.RIGHT)]
    )
    write_video(tmp_path / "turn.y4m", (film(number / 5, None) for number in range(200)), rate=5)
    (tmp_path / "server.py").write_text(PATIENT_SERVER.format(root=str(ROOT)), encoding="utf-8")
    with serving(tmp_path, [str(tmp_path / "server.py")]) as url, window(browser, tmp_path / "turn.y4m") as page:
        page.goto(f"{url}/unlock")
        page.get_by_role("button", name="Unlock with my face").click()
        expect(page.locator(".camera .say")).to_have_text(re.compile("unlocked", re.IGNORECASE), timeout=120_000)
        expect(page.get_by_test_id("stAlert")).to_contain_text("The face was recognised")
        expect(page.get_by_role("textbox", name="Note")).to_have_value(EXAMPLE)
