"""What the page Home leads to: by what the user has, and by what the pages can do."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

PICTURES = Path(__file__).parent / "pictures"  # made by docs/home_pictures.py


class Link(NamedTuple):
    """A link to a page, or to a view of it."""

    page: str
    label: str
    icon: str
    view: str | None = None


HAVE = {
    "Two photos": (
        "Do they show the same person? Upload both, or use the camera.",
        [Link("verify", "Compare them in Verify", "compare")],
    ),
    "A folder of photos": (
        "Who is in them again and again? Faces are sorted by person, and you name them.",
        [Link("gallery", "Sort the faces in Gallery", "groups", "unknown")],
    ),
    "A folder per person": (
        "Enrol everybody at once and find them in other photos, or train a model of your own.",
        [
            Link("gallery", "Enrol them in Gallery", "group_add", "folder"),
            Link("train", "Train on them", "model_training"),
        ],
    ),
    "Nothing at hand": (
        "Every page has a sample: a portrait in Verify and Gallery, handwritten digits in Train.",
        [
            Link("lectures", "Follow the lectures", "school"),
            Link("playground", "Play with the basics", "science"),
            Link("train", "Train on the digits", "model_training"),
            Link("architectures", "Look into networks", "layers"),
        ],
    ),
}
CAN = {
    "gallery": ("Gallery", "Know people by one photo, find them in others, and sort the faces you do not know."),
    "verify": ("Verify", "Two photos, one person? With the rate at which the answer is wrong."),
    "segment": ("Segment", "Hair, skin, eyes, nose and mouth, pixel by pixel."),
    "inspect": ("Inspect", "What the network sees, layer by layer, and why it answers as it does."),
    "playground": ("Playground", "Softmax, convolution, mixup and training, small enough to be moved by hand."),
    "train": ("Train", "A model from a folder of pictures per class, with its mistakes laid open."),
}
ALSO = [
    Link("recognise", "Recognise: names from a model that you trained", "person_search"),
    Link("unlock", "Unlock: a live face opens a note", "lock_open"),
    Link("architectures", "Architectures: where weights and work lie", "layers"),
    Link("runs", "Runs: which of your models is better?", "compare_arrows"),
    Link("evaluate", "Evaluate: how often is it wrong?", "query_stats"),
]
ALT = {
    "gallery": "A portrait, its face framed and named",
    "verify": "The faces of two photos side by side",
    "segment": "A portrait whose hair, skin, eyes, nose and mouth are coloured",
    "inspect": "Six channels of a layer of the network that looks at a face",
    "playground": "A digit, and where two kernels answer to its edges",
    "train": "Six handwritten digits",
}
# A picture has its room before it is there: nothing moves when it comes.
CSS = "[class*=st-key-home_picture] img { width: 100%; aspect-ratio: 480 / 320; }"


def show_first_steps():
    """What to do first, by what the user has."""
    st.subheader("What do you have?")
    with st.grid(min_column_width=300):
        for what, (text, links) in HAVE.items():
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{what}**  \n{text}")
                for link in links:
                    _show_link(link)


def show_abilities():
    """What the pages can do, each with a picture that is there before any network."""
    st.subheader("What it can do")
    st.html(f"<style>{CSS}</style>")
    with st.grid(3, min_column_width=150):  # two on a phone
        for page, (title, text) in CAN.items():
            with st.container(border=True, height="stretch", key=f"home_picture_{page}"):
                st.image(PICTURES / f"{page}.webp", width="stretch", alt=ALT[page])
                st.page_link(f"pages/{page}.py", label=f"**{title}**")
                st.markdown(f":small[{text}]")
    with st.container(horizontal=True):
        for link in ALSO:
            _show_link(link)


def _show_link(link: Link):
    query = {"view": link.view} if link.view else None
    st.page_link(f"pages/{link.page}.py", label=link.label, icon=f":material/{link.icon}:", query_params=query)
