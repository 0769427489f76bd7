"""The kinds of training on the page Train: what each is called there, and what is asked for it first."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from kerasface.train.kinds import KINDS, Kind

FOLDER, ARCHIVE, SAMPLE = "Folder", "Zip file", "Sample"


@dataclass(frozen=True)
class PageKind:
    """A kind of training, as the page shows it.

    Attributes:
        kind: What it is.
        label: What it is called.
        about: What comes of it.
        sources: Where its pictures may come from, each with a hint.
        recipes: The recipe that is chosen at first, by source; the defaults where there is none.
        defaults: What the defaults do.
        first: Settings that are asked first.
        suffix: Of the keys of what says where the pictures are; those of one layout share it.
        prefix: Of the keys of its settings.
    """

    kind: Kind
    label: str
    about: str
    sources: Mapping[str, str]
    recipes: Mapping[str, str]
    defaults: str
    first: tuple[str, ...]
    suffix: str
    prefix: str

    @property
    def name(self) -> str:
        """Of its command."""
        return self.kind.name

    @property
    def has_faces(self) -> bool:
        """Whether it looks at faces or at whole pictures, as one chooses."""
        return hasattr(self.kind.recipe(), "faces")


@dataclass(frozen=True)
class Pictures:
    """What was found under the names that were given.

    Attributes:
        place: The folder, or the listing.
        num_images: Pictures in it.
        num_classes: Classes; of masks, those of their pixels.
    """

    place: Path
    num_images: int
    num_classes: int


_CLASSES = {
    FOLDER: "A folder of this machine that holds a folder of pictures per class: per person, per animal, per anything. "
    "Or a listing: a text file with a line for each picture, its file and its label.",
    ARCHIVE: "A zip file of such a folder. It is looked at first; nothing is written to disk until you say so.",
    SAMPLE: "1,797 handwritten digits (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, CC BY 4.0).",
}
_MASKS = {
    FOLDER: "A folder of this machine with two folders in it: pictures in `images`, and in `masks` for each a PNG of "
    "the same name with a class id or color per pixel. The names of the classes stand in `classes.txt`.",
    SAMPLE: "Scenes of a street that are drawn, with a mask for each: person, bag, plants, path and building.",
}
PAGE_KINDS = {
    page.name: page
    for page in (
        PageKind(
            KINDS["classify"],
            "Name it",
            "A classifier: which of the names you gave is on a picture?",
            _CLASSES,
            {SAMPLE: "digits"},
            "Faces are compared with each person's mean embedding; whole pictures go through EfficientNet-Lite0, whose "
            "last blocks are trained further.",
            ("backbone", "epochs", "augment"),
            suffix="",
            prefix="train_",
        ),
        PageKind(
            KINDS["metric"],
            "Compare it",
            "An embedder: do two pictures show the same person, also one it was never shown?",
            _CLASSES,
            {SAMPLE: "siamese-digits"},
            "A head on the face embedder, judged on people held out.",
            ("loss", "backbone", "epochs"),
            suffix="",
            prefix="train_metric_",
        ),
        PageKind(
            KINDS["segment"],
            "Find its parts",
            "A segmentation: which part does every pixel belong to?",
            _MASKS,
            {SAMPLE: "scenes"},
            "A U-Net on the face embedder's first stages.",
            ("encoder", "loss", "epochs", "augment"),
            suffix="_segment",
            prefix="train_segment_",
        ),
    )
}


def choose_kind() -> PageKind:
    """Asks what is to be learned."""
    name = st.segmented_control(
        "What should it learn?",
        list(PAGE_KINDS),
        default="classify",
        required=True,
        format_func=lambda name: PAGE_KINDS[name].label,
        key="train_kind",
        width="stretch",
        persist_state="session",
    )
    st.caption(PAGE_KINDS[name].about)
    return PAGE_KINDS[name]


def read_kind() -> PageKind:
    """What is to be learned, as the boxes hold it at this moment."""
    return PAGE_KINDS[st.session_state.get("train_kind", "classify")]


def read_source(kind: PageKind) -> str | None:
    """Where the pictures come from, as the boxes hold it at this moment."""
    return st.session_state.get(f"train_source{kind.suffix}")
