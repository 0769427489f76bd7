"""HTML documents with figures that need no network: the reports of trainings and of measurements."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from kerasface.plotting.style import escaped

THUMBNAIL = 104  # pixels
# Whatever stands in a document, it asks nobody: names and pictures of others are in it.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)

_STYLE = f"""
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem;
       color: #16211f; background: #fff; color-scheme: light; overflow-wrap: anywhere; }}
h1 {{ line-height: 1.2; margin-bottom: 1rem; }} h2 {{ margin: 2.75rem 0 .5rem; }}
h3 {{ margin: 1.25rem 0 .25rem; font-size: 1rem; }}
p {{ max-width: 46rem; }} small, .quiet {{ color: #5d6b68; }} summary {{ cursor: pointer; }}
.table {{ overflow-x: auto; }} table {{ border-collapse: collapse; width: 100%; overflow-wrap: break-word; }}
th, td {{ text-align: left; vertical-align: top; padding: .25rem 0 .25rem 1rem; }}
th {{ vertical-align: bottom; line-height: 1.25; }} td {{ border-top: 1px solid #dde5e2; }}
th:first-child, td:first-child {{ padding-left: 0; min-width: 6rem; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }} td.number {{ white-space: nowrap; }}
figure {{ margin: 0; font-size: 12px; line-height: 1.35; width: {THUMBNAIL}px; }}
figcaption small {{ display: block; }}
img {{ border-radius: 4px; display: block; margin-bottom: .25rem; width: {THUMBNAIL}px; height: {THUMBNAIL}px; }}
.pictures {{ display: flex; flex-wrap: wrap; gap: 1rem .9rem; margin: .5rem 0; }}
.pair {{ display: flex; gap: 4px; padding: .5rem; border: 1px solid #dde5e2; border-radius: 6px; }}
.facts {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: 1rem 1.25rem; }}
.facts b {{ display: block; font-size: 1.6rem; line-height: 1.3; white-space: nowrap; }}
.notes {{ background: #f3f6f5; border-radius: 6px; padding: .6rem 1rem .6rem 2rem; margin: 1.5rem 0; }}
"""


def document(title: str, sections: Mapping[str, Sequence[str]]) -> str:
    """Returns an HTML document.

    Args:
        title: Its heading.
        sections: Heading to parts, in HTML; those without parts are left out. One without a heading stands first.
    """
    body = "".join(
        (f"<h2>{heading}</h2>" if heading else "") + "".join(parts) for heading, parts in sections.items() if parts
    )
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{_STYLE}</style><script>{get_plotlyjs()}</script>"
    )
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>{escaped(title)}</h1>{body}</body></html>'


def facts_row(facts: Mapping[str, str]) -> str:
    """The numbers that matter most, large: what they are, in HTML, to the value."""
    cells = "".join(f"<div><b>{value}</b>{name}</div>" for name, value in facts.items())
    return f'<div class="facts">{cells}</div>'


def notes_list(notes: Sequence[str]) -> str:
    """What must be said, a line each; nothing where there is nothing to say."""
    lines = "".join(f"<li>{escaped(note)}</li>" for note in notes)
    return f'<ul class="notes">{lines}</ul>' if notes else ""


def table(heads: Sequence[str], rows: Sequence[Sequence]) -> str:
    """A table whose first column is text and whose others are numbers."""

    def line(tag: str, cells: Sequence) -> str:
        first, *others = (escaped(str(cell)) for cell in cells)
        return f"<tr><{tag}>{first}</{tag}>{''.join(f'<{tag} class=number>{cell}</{tag}>' for cell in others)}</tr>"

    return f"<div class='table'><table>{line('th', heads)}{''.join(line('td', row) for row in rows)}</table></div>"


def figure_html(figure: go.Figure) -> str:
    """A figure as a part of a document, which brings Plotly along."""
    figure.update_layout(template="plotly_white")
    return figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False, "responsive": True})
