"""The pictures behind a confusion on the page Train, what to do with each, and the training that follows."""

from pathlib import Path, PurePath

import cv2
import numpy as np
import streamlit as st

from kerasface.data.curation import curation_file
from kerasface.evaluation.names import as_name
from kerasface.files.paths import shown_path, user_path
from kerasface.images.decoding import ImageError, decode
from kerasface.plotting.segmentation import data_url
from kerasface.runs.store import RunSummary
from pages.parts.curation import show_decision, show_decisions
from pages.parts.photos import plain
from pages.parts.tables import show_table
from pages.parts.train.start import Wanted, show_start_of

ALL = "All mistakes, the surest first"
MAX_SHOWN = 24
SIDE = 120  # pixels of a picture; two stand side by side on a phone
_KEPT = 200  # pictures of one session: some kilobytes each


def show_mistakes(summary: RunSummary, records: dict, data: str | None, *, can_decide: bool = True):
    """A cell of the confusions and its pictures; each can be left out or given another class, and that taken back.

    Args:
        summary: The model.
        records: What its training found out.
        data: Where the pictures are: a folder or a listing.
        can_decide: Whether anything can be decided about them: pictures that were given to judge on stay as they are.
    """
    if not records["mistakes"]:
        st.success("Every held-out picture got its own name.", icon=":material/check:")
        return
    source = _source(data)
    root = source if source is None or source.is_dir() else source.parent
    cells = {
        f"{as_name(cell['true'])} taken for {as_name(cell['named'])}: {cell['count']}": cell["files"]
        for cell in records["confusions"]
    }
    cell = st.selectbox(
        "Pictures behind a cell", [ALL, *cells], key=f"train_cell_{summary.name}", persist_state="session"
    )
    by_file = {mistake["file"]: mistake for mistake in records["mistakes"]}
    files = list(by_file) if cell == ALL else cells[cell]
    if root is None:
        show_table([by_file[file] for file in files], "Mistakes")
        return
    names = [row["name"] for row in records["classes"]]
    with st.spinner("Reading the pictures"):
        pictures = {file: _picture(root, file) for file in files[:MAX_SHOWN]}
    with st.container(horizontal=True, gap="medium"):
        for file, picture in pictures.items():
            with st.container(width=SIDE + 30, border=True, gap="small"):
                _show_mistake(source, by_file[file], picture, names, can_decide)
    if len(files) > MAX_SHOWN:
        st.caption(f"{MAX_SHOWN} of {len(files):,} are shown.")
    if can_decide:
        _show_list(summary, source)
    else:
        st.caption("They were given to judge on, and stay as they are.")


def _source(data: str | None) -> Path | None:
    """The folder or listing of the pictures; asked for where the run does not know it, or it is no longer there."""
    if data is not None and Path(data).exists():
        return Path(data)
    st.caption("The folder that it was trained on is not known here, or no longer there. Name it to see the pictures:")
    text = st.text_input(
        "Folder of the pictures", key="train_root", placeholder=data or "/data/people", persist_state="session"
    )
    folder = user_path(text.strip())
    return folder if text.strip() and folder.exists() else None


def _picture(root: Path, file: str) -> str | None:
    """A picture as the address of a thumbnail; None where it cannot be read."""
    kept = st.session_state.setdefault("train_thumbnails", {})
    key = str(root), file
    if key not in kept:
        inside = (
            not PurePath(file).is_absolute() and ".." not in PurePath(file).parts
        )  # records may come from elsewhere
        try:
            kept[key] = data_url(_small(decode(root / file))) if inside else None
        except (ImageError, OSError):
            kept[key] = None
        for oldest in list(kept)[:-_KEPT]:
            del kept[oldest]
    return kept[key]


def _small(image: np.ndarray) -> np.ndarray:
    """A picture whose longer side is `SIDE` pixels; digits are enlarged in squares."""
    scale = SIDE / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)


def _show_mistake(source: Path, mistake: dict, picture: str | None, names: list[str], can_decide: bool):
    file, true = mistake["file"], mistake["true"]
    if picture is None:
        st.markdown(":material/broken_image: This picture is no longer there.")
    else:
        st.image(picture, width=SIDE, alt=f"{as_name(true)}, taken for {as_name(mistake['named'])}")
    sure = f"{mistake['probability']:.0%}".replace("%", " %")
    st.markdown(
        f"**{plain(as_name(true))}**, named {plain(as_name(mistake['named']))} ({sure})  \n:small[{plain(file)}]"
    )
    if not can_decide:
        return
    key = f"train_decide_{source}_{file}"
    others = [mistake["named"], *(name for name in names if name not in (true, mistake["named"]))]
    show_decision(source, file, others, key)


def _show_list(summary: RunSummary, source: Path):
    """What was decided about this folder, each with a way back, and the training with it."""
    if not show_decisions(source):
        return
    st.subheader("Train again")
    st.caption("The held-out pictures are drawn anew, so that the new numbers are not measured on quite the same ones.")
    wanted = Wanted(
        shown_path(source), summary.name, summary.path / "recipe.toml", {"curation": str(curation_file(source))}
    )
    show_start_of(lambda: wanted, key=f"again_{summary.name}", label="Train again with this list")
