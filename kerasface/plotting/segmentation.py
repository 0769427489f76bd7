"""Draws segmentations: how well each class is found, what is taken for what, and what lies under the pointer."""

import base64
import html
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import plotly.graph_objects as go

from kerasface.evaluation.segmentation import SegmentationResult
from kerasface.plotting.style import MAX_NAMED, QUIET, TRACK, short
from kerasface.plotting.training import training_curves
from kerasface.terminal.words import share

Color = tuple[int, int, int]  # RGB, 0 to 255

_LONGEST_SIDE = 1000  # pixels of a picture that is shown
_HOVER_CELLS = 240  # along its longer side; each carries the name of its class
_MAX_COUNTED = 20  # classes whose numbers have room in a heatmap, and whose names below it
_EDGE = {"width": 1, "color": QUIET}  # keeps white bars visible on white, and dark ones on near-black
_ROW = 34  # pixels
_BGRA = (2, 1, 0, 3)  # as OpenCV writes channels


def iou_bars(result: SegmentationResult, colors: Sequence[Color]) -> go.Figure:
    """Draws IoU and F1 of each class as bars in its colour: IoU solid, and F1, which is never smaller, pale behind it.

    Args:
        result: What was measured.
        colors: RGB of each class, in the order of `result.classes`.

    Raises:
        ValueError: If the number of colours is another.
    """
    _check_colors(result.classes, colors)
    names = result.classes
    figure = go.Figure()
    for values, kind, opacity in ((result.f1, "F1", 0.35), (result.iou, "IoU", 1.0)):
        hover = f"%{{customdata}}: {kind} %{{x:.1%}}<extra></extra>"
        marker = {"color": [_css(color) for color in colors], "opacity": opacity, "line": _EDGE}
        figure.add_trace(_bars([values[name] for name in names], names, marker, hover))
    notes = [f"<b>{share(result.iou[name])}</b>, F1 {share(result.f1[name])}" for name in names]
    figure = _as_rows(figure, names, notes, room=130).update_xaxes(title="IoU, and F1 paler behind it")
    return figure.update_layout(barmode="overlay", height=figure.layout.height + 20, margin_b=50)


def area_bars(areas: Mapping[str, float], colors: Mapping[str, Color]) -> go.Figure:
    """Draws the share of each class of one face or picture, in the order given.

    Args:
        areas: Class to its share, a fraction.
        colors: Class to its RGB; those of other classes do no harm.

    Raises:
        ValueError: If a class has no colour.
    """
    if missing := [name for name in areas if name not in colors]:
        raise ValueError(f"Every class needs a colour. Received: none for {missing}. Add them to `colours`.")
    names = list(areas)
    marker = {"color": [_css(colors[name]) for name in names], "line": _EDGE}
    figure = go.Figure(_bars(list(areas.values()), names, marker, "%{customdata}: %{x:.1%}<extra></extra>"))
    figure = _as_rows(figure, names, [share(areas[name]) for name in names], room=60)
    # The largest takes the whole width, or small classes would have no length to compare.
    return figure.update_xaxes(range=[0, max(areas.values(), default=0) or 1], visible=False)


def confusion_heatmap(result: SegmentationResult) -> go.Figure:
    """Draws which share of each class's pixels (rows) got each class (columns); counts appear under the pointer."""
    counts = result.confusion
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    names, places = [html.escape(name) for name in result.classes], list(range(len(counts)))
    pairs = np.empty((*counts.shape, 3), dtype=object)
    pairs[..., 0], pairs[..., 1], pairs[..., 2] = np.array(names)[:, None], np.array(names)[None], counts
    hover = "%{customdata[0]} taken for %{customdata[1]}: %{z:.2%}, %{customdata[2]:,} pixels<extra></extra>"
    scale = [[0, "rgba(42, 157, 143, 0.06)"], [1, "rgba(42, 157, 143, 0.7)"]]
    figure = go.Figure(go.Heatmap(z=shares, x=places, y=places, customdata=pairs, hovertemplate=hover))
    figure.update_traces(colorscale=scale, zmin=0, zmax=1, showscale=False)
    roomy = len(counts) <= _MAX_COUNTED
    if roomy:
        # Not the heatmap's own text: its ink is chosen against the colours as if they were opaque.
        rows, cols = np.nonzero(counts)
        text = [share(value) for value in shares[rows, cols].tolist()]
        figure.add_trace(go.Scatter(x=cols, y=rows, text=text, mode="text", hoverinfo="skip", showlegend=False))
    ticks = {"showgrid": False, "zeroline": False, "tickvals": places}
    ticks["ticktext"] = [short(name) for name in result.classes]
    figure.update_xaxes(title="predicted", showticklabels=roomy, **ticks)
    figure.update_yaxes(title="true", showticklabels=len(counts) <= MAX_NAMED, autorange="reversed", **ticks)
    height = 130 + 52 * len(counts) if roomy else 900
    return figure.update_layout(height=height, margin={"l": 60, "r": 18, "t": 10, "b": 60})


def mask_figure(
    image: np.ndarray, mask: np.ndarray, classes: Sequence[str], colors: Sequence[Color], *, opacity: float = 0.5
) -> go.Figure:
    """Draws a picture under its mask and names the class and the pixel under the pointer.

    Class 0, the background, is left as it is. Large pictures are shown smaller; pixels are still counted in their own
    size.

    Args:
        image: RGB uint8, `(height, width, 3)`.
        mask: Class ids, integers, `(height, width)`.
        classes: Names of the classes, by class id.
        colors: RGB of each class.
        opacity: How much the colours hide, from 0 to 1. With 0 the picture stays as it is, such as one drawn before.

    Raises:
        ValueError: If the shapes differ, an id has no name, the number of colours is another, or the opacity is outside
            its range.
    """
    _check_colors(classes, colors)
    _check_overlay(image, mask, len(classes), opacity)
    height, width = mask.shape
    cells = _sampled(mask, _HOVER_CELLS)
    named = np.array([short(name) for name in classes])[cells]
    down, across = height / cells.shape[0], width / cells.shape[1]
    # Drawn with full transparency it still answers to the pointer.
    figure = go.Figure(go.Heatmap(z=cells.astype(np.uint8), text=named, opacity=0, showscale=False))
    figure.update_traces(x0=across / 2 - 0.5, dx=across, y0=down / 2 - 0.5, dy=down)
    figure.update_traces(hovertemplate="<b>%{text}</b><br>x %{x:.0f}, y %{y:.0f}<extra></extra>")
    overlay = data_url(_overlay(image, mask, colors, opacity))
    place = {"xref": "x", "yref": "y", "x": -0.5, "y": -0.5, "sizex": width, "sizey": height}
    figure.add_layout_image(source=overlay, sizing="stretch", layer="below", **place)
    figure.update_xaxes(visible=False, range=[-0.5, width - 0.5], constrain="domain")
    figure.update_yaxes(visible=False, range=[height - 0.5, -0.5], constrain="domain", scaleanchor="x")
    shown = int(np.clip(720 * height / width, 160, 720))  # in a column 720 pixels wide nothing is left over
    return figure.update_layout(height=shown, margin={"l": 0, "r": 0, "t": 0, "b": 0}, plot_bgcolor="rgba(0, 0, 0, 0)")


def segmentation_curves(history: Sequence[dict]) -> go.Figure:
    """Draws loss, pixel accuracy and mean IoU over the epochs of all stages.

    Args:
        history: As for `training_curves`, with `val_mean_iou` where it was measured.

    Raises:
        ValueError: If `history` is empty.
    """
    figure = training_curves(history)
    values = [record.get("val_mean_iou") for record in history]
    if any(value is not None for value in values):
        epochs, mode = list(range(1, len(history) + 1)), "lines+markers" if len(history) <= 30 else "lines"
        line = {"color": _css((58, 110, 190)), "dash": "dot"}
        figure.add_trace(go.Scatter(x=epochs, y=values, name="validation mean IoU", yaxis="y2", line=line, mode=mode))
    return figure.update_layout(yaxis2={"title": "accuracy, IoU"})


def data_url(picture: np.ndarray, *, lossless: bool = False) -> str:
    """Returns a picture, RGB uint8, `(height, width, 3)`, as a `data:` address: JPEG, or PNG where lossless.

    A PNG may have a fourth channel, its opacity.
    """
    kind, options = ("png", []) if lossless else ("jpeg", [cv2.IMWRITE_JPEG_QUALITY, 88])
    _, content = cv2.imencode(f".{kind}", np.ascontiguousarray(picture[..., _BGRA[: picture.shape[2]]]), options)
    return f"data:image/{kind};base64,{base64.b64encode(content.tobytes()).decode('ascii')}"


def _bars(values: Sequence[float | None], names: Sequence[str], marker: dict, hover: str) -> go.Bar:
    hovered = [html.escape(name) for name in names]
    places = list(range(len(names)))  # names may be numbers, or equal once they are cut
    return go.Bar(x=values, y=places, customdata=hovered, orientation="h", marker=marker, hovertemplate=hover)


def _as_rows(figure: go.Figure, names: Sequence[str], notes: Sequence[str], *, room: int) -> go.Figure:
    """Names the bars on the left, the first on top, and writes a note on the right of each, in `room` pixels."""
    places = list(range(len(names)))
    for place, note in zip(places, notes, strict=True):
        beside = {"x": 1, "xref": "paper", "xanchor": "left", "xshift": 6, "y": place, "showarrow": False}
        figure.add_annotation(text=note, align="left", **beside)
    figure.update_xaxes(range=[0, 1], tickformat=".0%", gridcolor=TRACK, zeroline=False)
    figure.update_yaxes(tickvals=places, ticktext=[short(name) for name in names], showgrid=False, zeroline=False)
    figure.update_yaxes(range=[len(names) - 0.5, -0.5])
    margin = {"l": 60, "r": room, "t": 10, "b": 30}
    return figure.update_layout(height=50 + _ROW * len(names), bargap=0.3, margin=margin, showlegend=False)


def _overlay(image: np.ndarray, mask: np.ndarray, colors: Sequence[Color], opacity: float) -> np.ndarray:
    """The picture with every class but the background in its colour, as large as it is shown."""
    ids = _sampled(mask, _LONGEST_SIDE)
    rows, cols = ids.shape
    small = cv2.resize(image, (cols, rows), interpolation=cv2.INTER_AREA) if ids.shape != mask.shape else image
    alpha = (opacity * (ids > 0)).astype(np.float32)[..., None]
    return np.rint(small * (1 - alpha) + alpha * np.asarray(colors, dtype=np.float32)[ids]).astype(np.uint8)


def _sampled(mask: np.ndarray, longest_side: int) -> np.ndarray:
    """The pixels in the middle of the cells of a grid, whose longer side has at most `longest_side` cells."""
    scale = min(1, longest_side / max(mask.shape))
    rows, cols = (
        ((np.arange(count) + 0.5) * size / count).astype(int)
        for size, count in ((size, max(1, round(size * scale))) for size in mask.shape)
    )
    return mask[np.ix_(rows, cols)]


def _check_overlay(image: np.ndarray, mask: np.ndarray, num_classes: int, opacity: float) -> None:
    if image.shape != (*mask.shape, 3) or mask.size == 0:
        raise ValueError(
            "A mask (height, width) lies on a picture (height, width, 3). "
            f"Received: shapes {mask.shape} and {image.shape}. Bring both to one size."
        )
    if not np.issubdtype(mask.dtype, np.integer) or mask.min() < 0 or mask.max() >= num_classes:
        raise ValueError(
            f"Class ids are integers in [0, {num_classes}). "
            f"Received: {mask.dtype} from {mask.min()} to {mask.max()}. Name every class."
        )
    if not 0 <= opacity <= 1:
        raise ValueError(f"The opacity must lie in [0, 1]. Received: opacity={opacity}.")


def _css(color: Color) -> str:
    return "rgb({}, {}, {})".format(*(int(value) for value in color))


def _check_colors(classes: Sequence[str], colors: Sequence[Color]) -> None:
    if len(classes) != len(colors):
        raise ValueError(
            f"Every class needs a colour. Received: {len(classes)} classes, {len(colors)} colours. Give one of each."
        )
