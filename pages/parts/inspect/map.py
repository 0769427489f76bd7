"""The view Map of the page Inspect: embeddings as points, who lies near whom, and names that seem to be wrong."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from kerasface.files.spreadsheets import csv_text
from kerasface.inspection.maps.embedding_map import MapPoints, Projection, project
from kerasface.inspection.maps.label_errors import LabelError, neighbors, suspected_label_errors
from kerasface.plotting.embedding_map import map_figure
from kerasface.reports.embedding_map import MAX_THUMBNAILS
from pages.parts.inspect.map_hover import follow_pointer
from pages.parts.inspect.map_sources import Source, choose_source_or_stop
from pages.parts.inspect.work import Report, kept, work
from pages.parts.photos import plain

METHODS = {"t-SNE": "tsne", "PCA": "pca"}
AT_ONCE = 5000  # points that t-SNE lays out within half a minute; more begin when they are asked for
MOST_SHOWN = 48  # of the chosen points and of the suspects, with their pictures
NEAREST = 6
PICTURE = 72  # pixels
FEW, CHOSEN_HEIGHT = 8, 300  # points that are listed in full; pixels for more of them, to scroll in
CHART = "embedding_map"  # key of the container around the map
FIELDS = ("image", "point", "label", "suggested", "share", "margin", "nearest_image", "nearest_point")
CONFIG = {
    "displayModeBar": True,
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtons": [["zoomIn2d", "zoomOut2d", "pan2d", "lasso2d", "select2d", "resetScale2d"]],
}


def show_map():
    """Source and method, the map with what is chosen on it, and the names that seem to be wrong."""
    st.markdown(
        "Every face is a point, and alike faces lie close together. A point among those of another name is a poor "
        "picture, or carries the wrong name."
    )
    source = choose_source_or_stop()
    method = choose_method()
    drawn, suspects = compute(source, method)
    if drawn is None:
        return
    show_points(source, drawn, suspects or [])
    st.subheader("Names that seem to be wrong")
    if suspects is None:
        st.caption("They were not looked for.")
    else:
        show_suspects(source, suspects)
    pictures = read_pictures(source, suspects or []) if source.has_pictures else {}
    follow_pointer(pictures, CHART, take_point)


def choose_method() -> str:
    name = st.segmented_control(
        "Method", METHODS, default=next(iter(METHODS)), required=True, key="map_method", persist_state="session"
    )
    return METHODS[name]


def compute(source: Source, method: str) -> tuple[Projection | None, list[LabelError] | None]:
    """The map, and the suspects; None of what failed, was stopped, or has not been asked for."""
    points = source.points
    count = len(points.labels)
    slow = method != "pca" and count > AT_ONCE

    def lay_out(report: Report) -> Projection:
        return project(points.embeddings, method, on_progress=lambda done, total: report(100 * done // total))

    def compare(report: Report) -> list[LabelError]:
        return suspected_label_errors(points.embeddings, points.labels, on_progress=lambda done, total: report(done))

    button = f"Draw the map of {count:,} points, which may take minutes" if slow else None
    drawn = work(("map", method, source.key), f"Laying out {count:,} points", 100, lay_out, button=button)
    if drawn is None:
        return None, None
    return drawn, work(("suspects", source.key), "Comparing each with its neighbours", count, compare)


def read_pictures(source: Source, suspects: Sequence[LabelError]) -> dict[int, str]:
    """Pictures for the pointer: of the suspects, of what they look like, and of others at random."""
    first = [index for suspect in suspects for index in (suspect.index, suspect.neighbor)]
    others = np.random.default_rng(0).permutation(len(source.points.labels)).tolist()
    wanted = list(dict.fromkeys([*first, *others]))[:MAX_THUMBNAILS]

    def cut(report: Report) -> bool:
        for start in range(0, len(wanted), 16):
            report(start)
            source.pictures(wanted[start : start + 16])
        return True

    if not work(("cut", source.key), "Cutting the faces out of their photos", len(wanted), cut):
        return {}
    return source.pictures(wanted)


@st.fragment
def show_points(source: Source, drawn: Projection, suspects: Sequence[LabelError]):
    """The map, and beside it what is chosen and its neighbours. A fragment: choosing lays out nothing again."""
    left, right = st.columns([3, 2], gap="medium")
    key = f"map_chart_{drawn.method}_{source.key}"
    with left:
        with st.container(key=CHART):
            figure = kept(("figure", drawn.method, source.key), lambda: _figure(source.points, drawn, suspects))
            st.plotly_chart(
                figure,
                key=key,
                on_select=lambda: _take_first(key),
                selection_mode=("points", "box", "lasso"),
                config=CONFIG,
                alt=f"A map of {len(source.points.labels):,} points of {len(set(source.points.labels)):,} names",
            )
        st.caption(plain(drawn.description))
    with right:
        show_chosen(source, _selected(key))
        show_neighbors(source)


def _figure(points: MapPoints, drawn: Projection, suspects: Sequence[LabelError]) -> go.Figure:
    axes = drawn.explained and tuple(f"{share:.1%} of the variance" for share in drawn.explained)
    figure = map_figure(
        drawn.positions,
        points.labels,
        files=points.paths and [path.name for path in points.paths],
        marked=[suspect.index for suspect in suspects],
        axes=axes,
    )
    return figure.update_layout(dragmode="lasso", height=620)


def _selected(key: str) -> list[int]:
    """Indices of the points that are chosen on the map; a ring around a point is no other point."""
    selection = st.session_state.get(key, {}).get("selection", {})
    return list(dict.fromkeys(int(point["customdata"][0]) for point in selection.get("points", ())))


def _take_first(key: str):
    """The neighbours shown are those of a point that was chosen."""
    if chosen := _selected(key):
        take_point(chosen[0])


def take_point(index: int):
    st.session_state["map_point"] = index + 1


def show_chosen(source: Source, chosen: Sequence[int]):
    if not chosen:
        st.info(
            "Draw around points, and they are listed here. Click on one, and its neighbours are shown.",
            icon=":material/lasso_select:",
        )
        return
    labels = [source.points.labels[index] for index in chosen]
    counts = Counter(labels).most_common(6)
    names = ", ".join(f"{plain(name)} {count:,}" for name, count in counts)
    more = len(set(labels)) - len(counts)
    st.markdown(f"**{len(chosen):,} chosen**: {names}{f' and {more:,} other names' if more > 0 else ''}")
    with st.container(height=CHOSEN_HEIGHT if len(chosen) > FEW else "content", border=False):
        show_gallery(source, chosen[:MOST_SHOWN], [plain(label) for label in labels[:MOST_SHOWN]])
    if len(chosen) > MOST_SHOWN:
        st.caption(f"The first {MOST_SHOWN} of them.")


def show_neighbors(source: Source):
    """Whom a point lies next to, by cosine and not on the map."""
    count = len(source.points.labels)
    st.session_state["map_point"] = min(st.session_state.get("map_point", 1), count)  # of another source
    number = st.number_input(
        f"Neighbours of point 1 to {count:,}", 1, count, key="map_point", help="Or click on a point of the map."
    )
    found, scores = neighbors(source.points.embeddings, number - 1, NEAREST)
    words = [f"**{plain(source.points.labels[number - 1])}**"]
    words += [
        f"{plain(source.points.labels[index])} {plain(f'{score:.3f}')}"
        for index, score in zip(found, scores, strict=True)
    ]
    show_gallery(source, [number - 1, *found.tolist()], words)
    st.caption("The point itself, then its nearest by cosine: these are true distances, those on the map are drawn.")


def show_gallery(source: Source, indices: Sequence[int], words: Sequence[str]):
    """Points with their numbers: pictures side by side, and below them those that have none."""
    pictures = source.pictures(indices) if source.has_pictures else {}
    captions = {index: rf"{index + 1}\. {word}" for index, word in zip(indices, words, strict=True)}
    if pictures:
        alts = [f"Point {index + 1}" for index in pictures]
        st.image(list(pictures.values()), caption=[captions[index] for index in pictures], width=PICTURE, alt=alts)
    paths = source.points.paths
    lines = [
        f"{caption} :small[{plain(paths[index].name) if paths else ''}]"
        for index, caption in captions.items()
        if index not in pictures
    ]
    st.markdown("  \n".join(lines))


def show_suspects(source: Source, suspects: Sequence[LabelError]):
    """Pictures whose neighbours carry another name, each beside the nearest of them, and all of them as a file."""
    if source.wrong:
        found = len({suspect.index for suspect in suspects} & set(source.wrong))
        others = len(suspects) - found
        st.markdown(
            f"Of {len(source.wrong)} names that were exchanged on purpose **{found}** are found; "
            f"{others} other{'s are' if others != 1 else ' is'} suspected."
        )
    if not suspects:
        st.success("None: no picture is surrounded by pictures of one other name.", icon=":material/check_circle:")
        return
    st.markdown(
        "Their nearest neighbours carry one other name, the clearest first. Look before you change anything: pictures "
        "of bad quality are near to strangers too."
    )
    st.download_button(
        f"Download all {len(suspects):,}" if len(suspects) > 1 else "Download it",
        lambda: suspects_csv(source.points, suspects),
        "suspected-names.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="map_download",
    )
    shown = suspects[:MOST_SHOWN]
    wanted = [index for suspect in shown for index in (suspect.index, suspect.neighbor)]
    with st.spinner("Reading their photos"):
        pictures = source.pictures(wanted) if source.has_pictures else {}
    with st.container(horizontal=True):
        for suspect in shown:
            show_suspect(source, suspect, pictures)
    if len(suspects) > MOST_SHOWN:
        st.caption(f"The first {MOST_SHOWN}; the file has all.")


def show_suspect(source: Source, suspect: LabelError, pictures: dict[int, str]):
    with st.container(border=True, width=PICTURE * 2 + 70):
        pair = [index for index in (suspect.index, suspect.neighbor) if index in pictures]
        if pair:
            with st.container(horizontal=True, gap="small"):
                for index in pair:
                    st.image(pictures[index], width=PICTURE, alt=f"Point {index + 1}")
        share = f"{suspect.share:.0%}".replace("%", " %")
        st.markdown(
            f"named **{plain(suspect.label)}**  \nlooks like **{plain(suspect.suggested)}**  \n"
            f":small[{_place(source.points, suspect.index)}, {share} of its neighbours, margin {suspect.margin:.3f}]"
        )


def _place(points: MapPoints, index: int) -> str:
    return plain(points.paths[index].name) if points.paths else f"point {index + 1}"


def suspects_csv(points: MapPoints, suspects: Sequence[LabelError]) -> str:
    """All suspects as a table: photo, number of the point, its name and the one it looks like, and the nearest."""
    rows = []
    for found in suspects:
        image, near = (points.paths[index] if points.paths else "" for index in (found.index, found.neighbor))
        told = found.label, found.suggested, f"{found.share:.4f}", f"{found.margin:.4f}"
        rows.append([str(image), found.index + 1, *told, str(near), found.neighbor + 1])
    return csv_text(FIELDS, rows)
