"""Which gallery the page Gallery looks at, how it is opened and shared, and what is said of changes and of failures."""

import hashlib
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import streamlit as st

from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.embedders import find_embedder
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.files.paths import user_path
from kerasface.gallery.changes.editing import ChangedMeanwhileError
from kerasface.gallery.gallery import Gallery
from kerasface.gallery.keys import KEY_BYTES, key_path, load_key
from kerasface.gallery.opening import open_gallery, recorded_embedder
from kerasface.gallery.postgres.address import Address, is_address
from kerasface.gallery.store import Consent, GalleryError, GalleryKeyError
from kerasface.models.pretrained import ModelFileError
from kerasface.tasks.enrollment import CONFLICT_FPIR, Enroller, SourcePhoto
from kerasface.tasks.identification import IdentifiedFace, Identifier
from kerasface.terminal.errors import told
from pages.parts.models import analyzer_or_stop
from pages.parts.photos import Photo, plain, sample_portrait

TIMEOUT = 10.0  # seconds that a page waits for another process before it says so
FAILURES = (GalleryError, ValueError, ModelFileError)
DEMO_NAME, DEMO_PURPOSE = "The astronaut", "showing what a gallery does"
NOTICES = {
    "success": (st.success, ":material/check_circle:"),
    "warning": (st.warning, ":material/sync_problem:"),
    "error": (st.error, ":material/error:"),
}


@dataclass(frozen=True, eq=False)
class OpenGallery:
    """A gallery and the index of its templates, which sessions share; no photo is ever in it.

    Attributes:
        gallery: Takes care of threads by itself.
        identifier: Does not: to be used while `turn` is held.
        turn: Held by whoever searches.
    """

    gallery: Gallery
    identifier: Identifier
    turn: threading.RLock = field(default_factory=threading.RLock)

    def identify(self, looks: Sequence, fpir: float) -> list[list[IdentifiedFace]]:
        """Decides on the faces of photos that were looked at, at a rate of strangers who are taken for somebody."""
        with self.turn:
            self.identifier.fpir = fpir
            return self.identifier.decide(
                [look.faces for look in looks], source_hashes=[look.source_hash for look in looks]
            )


def _release(opened: OpenGallery):
    opened.gallery.close()


@st.cache_resource(show_spinner="Opening the gallery", max_entries=4, on_release=_release)
def _opened(
    path: str, identity: tuple[int, int] | None, key_digest: str, _key: bytes | None, _place: Path | Address
) -> OpenGallery:
    """Opens a gallery once for all sessions: while it is open, no other file can have its device and inode."""
    gallery = open_gallery(_place, key=_key, create=False, timeout=TIMEOUT)
    find_embedder(gallery.embedder)  # makes known what was measured of it
    return OpenGallery(gallery, Identifier(gallery))


def _release_demo(opened: OpenGallery):
    opened.gallery.close()
    shutil.rmtree(opened.gallery.path.parent, ignore_errors=True)


@st.cache_resource(show_spinner="Enrolling the sample portrait", scope="session", on_release=_release_demo)
def _demo(_analyzer) -> OpenGallery:
    """A gallery that knows the sample portrait, in a folder and with a key that are gone when the session is."""
    path = Path(tempfile.mkdtemp(prefix="kerasface-demo-")) / "demonstration.gallery"
    gallery = open_gallery(
        path, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM, key=os.urandom(KEY_BYTES), noted=False
    )
    # Nothing is released when the server stops; this is called even then.
    weakref.finalize(gallery, shutil.rmtree, path.parent, ignore_errors=True)
    portrait = sample_portrait()
    photos = [portrait, Photo(f"{portrait.name}, darker", (portrait.image * 0.6).astype(np.uint8))]
    found = _analyzer.analyze([photo.image for photo in photos])
    sources = [
        SourcePhoto(photo.name, hashlib.sha256(photo.image.tobytes()).hexdigest(), faces)
        for photo, faces in zip(photos, found, strict=True)
    ]
    now = datetime.now(UTC).replace(microsecond=0)
    until = now + timedelta(days=1)
    enroller = Enroller(Identifier(gallery, fpir=CONFLICT_FPIR))
    enroller.enroll(DEMO_NAME, sources, consent=Consent(now.isoformat(), DEMO_PURPOSE, until.isoformat()))
    return OpenGallery(gallery, Identifier(gallery))


def default_path() -> str:
    """The gallery of the command line."""
    return os.environ.get("KERASFACE_GALLERY") or "kerasface.gallery"


def shown_default() -> str:
    """The gallery of the command line as it may be shown: an address without its password."""
    text = default_path()
    try:
        return str(Address.parse(text)) if is_address(text) else text
    except GalleryError:  # which is said once it is opened
        return ""


def chosen_path() -> Path | Address:
    """The gallery that the user chose."""
    return place_at((st.session_state.get("gallery_path") or "").strip() or default_path())


def place_at(text: str) -> Path | Address:
    """The file of a gallery, in which a `~` is the user's home, or the address of one on a server.

    Raises:
        GalleryError: If it begins like an address and is none.
    """
    return Address.parse(text) if is_address(text) else user_path(text).absolute()


def is_demo() -> bool:
    return bool(st.session_state.get("gallery_demo"))


def opened_or_stop() -> OpenGallery | None:
    """The gallery; None where there is none yet. Where it cannot be opened, the page says why and ends here."""
    if is_demo():
        return _demo(analyzer_or_stop(embedder_fingerprint()))
    key = None
    with suppress(GalleryKeyError):  # which is said below, unless the file is worse than its key
        key = load_key(create=False)
    try:
        path, identity = chosen_path(), None
        if isinstance(path, Path):
            identity = (status := path.stat()).st_dev, status.st_ino
        elif recorded_embedder(path) is None:
            return None
        return _opened(str(path), identity, hashlib.sha256(key or b"").hexdigest(), key, path)
    except FileNotFoundError:
        return None
    except (OSError, *FAILURES) as error:
        end_with(error)


def make_gallery(fingerprint: str):
    """Makes an empty gallery at the chosen path, for an embedder by its fingerprint, and with the first one the key."""
    path = chosen_path()
    own = analyzer_or_stop(fingerprint).embedder
    embedder = {"embedder": own.fingerprint, "embedding_dim": own.embedding_dim}
    act(lambda: open_gallery(path, **embedder, timeout=TIMEOUT).close(), f"The gallery {path} was made.")


def analyzer_of_gallery_or_stop() -> FaceAnalyzer:
    """The front end whose faces the gallery can be asked about; where it cannot be loaded, the page ends here."""
    if is_demo():
        return analyzer_or_stop(embedder_fingerprint())
    try:
        recorded = recorded_embedder(chosen_path())
    except FAILURES as error:
        end_with(error)
    return analyzer_or_stop(recorded and recorded[0])


def end_with(error: Exception):
    """Says why the gallery cannot be used and what can be done about it, and ends the page here."""
    st.error(plain(told(error)), icon=":material/error:")
    if isinstance(error, GalleryKeyError):
        st.caption(plain(f"The key is read from KERASFACE_KEY or, without it, from {key_path()}."))
    with st.container(horizontal=True):
        st.button("Try again", icon=":material/refresh:", on_click=_opened.clear, key="gallery_again")
        if not is_demo():
            st.button("Look at a demonstration instead", icon=":material/science:", on_click=enter_demo)
    st.stop()


def enter_demo():
    st.session_state["gallery_demo"] = True


def leave_demo():
    st.session_state["gallery_demo"] = False
    st.query_params.pop("person", None)


def act(change: Callable[[], object], done: str) -> bool:
    """Makes a change; what came of it is said by `show_notices` in the run that follows.

    Args:
        change: Makes it. For the callback of a button: its arguments are then what the user saw when pressing it.
        done: What to say if it succeeds.

    Returns:
        Whether it did.
    """
    try:
        change()
    except ChangedMeanwhileError as error:
        notice("warning", told(error))
    except FAILURES as error:
        notice("error", told(error))
    else:
        notice("success", done)
        return True
    return False


def notice(kind: str, text: str):
    """Keeps a sentence for the next run; `kind` is one of `NOTICES`."""
    st.session_state.setdefault("gallery_notices", []).append((kind, text))


def show_notices():
    """Says what the last press did; in a box that is always there, or what stands below would be made anew."""
    with st.container():
        for kind, text in st.session_state.pop("gallery_notices", []):
            show, icon = NOTICES[kind]
            show(plain(text), icon=icon)
