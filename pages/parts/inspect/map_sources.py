"""Where the points of the view Map come from: sample digits, a gallery, or the embeddings of a folder of photos."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from kerasface.data.cache.embeddings import image_files
from kerasface.files.paths import user_path
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import GalleryError
from kerasface.inspection.maps.embedding_map import MapPoints, file_points, gallery_points, read_thumbnails
from kerasface.inspection.maps.features import MOST, folder_features
from kerasface.inspection.maps.sources import digit_pictures, digit_points, exchanged_names, uploaded_points
from kerasface.plotting.segmentation import data_url
from kerasface.runs.card import ModelCard
from kerasface.runs.store import list_runs
from kerasface.terminal.errors import told
from pages.parts.gallery.opening import default_path, place_at, shown_default
from pages.parts.inspect.models import FAILURES, choose_model, model_or_stop
from pages.parts.inspect.work import Report, digest, kept, work
from pages.parts.models import analyzer_or_stop, classifier_or_stop
from pages.parts.photos import plain

SAMPLE, GALLERY, FILE, OWN = "Sample digits", "Gallery", "Photos of a folder", "By a model of yours"
PIXELS, FEATURES = "Their pixels", "What the model digits makes of them"
DIGITS = 1000
EXCHANGED = 10
EMBED_COMMAND = "kerasface embed FOLDER --out faces.npz"


@dataclass(frozen=True, eq=False)
class Source:
    """What is drawn.

    Attributes:
        key: Differs where the points or their names do.
        points: Embeddings, names and, where they are known, photos.
        wrong: Indices of the points whose names were exchanged on purpose.
        digits: Whether they are the sample digits.
    """

    key: str
    points: MapPoints
    wrong: tuple[int, ...] = ()
    digits: bool = False

    @property
    def has_pictures(self) -> bool:
        return self.digits or self.points.boxes is not None or self.points.squares is not None

    def pictures(self, indices: Sequence[int]) -> dict[int, str]:
        """Addresses of pictures as the browser takes them, by index; what cannot be read any more is left out.

        Those that were read stay in the session: photos are large, and are decoded one at a time.
        """
        found = kept(("pictures", self.key), dict)
        missing = [index for index in indices if index not in found]
        if missing:
            read = digit_pictures(missing) if self.digits else read_thumbnails(self.points, missing)
            found.update({index: "" for index in missing})  # so that what is not there is not looked for again
            found.update({index: data_url(picture, lossless=self.digits) for index, picture in read.items()})
        return {index: found[index] for index in indices if found[index]}


def choose_source_or_stop() -> Source:
    """Asks what to draw; where there is nothing to be drawn, the page says why or how to get it, and ends here."""
    source = st.segmented_control(
        "Whose faces",
        (SAMPLE, GALLERY, FILE, OWN),
        default=SAMPLE,
        required=True,
        key="map_source",
        persist_state="session",
    )
    try:
        if source == SAMPLE:
            return _digits()
        return {GALLERY: _gallery, FILE: _file, OWN: _features}[source]()
    except (GalleryError, OSError, *FAILURES) as error:
        st.error(plain(_sentence(error)), icon=":material/block:")
        st.stop()


def _digits() -> Source:
    """1,000 digits, which need no preparation: by the model `digits` where it is there, else by their pixels."""
    reader = next((run for run in list_runs() if run.card and _reads_digits(run.card)), None)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        by = PIXELS
        if reader:
            by = st.segmented_control(
                "Close together are digits that are alike by",
                (FEATURES, PIXELS),
                default=FEATURES,
                required=True,
                key="map_digits",
                persist_state="session",
            )
        exchanged = st.toggle(
            f"Give {EXCHANGED} of them a wrong name",
            key="map_exchanged",
            persist_state="session",
            help="To see whether they are found among the suspected names below the map.",
        )
    key = reader.card.model_sha256[:16] if by == FEATURES else "pixels"

    def compute() -> MapPoints:
        return digit_points(DIGITS, classifier_or_stop(reader).run.model if by == FEATURES else None)

    with st.spinner("Reading the digits"):
        points = kept(("digits", key), compute)
    if not exchanged:
        return Source(f"digits {key}", points, digits=True)
    labels, wrong = exchanged_names(points.labels, EXCHANGED)
    return Source(f"digits {key} exchanged", MapPoints(points.embeddings, labels), tuple(wrong), digits=True)


def _reads_digits(card: ModelCard) -> bool:
    return card.task == "classify" and card.labels == tuple("0123456789") and card.input.image_size == (32, 32)


def _gallery() -> Source:
    """All samples of a gallery, read anew in each run: somebody's consent may have ended since."""
    shown = shown_default()
    path = st.text_input(
        "File of the gallery, or its address", shown, key="map_gallery", persist_state="session"
    ).strip()
    path = place_at(default_path() if path in ("", shown) else path)
    with st.spinner("Reading the gallery"), open_gallery(path, create=False) as gallery:
        points = gallery_points(gallery)
    st.caption("A gallery keeps no photos: its points have names, but no pictures.")
    names = np.frombuffer("\n".join(points.labels).encode(), dtype=np.uint8)
    return Source(f"gallery {digest(points.embeddings, names)}", points)


def _file() -> Source:
    """What `kerasface embed` wrote, by its path on this machine or uploaded."""
    left, right = st.columns(2, gap="medium")
    path = left.text_input("File of embeddings on this machine", key="map_path", persist_state="session").strip()
    upload = right.file_uploader("Or upload it", ["npz"], key="map_upload")
    if upload:
        with st.spinner("Reading the embeddings"):
            points = kept(("points", upload.file_id), lambda: uploaded_points(upload.getvalue(), upload.name))
        return Source(f"upload {upload.file_id}", points)
    if not path:
        st.caption("Embed a folder of photos first, with a folder for each person, and choose the file that comes out:")
        st.code(EMBED_COMMAND, language=None, wrap_lines=True)
        st.stop()
    file = user_path(path)
    if file.is_dir():
        st.info(f"{plain(str(file))} is a folder. Embed it first, and choose the file that comes out:")
        st.code(EMBED_COMMAND, language=None, wrap_lines=True)
        st.stop()
    status = file.stat()
    key = f"{file.absolute()} {status.st_mtime_ns} {status.st_size}"
    with st.spinner("Reading the embeddings"):
        return Source(f"file {key}", kept(("points", key), lambda: file_points(file)))


def _features() -> Source:
    """What a classifier of one's own makes of the photos of a folder before it decides."""
    left, right = st.columns(2, gap="medium")
    with left:
        chosen = choose_model(("classify",), "map_model")
    if chosen is None:
        st.caption("There is no classifier of yours yet: train one on the page Train.")
        st.stop()
    folder = right.text_input("Folder on this machine, a folder per class", key="map_folder", persist_state="session")
    if not folder.strip():
        st.caption("Its features are what stands in front of its last layer: what it separates by planes.")
        st.stop()
    model = model_or_stop(chosen)
    path = user_path(folder.strip())
    detector = analyzer_or_stop().detector if chosen.of_faces else None
    files = image_files(path)

    def compute(report: Report) -> MapPoints:
        return folder_features(path, model, chosen.card.input, detector, lambda done, _: report(done))

    key = ("features", chosen.key, str(path.absolute()), len(files))
    points = work(key, "Looking at the photos", min(len(files), MOST), compute)
    if points is None:
        st.stop()
    if len(files) > MOST:
        st.caption(f"The folder holds {len(files):,} photos; the first {MOST:,} by name are drawn.")
    return Source(" ".join(map(str, key)), points)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename} cannot be read: {error.strerror}."
    return told(error)
