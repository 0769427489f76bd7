"""Where the page Evaluate gets its photos from: the widgets, and what they lead to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from kerasface.files.paths import user_path
from kerasface.tasks.measuring.pairs import MAX_IMPOSTOR, PairList, pairs_of_file, pairs_of_people
from kerasface.tasks.measuring.people import Embedded, People, Report, people_of_embeddings, people_of_folder
from pages.parts.evaluate.models import Model, embed_people, models_or_stop
from pages.parts.evaluate.sample import FEW, MANY, MAX_SIMULATED, MODELS, SOME, simulated_embeddings, simulated_people
from pages.parts.server.address import asked_for

SAMPLE, FILE, FOLDER, VECTORS = "Sample", "Pairs file", "Folder per person", "Embeddings"
HINTS = {
    SAMPLE: "People who do not exist, of four photos each, and as many strangers of one: drawn faces, each photo a "
    "little different and more or less blurred, and the scores of a made-up model. Real models and photos behave "
    "alike, with other numbers.",
    FILE: "A table with the header *a,b,same*: two files of the folder of images, and 1 or 0. Or a list in the format "
    "of Labeled Faces in the Wild: a first line *folds pairs*, then *name 1 2* or *name 1 other 2*, where the image of "
    "*name 7* is *name/name\\_0007.jpg*.",
    FOLDER: "A folder with a folder of photos for each person.",
    VECTORS: "A file that *kerasface embed FOLDER --out FILE* wrote from a folder per person. Of a photo with several "
    "faces the largest counts.",
}


@dataclass(frozen=True)
class Source:
    """What the user chose.

    Attributes:
        kind: One of `HINTS`.
        path: The pairs file, the folder, or the file of embeddings.
        images: Folder of the images of a pairs file.
        num_people: Simulated people.
        changed: When the file was changed last, so that another file is another source.
    """

    kind: str
    path: str = ""
    images: str = ""
    num_people: int = SOME
    changed: float = 0.0


def choose_source(kinds: tuple[str, ...], key: str) -> Source | None:
    """Asks where the photos come from; None while a path is missing.

    Args:
        kinds: Those of `HINTS` that are offered.
        key: Of the choice, in the address too.
    """
    asked_for(key, kinds, "kind of photos")
    kind = st.segmented_control(
        "Photos", kinds, default=SAMPLE, required=True, key=key, width="stretch", bind="query-params"
    )
    kind = kind or SAMPLE  # an address may say nothing: ?pairs_of=
    st.caption(HINTS[kind])
    if kind == SAMPLE:
        sizes = (FEW, SOME, MANY)
        return Source(
            kind,
            num_people=st.segmented_control(
                "Simulated people", sizes, default=SOME, required=True, key="num_people", persist_state="session"
            ),
        )
    if kind == FILE:
        left, right = st.columns(2, gap="medium")
        path = _path(left, "Pairs file on this machine", "pairs_file", "/data/pairs.csv")
        images = _path(right, "Its folder of images", "pairs_images", "/data/images")
        return Source(kind, path, images, changed=_changed(path)) if path and images else None
    label, name, example = {
        FOLDER: ("Folder on this machine", "people_folder", "/data/people"),
        VECTORS: ("File of embeddings on this machine", "vectors_file", "/data/people.npz"),
    }[kind]
    path = _path(st, label, name, example)
    return Source(kind, path, changed=_changed(path)) if path else None


def choose_class_folder() -> Source | None:
    """Asks for a folder with a folder per class; None while it is missing."""
    path = _path(st, "Folder on this machine", "class_folder", "/data/new_photos")
    return Source(FOLDER, path, changed=_changed(path)) if path else None


def choose_models(source: Source | None, labels: tuple[str, ...]) -> list[str | Model]:
    """Asks which models are judged, one for each label; none where the embeddings are made already."""
    if source is None or source.kind == VECTORS:
        return []
    sample = source.kind == SAMPLE
    options = {name: name for name in MODELS} if sample else {model.name: model for model in models_or_stop()}
    key = "simulated_model" if sample else "model"
    chosen = []
    columns = st.columns(len(labels), gap="medium")
    for place, (column, label) in enumerate(zip(columns, labels, strict=True)):
        name = column.selectbox(
            label, list(options), index=min(place, len(options) - 1), key=f"{key}_{label}", persist_state="session"
        )
        chosen.append(options[name])
    return chosen


def show_drawing(source: Source):
    """Says how pairs are made where the source has people and no list of pairs."""
    if source.kind in (FOLDER, VECTORS):
        st.caption(f"Pairs are drawn: at most 20 of each person, and up to {MAX_IMPOSTOR:,} of different people.")


def read_people(
    source: Source, models: list, report: Report, *, check: Callable[[People], None] = lambda people: None
) -> tuple[People, list[Embedded]]:
    """Reads a source's photos and embeds them with each model.

    Args:
        source: What the user chose.
        models: Those that judge.
        report: Told how far it is.
        check: Refuses people who cannot serve, before their photos are read.

    Raises:
        ValueError: If the source breaks a rule.
        OSError: If it cannot be read.
    """
    if source.kind == SAMPLE:
        people = simulated_people(source.num_people)
        return people, [simulated_embeddings(people, model) for model in models]
    if source.kind == VECTORS:
        people, embedded = people_of_embeddings(source.path)
        return people, [embedded]
    people = people_of_folder(source.path)
    check(people)
    return people, embed_people(people, models, report)


def read_pairs(source: Source, models: list, report: Report) -> tuple[PairList, list[Embedded]]:
    """Reads a source's pairs and embeds their photos with each model; as `read_people`."""
    if source.kind == FILE:
        listed = pairs_of_file(source.path, source.images)
        return listed, embed_people(listed.people, models, report)
    if source.kind == FOLDER:  # what cannot serve is refused before its photos are read
        listed = pairs_of_people(people_of_folder(source.path))
        return listed, embed_people(listed.people, models, report)
    people, embedded = read_people(source, models, report)
    return pairs_of_people(people, MAX_SIMULATED if source.kind == SAMPLE else MAX_IMPOSTOR), embedded


def _path(place, label: str, key: str, example: str) -> str:
    text = place.text_input(label, key=key, placeholder=example, persist_state="session", icon=":material/folder:")
    return str(user_path(text.strip())) if text.strip() else ""


def _changed(path: str) -> float:
    try:
        return Path(path).stat().st_mtime if path else 0.0
    except (OSError, ValueError):
        return 0.0
