"""The view "Unknown faces" of the page Gallery: who appears again and again, and is nobody you know?"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import streamlit as st

from kerasface.data.cache.embeddings import image_files
from kerasface.files.paths import user_path
from kerasface.gallery.clustering import cluster_faces, fmr_for
from kerasface.gallery.store import Person
from kerasface.tasks.identification import DEFAULT_FPIR
from kerasface.terminal.errors import told
from pages.parts.gallery.enrol import counted
from pages.parts.gallery.groups import entry_of, show_groups, show_set_aside, show_strip
from pages.parts.gallery.opening import OpenGallery
from pages.parts.gallery.photos import KEPT, Look, Source, choose_photos, file_source, look_at, show_problems
from pages.parts.gallery.sorting import sorted_clusters
from pages.parts.photos import plain

ORIGINS = ("Upload", "Folder")


def show_unknown_faces(opened: OpenGallery, people: Sequence[Person]):
    """The faces of many photos that nobody has named, one strip for each person, and a name for it."""
    st.markdown("Faces of people you do not know yet, grouped by person: name a group, and all of it is enrolled.")
    sources = choose_many()
    if not sources:
        st.caption(
            "Give photos, or the path of a folder on this machine. They are looked at here; no copy of them is made."
        )
        return
    looks = look_at(sources, "gallery_unknown")
    show_problems(looks)
    looks = [look for look in looks if look.faces]
    faces = [(look, index) for look in looks for index in range(len(look.faces))]
    if not faces:
        return
    known, labels = grouped(opened, looks, faces)
    ids = [(look.source_hash, index) if known[at] is None else None for at, (look, index) in enumerate(faces)]
    labels, aside = sorted_clusters(labels, ids)
    groups = {}  # by the key of a group's widgets, which its first face gives it
    for cluster in range(int(labels.max(initial=-1)) + 1):
        members = np.flatnonzero(labels == cluster)
        look, index = faces[members[0]]
        groups[f"unknown_{look.source_hash}_{index}"] = (cluster, [faces[member] for member in members])
    show_summary(known, labels, len(faces))
    show_groups(opened, people, {key: members for key, (cluster, members) in groups.items() if cluster not in aside})
    show_set_aside({key: members for key, (cluster, members) in groups.items() if cluster in aside})
    alone = [faces[index] for index in np.flatnonzero((labels < 0) & np.array([name is None for name in known]))]
    if alone:
        with st.expander(f"Seen once: {counted(len(alone), 'face')}"):
            show_strip(alone)
            st.caption("A single photo is named in the view Who is who.")


def choose_many() -> list[Source]:
    """Photos that are uploaded, or those of a folder of this machine."""
    st.session_state.setdefault("gallery_origin", ORIGINS[0])
    origin = st.segmented_control(
        "Where the photos are", ORIGINS, required=True, key="gallery_origin", persist_state="session"
    )
    if origin == "Upload":
        return choose_photos("Photos", "gallery_unknown", sample=False)
    folder = st.text_input(
        "Folder", key="gallery_folder", placeholder="Such as ~/Pictures/2026", persist_state="session"
    ).strip()
    if not folder:
        return []
    try:
        with st.spinner("Looking into the folder"):
            files = image_files(user_path(folder))
            sources = [file_source(path) for path in files[:KEPT]]
    except (ValueError, OSError) as error:
        st.error(plain(told(error)), icon=":material/folder_off:")
        return []
    if len(files) > KEPT:
        st.warning(
            f"The first {KEPT} of {len(files):,} photos are looked at. `kerasface cluster FOLDER` takes all of them.",
            icon=":material/info:",
        )
    return sources


def grouped(
    opened: OpenGallery, looks: Sequence[Look], faces: Sequence[tuple[Look, int]]
) -> tuple[list[str | None], np.ndarray]:
    """Who is known, and the groups of the others; computed anew once the photos or the gallery are others.

    Args:
        opened: The gallery.
        looks: The photos.
        faces: Photo and index of every face, photo by photo.

    Returns:
        The name of each face or None, and its group: 0 is the largest, -1 a face that is known or like no other.
    """
    with opened.turn:
        opened.identifier.refresh()
        state = opened.gallery.version, opened.identifier.num_people
    key = (str(opened.gallery.path), *state, tuple(look.token for look in looks))
    kept = st.session_state.get("gallery_grouped")
    if kept and kept[0] == key:
        return kept[1]
    with st.spinner("Grouping the faces"):
        known = [face.name for found in opened.identify(looks, DEFAULT_FPIR) for face in found]
        unknown = np.flatnonzero([name is None for name in known])
        photos = {look.token: number for number, look in enumerate(looks)}
        labels = np.full(len(faces), -1, dtype=np.int64)
        if len(unknown):
            points = opened.identifier.points
            labels[unknown] = cluster_faces(
                np.stack([entry_of(faces[index]).embedding for index in unknown]),
                [photos[faces[index][0].token] for index in unknown],
                threshold=points.operating_point(fmr_for(len(unknown))).threshold,
                normalizer=points.normalizer,
            )
    st.session_state["gallery_grouped"] = (key, (known, labels))
    return known, labels


def show_summary(known: Sequence[str | None], labels: np.ndarray, total: int):
    people = Counter(name for name in known if name is not None)
    groups = int(labels.max(initial=-1)) + 1
    strangers = "1 unknown person" if groups == 1 else f"{groups} unknown people"
    st.markdown(
        f"**{counted(total, 'face')}**: {strangers} seen more than once, {sum(people.values())} of people you know."
    )
    if people:
        st.caption("Known: " + ", ".join(f"{plain(name)} {number}" for name, number in people.most_common()))
