"""Photos that the page Gallery looks at: each once in a session, with progress and Stop, and kept in that session."""

import hashlib
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import streamlit as st
from PIL import Image

from kerasface.faces.analyzer import AnalyzedFace, FaceAnalyzer
from kerasface.faces.turns import turn_note
from kerasface.images.decoding import ImageError, decode
from kerasface.tasks.enrollment import SourcePhoto
from kerasface.terminal.errors import told
from pages.parts.gallery.opening import analyzer_of_gallery_or_stop
from pages.parts.photos import FILE_TYPES, SOURCES, plain, sample_portrait

KEPT = 400  # photos of a session; one takes about 0.2 MB, and each of its faces 70 kB
LONGEST_SIDE = 1000  # pixels of a picture that is kept to be shown
TOLD = 5  # photos that were turned, or cannot be read
REDRAW = 0.15  # seconds between two states of a progress bar


@dataclass(frozen=True, eq=False)
class Source:
    """A photo file that was given.

    Attributes:
        name: As the user knows it.
        token: Tells it from other files without reading it.
        read: Returns its content.
    """

    name: str
    token: str
    read: Callable[[], bytes]


@dataclass(frozen=True, eq=False)
class Look:
    """What was seen in a photo file.

    Attributes:
        name: As the user knows it.
        token: Of its `Source`.
        source_hash: SHA-256 of the file, hexadecimal; empty where it could not be read.
        picture: The photo as JPEG, at most `LONGEST_SIDE` pixels long; empty where it could not be read.
        size: Width and height of the photo in pixels.
        faces: Its faces, largest first.
        problem: Why it could not be read; else None.
    """

    name: str
    token: str
    source_hash: str
    picture: bytes
    size: tuple[int, int]
    faces: list[AnalyzedFace]
    problem: str | None = None

    def to_enrol(self, faces: list[AnalyzedFace]) -> SourcePhoto:
        """The photo for an `Enroller`, with those of its faces that are meant."""
        return SourcePhoto(self.name, self.source_hash, faces)


def choose_photos(label: str, key: str, *, sample: bool = True) -> list[Source]:
    """Asks for photos; returns those that were given.

    Args:
        label: What they are, for people.
        key: Prefix of the widgets' keys: `KEY_source`, `KEY_upload`, `KEY_camera`.
        sample: Whether the sample portrait is offered.
    """
    options = SOURCES if sample else SOURCES[:-1]
    st.session_state.setdefault(f"{key}_source", options[0])
    source = st.segmented_control(
        label, options, required=True, key=f"{key}_source", width="stretch", persist_state="session"
    )
    # A new key empties it: once its photos are enrolled, they are not to be offered again.
    times = st.session_state.get(f"{key}_times", 0)
    with st.container():  # one place, whatever is in it: what follows keeps its own
        if source == "Sample":
            return [_sample_source()]
        if source == "Camera":
            shot = st.camera_input(
                f"{label} from the camera", key=f"{key}_camera_{times}", label_visibility="collapsed"
            )
            return [_upload_source(shot)] if shot else []
        uploads = st.file_uploader(
            f"{label} from files",
            FILE_TYPES,
            accept_multiple_files=True,
            key=f"{key}_upload_{times}",
            label_visibility="collapsed",
        )
        return [_upload_source(upload) for upload in uploads]


def empty_photos(key: str):
    """Takes back the photos that were given to `choose_photos` with this key."""
    st.session_state[f"{key}_times"] = st.session_state.get(f"{key}_times", 0) + 1
    if st.session_state.get(f"{key}_source") == "Sample":
        st.session_state[f"{key}_source"] = SOURCES[0]


def choose_sample(key: str):
    st.session_state[f"{key}_source"] = "Sample"


def file_source(path: Path) -> Source:
    """A photo file on this machine; once it is changed, it is another one."""
    status = path.stat()
    return Source(str(path), f"{path} {status.st_mtime_ns} {status.st_size}", path.read_bytes)


def look_at(sources: Sequence[Source], key: str) -> list[Look]:
    """Looks at photos that this session has not seen; returns what is known of them, in their order.

    Where that was stopped, only some of them are returned, and the page offers to go on.

    Args:
        sources: The photos.
        key: Prefix of the widgets' keys.
    """
    analyzer = analyzer_of_gallery_or_stop() if sources else None
    of = analyzer and analyzer.embedder.fingerprint  # what one embedder saw means nothing to another
    seen = st.session_state.setdefault("gallery_looks", {})
    stopped = st.session_state.setdefault("gallery_stopped", {})  # key to the photos among which Stop was pressed
    given = {source.token: source for source in sources}
    waiting = [source for source in given.values() if (of, source.token) not in seen]
    place = st.empty()
    if waiting and stopped.get(key) == list(given):
        text = f"Go on with {len(waiting)} of {len(given)} photos"
        go_on = {"on_click": stopped.pop, "args": (key, None)}
        place.button(text, icon=":material/play_arrow:", key=f"{key}_go_on", **go_on)
        waiting = []
    if waiting:
        with place.container(horizontal=True, vertical_alignment="center"):
            with st.container():
                bar = st.progress(0.0, text=f"Looking at {len(waiting)} photos")
            stop = {"on_click": stopped.update, "args": ({key: list(given)},)}
            st.button("Stop", icon=":material/stop:", key=f"{key}_stop", **stop)
        started = time.monotonic()
        for number, source in enumerate(waiting):
            bar.progress(number / len(waiting), text=_progress_text(number, len(waiting), started))
            seen[of, source.token] = look(source, analyzer)
        place.empty()
    found = [seen[of, source.token] for source in sources if (of, source.token) in seen]
    for entry in found:  # those that are used are the last to be forgotten
        seen[of, entry.token] = seen.pop((of, entry.token))
    for token in list(seen)[:-KEPT]:
        del seen[token]
    return found


def look(source: Source, analyzer: FaceAnalyzer) -> Look:
    """Reads a photo file and finds its faces."""
    try:
        content = source.read()
        image = decode(content, name=source.name)
    except ImageError as error:
        return Look(source.name, source.token, "", b"", (0, 0), [], told(error))
    except OSError as error:
        return Look(source.name, source.token, "", b"", (0, 0), [], f"{source.name}: cannot be read: {error.strerror}.")
    height, width = image.shape[:2]
    (faces,) = analyzer.analyze([image])
    return Look(source.name, source.token, hashlib.sha256(content).hexdigest(), _picture(image), (width, height), faces)


def show_problems(looks: Sequence[Look]):
    """Names the photos that cannot be read, those without a face, and those that were turned to find their faces."""
    for entry in looks:
        if entry.problem:
            st.error(plain(entry.problem), icon=":material/broken_image:")
    if faceless := [entry.name for entry in looks if not entry.problem and not entry.faces]:
        st.warning(plain(f"No face was found in {', '.join(faceless)}."), icon=":material/face_retouching_off:")
    show_turns([(entry.name, entry.faces[0].face.turned) for entry in looks if entry.faces])


def show_turns(photos: Sequence[tuple[str, int]]):
    """Says which photos were turned, by how many degrees, to see their faces upright."""
    if told := [f"{name} was {turn_note(degrees)}." for name, degrees in photos if degrees]:
        more = f" {len(told) - TOLD:,} more photos were turned." if len(told) > TOLD else ""
        st.caption(plain(" ".join(told[:TOLD]) + more))


def _progress_text(done: int, total: int, started: float) -> str:
    if done == 0:
        return f"Photo 1 of {total}"
    left = (time.monotonic() - started) / done * (total - done)
    return f"Photo {done + 1} of {total}, about {left:.0f} s left"


def _picture(image: np.ndarray) -> bytes:
    scale = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    shown = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    return _encoded(shown, "JPEG", quality=88)


def _encoded(image: np.ndarray, file_format: str, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, file_format, **options)
    return file.getvalue()


def _upload_source(upload) -> Source:
    return Source(upload.name, upload.file_id, upload.getvalue)


def _sample_source() -> Source:
    photo = sample_portrait(close_up=True)
    return Source(photo.name, photo.name, lambda: _encoded(photo.image, "PNG"))
