"""What a user says of groups of unknown faces, kept in the session as the photos are: one person, or not asked for."""

from collections.abc import Collection, Hashable, Mapping, Sequence

import numpy as np
import streamlit as st

from kerasface.gallery.clustering import join_clusters
from pages.parts.gallery.opening import notice

FaceId = Hashable  # of a photo's hash and the number of the face in it
_ONE, _ASIDE = "one person", "set aside"
_SAID = "gallery_sorted"  # list of (kind, faces), in the order in which it was said


def sorted_clusters(labels: np.ndarray, faces: Sequence[FaceId]) -> tuple[np.ndarray, list[int]]:
    """The groups once those that are one person are joined, and which of them are set aside.

    Args:
        labels: The group of each face; -1 for one that is in none.
        faces: The faces, in the same order; of somebody known: None.

    Returns:
        The group of each face, and the numbers of those of which a face was set aside.
    """
    place = {face: index for index, face in enumerate(faces) if face is not None}
    said = [(kind, [place[face] for face in group if face in place]) for kind, group in _said()]
    joined = join_clusters(labels, [group for kind, group in said if kind == _ONE and group])
    aside = {int(joined[index]) for kind, group in said if kind == _ASIDE for index in group}
    return joined, sorted(aside - {-1})


def merge_ticked(groups: Mapping[str, Sequence[FaceId]], photo_names: Mapping[Hashable, str]):
    """Makes one group of those whose boxes are ticked; for a callback, so that the last tick counts.

    Args:
        groups: The faces of each group by the key of its box.
        photo_names: The name of each photo by its hash.
    """
    ticked = [key for key in groups if st.session_state.get(key)]
    faces = list(dict.fromkeys(face for key in ticked for face in groups[key]))  # of a copied file only once
    photos = [photo for photo, _ in faces]
    for key in ticked:
        st.session_state[key] = False
    if len(ticked) < 2:
        notice("warning", "Tick two groups or more that are one person.")
    elif twice := next((photo for photo in photos if photos.count(photo) > 1), None):
        notice(
            "warning",
            f"{photo_names[twice]} shows a face of both groups, and in one photo nobody is twice: they stay apart. If "
            "it is one person all the same, such as in a mirror, give both groups the same name.",
        )
    else:
        _said().append((_ONE, faces))


def set_aside(faces: Sequence[FaceId]):
    """A group is not shown any more, until it is brought back."""
    _said().append((_ASIDE, list(faces)))


def bring_back(faces: Collection[FaceId]):
    """A group that was set aside is shown again."""
    st.session_state[_SAID] = [
        (kind, group) for kind, group in _said() if kind != _ASIDE or not set(group) & set(faces)
    ]


def undo():
    """Takes back what was said last."""
    if _said():
        _said().pop()


def show_undo():
    """The button that takes the last of it back; always there, so that nothing moves when it can be used."""
    last = {None: "nothing yet", _ONE: "groups made one person", _ASIDE: "a group set aside"}
    kind = _said()[-1][0] if _said() else None
    st.button(
        f"Undo: {last[kind]}",
        icon=":material/undo:",
        disabled=kind is None,
        key="unknown_undo",
        on_click=undo,
    )


def show_merge(groups: Mapping[str, Sequence[FaceId]], photo_names: Mapping[Hashable, str]):
    """The button that makes one group of those that are ticked."""
    ticked = sum(bool(st.session_state.get(key)) for key in groups)
    st.button(
        f"Make the {ticked} ticked one person" if ticked > 1 else "Tick groups that are one person",
        icon=":material/merge:",
        disabled=ticked < 2,
        key="unknown_merge",
        on_click=merge_ticked,
        args=(groups, photo_names),
    )


def _said() -> list[tuple[str, list[FaceId]]]:
    return st.session_state.setdefault(_SAID, [])
