"""What all figures share: colours that read on white and on near-black, and names cut to the room there is.

Text keeps the colour of the theme around the figure.
"""

import html

ACCEPT = "#2a9d7f"
REJECT = "#d97757"
BAR = "#2a9d8f"
QUIET = "rgba(128, 140, 138, 0.55)"
TRACK = "rgba(128, 140, 138, 0.14)"
MAX_NAMED = 60  # classes whose names have room on an axis


def percent(probability: float) -> str:
    """Probability as text; never rounds up to a certainty that the model does not claim."""
    if probability < 0.001:
        return "< 0.1 %"
    if 0.999 < probability < 1:
        return "> 99.9 %"
    return f"{probability:.1%}".replace("%", " %")


def literal(text: str) -> str:
    """Text as Plotly shows it letter by letter: it reads tags, and of the named entities it knows no quotation mark."""
    return html.escape(text).replace("&quot;", "&#34;")


def short(name: str) -> str:
    """A name cut to what an axis has room for, escaped."""
    return literal(name if len(name) <= 18 else f"{name[:17]}…")


def anchor(position: float) -> str:
    """Side by which a label hangs on its point at `position` in `[0, 1]`, so that it stays in a narrow figure."""
    return "left" if position < 0.15 else "right" if position > 0.85 else "center"


def escaped(text: str) -> str:
    """Escapes text; names of files need not be valid Unicode, but a document must."""
    return html.escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))
