"""Draws what was published: the errors of a contest year by year, and a family of networks by what they cost."""

from collections.abc import Sequence

import plotly.graph_objects as go

from kerasface.plotting.style import BAR, QUIET, REJECT, TRACK

_ROOM = 0.03  # of the axis, that a number needs


def contest_bars(years: Sequence[int], errors: Sequence[float], names: Sequence[str], people: float) -> go.Figure:
    """Draws the error of each year's winner as a bar with its name, and that of people as a line.

    Args:
        years: Of the contest.
        errors: Shares.
        names: Of the winners, with what else is to be read below each bar.
        people: Share of errors of a person.
    """
    texts = [f"{error:.1%}".replace("%", "\N{NO-BREAK SPACE}%") for error in errors]
    bars = go.Bar(x=list(range(len(years))), y=list(errors), showlegend=False)
    figure = go.Figure(bars.update(marker={"color": BAR, "cornerradius": 4}))
    told = [f"{year}, {name}: {text}<extra></extra>" for year, name, text in zip(years, names, texts, strict=True)]
    figure.update_traces(hovertemplate=told)
    for place, (error, text) in enumerate(zip(errors, texts, strict=True)):
        above = people if abs(error - people) < _ROOM else error  # else the line would run through it
        figure.add_annotation(x=place, y=max(above, error), text=text, showarrow=False, yanchor="bottom")
    name = f"a trained person, {people:.1%}".replace("%", "\N{NO-BREAK SPACE}%")
    line = {"color": REJECT, "dash": "dash", "width": 2}
    ends = [-0.5, len(years) - 0.5]
    figure.add_trace(go.Scatter(x=ends, y=[people] * 2, name=name, mode="lines", line=line, hoverinfo="skip"))
    ticks = [f"<b>{year}</b><br>{name}" for year, name in zip(years, names, strict=True)]
    figure.update_xaxes(tickvals=list(range(len(years))), ticktext=ticks, showgrid=False, zeroline=False)
    figure.update_yaxes(tickformat=".0%", range=[0, 0.32], gridcolor=TRACK, zeroline=False, title="top-5 error")
    legend = {"orientation": "h", "y": 1, "yanchor": "bottom"}
    return figure.update_layout(
        height=390, margin={"l": 55, "r": 10, "t": 25, "b": 70}, bargap=0.35, showlegend=True, legend=legend
    )


def accuracy_bubbles(networks: Sequence[dict]) -> go.Figure:
    """Draws accuracy over multiply-adds, with the name of each network.

    Args:
        networks: Per network `name`, `multiply_adds` and `accuracy`.
    """
    figure = go.Figure(
        go.Scatter(
            x=[network["multiply_adds"] for network in networks],
            y=[network["accuracy"] for network in networks],
            text=[network["name"] for network in networks],
            mode="markers+text",
            textposition="top center",
            marker={"size": 13, "color": BAR, "line": {"width": 1, "color": QUIET}},
            hovertemplate="<b>%{text}</b><br>%{x:.3s} multiply-adds, %{y:.1%} right<extra></extra>",
            cliponaxis=False,
        )
    )
    figure.update_xaxes(title="multiply-adds of one image", type="log", dtick=1, tickformat="~s", gridcolor=TRACK)
    figure.update_xaxes(range=[8.2, 10.6])
    figure.update_yaxes(title="top-1 accuracy", tickformat=".0%", gridcolor=TRACK, range=[0.68, 0.85])
    return figure.update_layout(height=400, margin={"l": 60, "r": 20, "t": 20, "b": 50}, showlegend=False)
