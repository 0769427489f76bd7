"""Draws a grid that is no numbers: which channel goes where."""

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.style import BAR, TRACK

_CELL = 26  # pixels


def connection_grid(table: np.ndarray, axes: tuple[str, str]) -> go.Figure:
    """Draws which of the rows goes to which of the columns.

    Args:
        table: Bool, `(num_rows, num_columns)`.
        axes: What a row and a column is called.
    """
    rows, cols = table.shape
    told = np.where(table, "sees it", "does not see it")
    figure = go.Figure(
        go.Heatmap(
            z=table.astype(int),
            x=np.arange(1, cols + 1),
            y=np.arange(1, rows + 1),
            zmin=0,
            zmax=1,
            colorscale=[[0, TRACK], [1, BAR]],
            showscale=False,
            xgap=2,
            ygap=2,
            text=told,
            hovertemplate=f"{axes[0]} %{{y}}, {axes[1]} %{{x}}: %{{text}}<extra></extra>",
        )
    )
    figure.update_xaxes(title=axes[1], showgrid=False, zeroline=False, tickformat="d")
    figure.update_yaxes(title=axes[0], autorange="reversed", showgrid=False, zeroline=False, tickformat="d")
    return figure.update_layout(height=90 + _CELL * rows, margin={"l": 50, "r": 10, "t": 10, "b": 45})
