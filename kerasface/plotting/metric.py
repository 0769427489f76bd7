"""Draws a metric training: how far apart people lie before and after, and whether they fell together on the way."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.style import ACCEPT, QUIET, REJECT
from kerasface.plotting.training import lines_over_epochs

_BINS = 80
_COLORS = (("genuine", ACCEPT), ("impostor", REJECT))


def distance_histograms(distances: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> go.Figure:
    """Draws the distances of genuine and of impostor pairs, a row for each embedder.

    Args:
        distances: Of each embedder its name and the distances of its genuine and impostor pairs, all from 0 to 2.
            Every row has its own scale: only their overlap can be compared.

    Raises:
        ValueError: If there is no embedder, or one has no pairs of one kind.
    """
    if not distances or any(not len(genuine) or not len(impostor) for _, genuine, impostor in distances):
        sizes = [(name, len(genuine), len(impostor)) for name, genuine, impostor in distances]
        raise ValueError(f"Histograms need genuine and impostor pairs of each embedder. Received: {sizes}.")
    figure = go.Figure()
    rows = len(distances)
    layout = {}
    for row, (name, *kinds) in enumerate(distances):
        suffix = str(row + 1) if row else ""
        top = 1 - row / rows
        bottom = top - 0.72 / rows
        edges = np.linspace(0, max(float(values.max()) for values in kinds), _BINS + 1)
        for values, (kind, color) in zip(kinds, _COLORS, strict=True):
            share = np.histogram(values, edges)[0] / len(values)
            figure.add_trace(
                go.Bar(
                    x=(edges[1:] + edges[:-1]) / 2,
                    y=share,
                    width=edges[1] - edges[0],
                    name=f"{kind} pairs",
                    legendgroup=kind,
                    showlegend=row == 0,
                    marker={"color": color, "opacity": 0.65, "line": {"width": 0}},
                    xaxis=f"x{suffix}",
                    yaxis=f"y{suffix}",
                    hovertemplate="distance %{x:.3f}: %{y:.1%}<extra></extra>",
                )
            )
        layout[f"xaxis{suffix}"] = {"title": "distance" if row == rows - 1 else None, "anchor": f"y{suffix}"}
        layout[f"yaxis{suffix}"] = {"domain": [max(bottom, 0), top], "anchor": f"x{suffix}", "tickformat": ".0%"}
        figure.add_annotation(
            x=0, y=top, xref="paper", yref="paper", xanchor="left", yanchor="bottom", text=name, showarrow=False
        )
    figure.update_layout(**layout, barmode="overlay", height=90 + 210 * rows)
    figure.update_layout(margin={"l": 60, "r": 18, "t": 30, "b": 40}, legend={"orientation": "h", "y": -0.16 / rows})
    return figure


def spread_curves(history: Sequence[dict]) -> go.Figure:
    """Draws over the epochs how far apart people lie, and the share of triplets that are still active.

    Args:
        history: One record per epoch with `impostor_distance`, `genuine_distance` and `active_triplets`.

    Raises:
        ValueError: If `history` is empty.
    """
    figure = lines_over_epochs(
        history,
        ("impostor_distance", "different people, mean distance", REJECT, "y"),
        ("genuine_distance", "one person, mean distance", ACCEPT, "y"),
        ("active_triplets", "active triplets", QUIET, "y2"),
    )
    figure.update_layout(
        yaxis={"title": "distance", "rangemode": "tozero"},
        yaxis2={"title": "active", "overlaying": "y", "side": "right", "tickformat": ".0%", "rangemode": "tozero"},
        height=340,
        margin={"l": 60, "r": 60, "t": 18, "b": 40},
        legend={"orientation": "h", "y": -0.2},
        hovermode="x unified",
    )
    figure.update_yaxes(showgrid=False, selector={"overlaying": "y"})
    return figure
