"""Fixtures that several tests share: data folders, the sample portrait, a dashboard, a browser with a webcam."""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import numpy as np
import pytest

from kerasface.terminal.progress import choose_kernels

choose_kernels()  # as the command line and the dashboard do
hypothesis.settings.register_profile("kerasface", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("kerasface")

ROOT = Path(__file__).resolve().parent.parent
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def _data_folder(name=""):
    """The shared data folder or one of its parts; skips the test that asks for it where there is none."""
    folder = Path(os.environ.get("KERASFACE_DATA", ROOT.parent / "shared" / "data")) / name
    if not folder.is_dir():
        pytest.skip(
            f"This test reads photos from {folder}, which does not exist. Set KERASFACE_DATA to the data folder."
        )
    return folder


@pytest.fixture(scope="session")
def data_dir():
    """Folder with the development data."""
    return _data_folder()


@pytest.fixture(scope="session")
def lfw_dir():
    """Labeled Faces in the Wild: `images/<Identity>/<Identity>_NNNN.jpg` and `pairs.txt`."""
    return _data_folder("lfw")


@pytest.fixture(scope="session")
def fasseg_dir():
    """FASSEG: `train` and `validation`, each with `images` and `masks`."""
    return _data_folder("fasseg")


@pytest.fixture(scope="session")
def portrait():
    """Public-domain portrait with one frontal face, RGB uint8, shape `(512, 512, 3)`."""
    from skimage.data import astronaut

    image = astronaut()
    image.flags.writeable = False
    return image


@pytest.fixture(scope="session")
def portrait_files(portrait, tmp_path_factory):
    """Two different photo files of the portrait's person: the whole photo, and a mirrored close-up."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("portrait")
    whole, close_up = folder / "whole.png", folder / "close_up.jpg"
    Image.fromarray(portrait).save(whole)
    Image.fromarray(np.ascontiguousarray(portrait[:330, 60:390][:, ::-1])).save(close_up, quality=92)
    return whole, close_up


def _write_y4m(path, image, *, num_frames=10):
    """Writes a still image as a 10 frames/s video that Chromium plays as its webcam.

    Args:
        path: File to write, YUV4MPEG2 with 4:2:0 chroma.
        image: RGB uint8, shape `(H, W, 3)`; H and W even.
        num_frames: Number of equal frames; Chromium repeats the file.
    """
    import cv2

    height, width = image.shape[:2]
    planes = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)  # (H * 3 / 2, W): Y, then quarter-size U, then V
    frame = b"FRAME\n" + planes.tobytes()
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * num_frames)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of these tests, in a temporary folder, that writes every statement into its log."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        from postgres_server import Server, programs
    missing = [] if programs() else ["PostgreSQL (apt install postgresql)"]
    missing += [] if importlib.util.find_spec("psycopg") else ["psycopg (pip install psycopg[binary])"]
    if missing:
        told = pytest.fail if os.environ.get("KERASFACE_REQUIRE_POSTGRES") == "1" else pytest.skip
        told(f"needs {' and '.join(missing)}")
    server = Server(fsync="off", log_statement="all")  # nothing is killed here that the disk must survive
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def webcam_video(portrait, tmp_path_factory):
    """Video file, 640x480, of the portrait's head and shoulders."""
    import cv2

    head = portrait[:384]  # (384, 512, 3), the 4:3 shape of a webcam
    path = tmp_path_factory.mktemp("webcam") / "portrait.y4m"
    _write_y4m(path, cv2.resize(head, (640, 480), interpolation=cv2.INTER_AREA))
    return path


@pytest.fixture(scope="session")
def browser(webcam_video):
    """Headless Chromium whose webcam plays the portrait and whose permission prompt answers yes."""
    executable = next(filter(None, map(shutil.which, BROWSER_NAMES)), None)
    if executable is None:
        message = f"No browser found. Looked for: {', '.join(BROWSER_NAMES)}. Install one: apt-get install chromium."
        if os.environ.get("KERASFACE_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)  # milliseconds; 5 s are little while two test runs share a processor

    webcam = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={webcam_video}",
    )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=[*BROWSER_FLAGS, *webcam])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A fresh browser window, 1280x900 pixels, that is allowed to use the webcam."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["camera"])
    context.set_default_timeout(60_000)  # milliseconds; the first analysis builds the models
    yield context.new_page()
    context.close()


def settle(page, *, timeout=90_000):
    """Waits until a page of the dashboard has run to its end, and none has begun anew within half a second.

    The sign of a run in the corner does not tell: it comes only after a while. A button that makes its file when it
    is pressed fails while its page runs anew, since the run replaces the file.

    Args:
        page: Page of Playwright.
        timeout: Milliseconds; the first start imports TensorFlow.
    """
    page.evaluate("window.lastAtWork = performance.now()")
    page.wait_for_function(
        """() => {
            const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState;
            if (state !== "notRunning") window.lastAtWork = performance.now();
            return performance.now() - window.lastAtWork > 500;
        }""",
        timeout=timeout,
    )


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_healthy(process, url, *, seconds=60):
    """Waits for the dashboard's health page; fails with the server's exit code or after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"The dashboard stopped while starting. Received: exit code {process.returncode}.")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1) as response:
                if response.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"The dashboard did not answer within {seconds} s at {url}.")


@contextlib.contextmanager
def running_dashboard(folder):
    """Address of a dashboard that runs in a folder while the block does; its terminal is `server.log` there."""
    port = free_port()
    options = (f"--server.port={port}", "--server.headless=true")
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), *options],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_healthy(process, url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="session")
def app_folder(tmp_path_factory):
    """The folder that the dashboard of `app_server` runs in."""
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="session")
def app_server(app_folder):
    """Address of a running dashboard that starts in an empty folder, so with no model trained."""
    with running_dashboard(app_folder) as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Keeps crops and features that tests compute out of the user's cache, in child processes too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASFACE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _engine_that_needs_no_files():
    """Computes networks with Keras, in child processes too: no process of its own makes files for another engine.

    The tests of the engines (tests/models/engines) choose theirs.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASFACE_ENGINE", "tensorflow")
        yield


@pytest.fixture(scope="session")
def analyzer():
    """The face front end with its defaults, in float32 on every machine."""
    from kerasface.faces.analyzer import FaceAnalyzer
    from kerasface.faces.embedding import FaceEmbedder

    return FaceAnalyzer(embedder=FaceEmbedder(precision="float32"))


@pytest.fixture(scope="session")
def detector(analyzer):
    """MTCNN with its defaults."""
    return analyzer.detector


@pytest.fixture(scope="session")
def embedder(analyzer):
    """`face_resnet` with its default views, float32."""
    return analyzer.embedder


@pytest.fixture(scope="session")
def portrait_face(detector, portrait):
    """The portrait's face."""
    (face,) = detector.detect([portrait])[0]
    return face


@pytest.fixture(scope="session")
def portrait_crop(embedder, portrait, portrait_face):
    """The portrait's aligned crop, RGB uint8, shape `(150, 150, 3)`."""
    crop = embedder.crop(portrait, portrait_face)
    crop.flags.writeable = False
    return crop


class MadeUpFrontEnd:
    """Gives each photo the embeddings that were put on its list, all with place and crop of the portrait's face.

    Attributes:
        face: What is found in every photo.
        lists: For each photo of the next call the embeddings of its faces.
    """

    def __init__(self, face, crop):
        from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
        from kerasface.faces.rates.cohorts import normalizer_of

        fingerprint = embedder_fingerprint()
        self.embedder = SimpleNamespace(
            name="made up",
            fingerprint=fingerprint,
            embedding_dim=EMBEDDING_DIM,
            normalizer=normalizer_of(fingerprint),
        )
        self.detector = SimpleNamespace(fingerprint="made-up")
        self.lists = []
        self.face, self._crop = face, crop

    def analyze(self, images, *, pick=None):
        from kerasface.faces.analyzer import AnalyzedFace
        from kerasface.faces.quality import measure_quality

        assert len(images) <= len(self.lists)
        lists, self.lists = self.lists[: len(images)], self.lists[len(images) :]
        x, y, width, height = self.face.box
        return [
            [
                AnalyzedFace(face, self._crop, measure_quality(face, self._crop), embedding, self.embedder.fingerprint)
                for face, embedding in (
                    (replace(self.face, box=(x + 300 * number, y, width, height)), embedding)
                    for number, embedding in enumerate(embeddings)
                )
            ]
            for embeddings in lists
        ]


@pytest.fixture
def front_end(portrait_face, portrait_crop):
    """A face front end whose embeddings the test makes up, so that it knows the scores."""
    return MadeUpFrontEnd(portrait_face, portrait_crop)


@pytest.fixture(scope="session")
def nobody():
    """Embeddings of twelve different people who do not exist, from the cohort that ships: as alike as faces are."""
    from kerasface.faces.fingerprint import embedder_fingerprint
    from kerasface.faces.rates.cohorts import normalizer_of

    normalizer = normalizer_of(embedder_fingerprint())
    faces = normalizer.cohort[1000:8000:20]  # of LFW's part
    faces = faces[normalizer.scores(faces, faces).sum(axis=1).argsort()]
    chosen = faces[:1]
    for face in faces[1:]:
        if normalizer.scores(face[None], chosen).max() < -2:
            chosen = np.vstack([chosen, face])
    return chosen[:12]


@pytest.fixture
def gallery(tmp_path):
    """An empty gallery for the embeddings of `front_end`, with a key of its own."""
    from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
    from kerasface.gallery.opening import open_gallery

    path, key = tmp_path / "g.gallery", bytes(range(32))
    with open_gallery(path, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM, key=key) as opened:
        yield opened
