"""The report of a map of embeddings: its points with their pictures, and those that seem to carry a wrong name."""

import base64
import json
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.segmentation import data_url
from kerasface.plotting.style import escaped
from kerasface.reports.document import document, facts_row, figure_html, notes_list
from kerasface.terminal.words import share

MAX_THUMBNAILS = 1500  # of about 2.6 kB each: 4 MB
_MAX_SUSPECTS = 60  # shown with their pictures
_JPEG_QUALITY = 80

# The picture of the point under the pointer, beside it; on the pointer's left where there is no room on its right.
_SCRIPT = """
<img id="picture" alt="" style="position: fixed; display: none; width: 96px; height: 96px; pointer-events: none;
 border: 2px solid #fff; box-shadow: 0 1px 6px rgba(0, 0, 0, .4); z-index: 9">
<script>
(() => {
  const pictures = PICTURES, shown = document.getElementById("picture");
  const map = document.querySelector(".plotly-graph-div");
  map.on("plotly_hover", ({points, event}) => {
    const picture = pictures[points[0].customdata[0]];
    shown.style.display = picture ? "block" : "none";
    if (!picture) return;
    shown.src = "data:image/jpeg;base64," + picture;
    const room = document.documentElement.clientWidth - event.clientX;
    shown.style.left = (room > 130 ? event.clientX + 16 : event.clientX - 116) + "px";
    shown.style.top = Math.max(4, event.clientY - 120) + "px";
  });
  map.on("plotly_unhover", () => { shown.style.display = "none"; });
})();
</script>
"""


def embedding_map_document(
    title: str,
    figure: go.Figure,
    *,
    description: str,
    labels: Sequence[str],
    suspects: Sequence[dict] = (),
    thumbnails: Mapping[int, np.ndarray] | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Returns one HTML document with a map and the pictures that seem to carry a wrong name.

    Args:
        title: Its heading.
        figure: The map, from `map_figure`.
        description: How it was made, and what can be read from it.
        labels: The name of each point.
        suspects: Records with `index`, `label`, `suggested`, `share`, `margin` and `neighbor`, surest first.
        thumbnails: Index to picture, RGB uint8, square; the first `MAX_THUMBNAILS` appear under the pointer.
        notes: What else must be said, in sentences.
    """
    thumbnails = thumbnails or {}
    facts = {"pictures": f"{len(labels):,}", "names": f"{len(set(labels)):,}"}
    facts["suspected label errors"] = f"{len(suspects):,}"
    pictures = {index: _jpeg(thumbnails[index]) for index in list(thumbnails)[:MAX_THUMBNAILS]}
    words = f"<p>{escaped(description)}</p>"
    if len(pictures) < len(labels):
        words += f"<p class=quiet>{len(pictures):,} of {len(labels):,} points show their picture under the pointer.</p>"
    return document(
        title,
        {
            "": [facts_row(facts), notes_list(notes)],
            "Map": [words, figure_html(figure), _SCRIPT.replace("PICTURES", json.dumps(pictures))],
            "Suspected label errors": [_suspects(suspects, thumbnails)],
        },
    )


def _suspects(suspects: Sequence[dict], thumbnails: Mapping[int, np.ndarray]) -> str:
    if not suspects:
        return "<p>None: no picture is surrounded by pictures of one other name.</p>"
    shown = suspects[:_MAX_SUSPECTS]
    counted = f"The first {len(shown)} of {len(suspects):,}" if len(shown) < len(suspects) else f"All {len(suspects)}"
    words = (
        f"<p>{counted}, the clearest first: pictures whose nearest neighbours carry another name, each beside the "
        "nearest of them. Look before you change anything: pictures of bad quality are near to strangers too.</p>"
    )
    return f"{words}<div class='pictures'>{''.join(_pair(suspect, thumbnails) for suspect in shown)}</div>"


def _pair(suspect: dict, thumbnails: Mapping[int, np.ndarray]) -> str:
    told = f"<small>{share(suspect['share'], 0)} of its neighbours, margin {suspect['margin']:.3f}</small>"
    parts = (
        (suspect["index"], f"named <b>{escaped(suspect['label'])}</b>"),
        (suspect["neighbor"], f"looks like <b>{escaped(suspect['suggested'])}</b>{told}"),
    )
    figures = (
        f"<figure>{_img(thumbnails.get(index))}<figcaption>{caption}</figcaption></figure>" for index, caption in parts
    )
    return f"<div class='pair'>{''.join(figures)}</div>"


def _img(picture: np.ndarray | None) -> str:
    return "" if picture is None else f'<img alt="" src="{data_url(picture)}">'


def _jpeg(picture: np.ndarray) -> str:
    _, content = cv2.imencode(
        ".jpg", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    return base64.b64encode(content.tobytes()).decode("ascii")
