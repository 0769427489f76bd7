"""Draws who is confused with whom: each person's own rate."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from kerasface.evaluation.people_rates import FACTOR
from kerasface.plotting.style import ACCEPT, QUIET, REJECT, literal
from kerasface.terminal.words import percent_of

_MAX_DRAWN = 2000  # people; of more, those in the middle are drawn at equal steps


def own_rates_figure(own_rates: np.ndarray, names: Sequence[str], asked: float, *, of_whom: str) -> go.Figure:
    """Draws each person's own rate, the highest first, next to the one asked for and ten times that.

    Args:
        own_rates: Fractions, `(num_people,)`.
        names: Of the people.
        asked: The rate asked for.
        of_whom: What the rate is a share of, for the axis.
    """
    order = np.argsort(-own_rates, kind="stable")
    shown = np.unique(np.linspace(0, len(order) - 1, min(_MAX_DRAWN, len(order))).round().astype(int))
    rates = own_rates[order[shown]]
    over = rates > FACTOR * asked
    least = min(float(rates[rates > 0].min(initial=asked)), asked) / 2  # where those with none stand
    figure = go.Figure(
        go.Scatter(
            x=shown + 1,
            y=np.maximum(rates, least),
            mode="markers",
            marker={
                "size": 7,
                "color": np.where(over, REJECT, ACCEPT).tolist(),
                "symbol": np.where(over, "diamond", "circle").tolist(),
            },
            customdata=[[literal(names[person]), rate] for person, rate in zip(order[shown], rates, strict=True)],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]:.3%}<extra></extra>",
        )
    )
    for rate, name in ((asked, "asked"), (FACTOR * asked, f"{FACTOR} times that")):
        figure.add_hline(y=rate, line={"color": QUIET, "dash": "dot"})
        figure.add_annotation(  # which goes by logarithms where the axis does
            x=1,
            xref="paper",
            xanchor="right",
            y=np.log10(rate),
            yanchor="bottom",
            text=f"{name}: {percent_of(rate)}",
            showarrow=False,
        )
    top = max(float(rates.max()), FACTOR * asked)
    ticks = [tick for tick in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1) if 2.5 * least <= tick <= 2 * top]
    figure.update_yaxes(
        title=of_whom,
        type="log",
        range=[np.log10(least) - 0.1, np.log10(top) + 0.2],
        tickvals=[least, *ticks],
        ticktext=["none", *map(percent_of, ticks)],
    )
    figure.update_xaxes(title="people, the highest rate first", rangemode="tozero")
    return figure.update_layout(height=380, margin={"l": 60, "r": 18, "t": 20, "b": 40}, showlegend=False)
