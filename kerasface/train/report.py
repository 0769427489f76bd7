"""The report of a classification training: one HTML file with its figures and the pictures behind its errors."""

import base64
import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import plotly.graph_objects as go

from kerasface import plotting
from kerasface.evaluation.classification import (
    Calibration,
    apply_temperature,
    calibration,
    fit_temperature,
)

_MAX_CELLS = 20  # confusion cells shown with their pictures
_MAX_PICTURES = 8  # pictures shown of one cell
_MAX_MISTAKES = 24
_MAX_HEATMAP = 60  # classes
_THUMBNAIL = 72  # pixels

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem;
       color: #16211f; background: #fff; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .75rem .25rem 0; }
td { border-top: 1px solid #dde5e2; vertical-align: top; } td.number { font-variant-numeric: tabular-nums; }
img { border-radius: 4px; margin: 2px; } figure { display: inline-block; margin: 4px; font-size: 12px; width: 8.5rem; }
.facts { display: flex; flex-wrap: wrap; gap: 2rem; } .facts b { display: block; font-size: 1.6rem; }
"""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says about the held-out images.

    Attributes:
        probabilities: `(num_samples, num_classes)`, before temperature scaling.
        labels: True classes `(num_samples,)`.
        names: Names of the classes.
        files: File of each sample.
        pictures: `(num_samples, height, width, 3)` uint8; read only where a picture is shown.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    names: Sequence[str]
    files: Sequence[str]
    pictures: np.ndarray


@dataclass(frozen=True)
class Temperature:
    """The temperature of a model and what it does, measured on samples it was not fitted on.

    Attributes:
        value: Fitted on all held-out samples.
        before: Calibration without it.
        after: Calibration with temperatures fitted on the other half of the samples each time.
    """

    value: float
    before: Calibration
    after: Calibration


def cross_fitted_temperature(probabilities: np.ndarray, labels: np.ndarray) -> Temperature:
    """Fits the temperature and judges it fairly: on each half of the samples with the one fitted on the other half."""
    halves = np.arange(len(labels)) % 2
    cooled = np.array(probabilities, dtype=np.float64)
    if len(labels) >= 4:
        for half in (0, 1):
            temperature = fit_temperature(probabilities[halves != half], labels[halves != half])
            cooled[halves == half] = apply_temperature(probabilities[halves == half], temperature)
    return Temperature(
        value=fit_temperature(probabilities, labels),
        before=calibration(probabilities, labels),
        after=calibration(cooled, labels),
    )


def per_class(predictions: Predictions) -> list[dict]:
    """Returns per class: `name`, `num_validation`, `recall`, `precision` (`None` where nothing was named so)."""
    named = predictions.probabilities.argmax(axis=1)
    rows = []
    for label, name in enumerate(predictions.names):
        true, said = predictions.labels == label, named == label
        right = int(np.sum(true & said))
        rows.append(
            {
                "name": name,
                "num_validation": int(true.sum()),
                "recall": right / int(true.sum()) if true.any() else None,
                "precision": right / int(said.sum()) if said.any() else None,
            }
        )
    return rows


def write_report(
    title: str,
    metrics: dict,
    history: Sequence[dict],
    predictions: Predictions,
    temperature: Temperature,
    notes: Sequence[str],
) -> str:
    """Returns the report as one HTML document that needs no network.

    Args:
        title: Its heading.
        metrics: The run's metrics.
        history: The run's history.
        predictions: On the held-out images.
        temperature: The calibration.
        notes: What else must be said: rejected files, people left out.
    """
    named = predictions.probabilities.argmax(axis=1)
    count = len(predictions.names)
    matrix = np.bincount(predictions.labels * count + named, minlength=count**2).reshape(count, count)
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        _facts(metrics, temperature),
        *(f"<p>{html.escape(note)}</p>" for note in notes),
        "<h2>Training</h2>",
        _figure(plotting.training_curves(history), first=True),
        "<h2>Most confident mistakes</h2>",
        _mistakes(predictions, named),
        "<h2>Confusions</h2>",
        # A cell of a larger matrix is too small to be seen; the table below names the confusions.
        *([_figure(plotting.confusion_heatmap(matrix, predictions.names))] if count <= _MAX_HEATMAP else []),
        _cells(predictions, named),
        "<h2>Can its confidence be believed?</h2>",
        _figure(plotting.reliability_diagram(temperature.before, temperature.after)),
        "<h2>Classes</h2>",
        f"<details><summary>All {count} classes, the worst first</summary>{_classes(per_class(predictions))}</details>",
    ]
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _facts(metrics: dict, temperature: Temperature) -> str:
    facts = {
        "top-1": f"{metrics['top1']:.2%}",
        "top-5": f"{metrics['top5']:.2%}",
        "calibration error": f"{temperature.after.ece:.1%}",
        "classes": f"{metrics['num_classes']:,}",
        "trained on": f"{metrics['num_train']:,} images",
        "judged on": f"{metrics['num_validation']:,} images",
    }
    cells = "".join(f"<div><b>{value}</b>{name}</div>" for name, value in facts.items())
    return f'<div class="facts">{cells}</div>'


def _mistakes(predictions: Predictions, named: np.ndarray) -> str:
    wrong = np.flatnonzero(named != predictions.labels)
    if len(wrong) == 0:
        return "<p>None: every held-out image was named rightly.</p>"
    confidence = predictions.probabilities.max(axis=1)
    order = wrong[np.argsort(-confidence[wrong])][:_MAX_MISTAKES]
    return "".join(
        _picture(
            predictions,
            index,
            f"{predictions.names[predictions.labels[index]]} taken for {predictions.names[named[index]]} "
            f"({confidence[index]:.0%})",
        )
        for index in order
    )


def _cells(predictions: Predictions, named: np.ndarray) -> str:
    wrong = np.flatnonzero(named != predictions.labels)
    cells = Counter((int(predictions.labels[index]), int(named[index])) for index in wrong)
    rows = []
    for (true, said), number in cells.most_common(_MAX_CELLS):
        behind = [index for index in wrong if (predictions.labels[index], named[index]) == (true, said)]
        pictures = "".join(_picture(predictions, index, predictions.files[index]) for index in behind[:_MAX_PICTURES])
        names = f"{html.escape(predictions.names[true])} taken for {html.escape(predictions.names[said])}"
        rows.append(f"<tr><td>{names}</td><td class='number'>{number}</td><td>{pictures}</td></tr>")
    return f"<table><tr><th>confusion</th><th>times</th><th>pictures</th></tr>{''.join(rows)}</table>" if rows else ""


def _picture(predictions: Predictions, index: int, caption: str) -> str:
    (picture,) = predictions.pictures[index : index + 1]  # a slice: they may be on disk
    small = cv2.resize(picture, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    _, content = cv2.imencode(".jpg", small[..., ::-1])
    source = f"data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode('ascii')}"
    text = html.escape(caption, quote=True)
    return f'<figure><img src="{source}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def _classes(rows: Sequence[dict]) -> str:
    def share(value):
        return "-" if value is None else f"{value:.1%}"

    worst_first = sorted(rows, key=lambda row: (row["recall"] is None, row["recall"]))
    lines = "".join(
        f"<tr><td>{html.escape(row['name'])}</td><td class='number'>{row['num_validation']}</td>"
        f"<td class='number'>{share(row['recall'])}</td><td class='number'>{share(row['precision'])}</td></tr>"
        for row in worst_first
    )
    return f"<table><tr><th>class</th><th>held out</th><th>recall</th><th>precision</th></tr>{lines}</table>"


def _figure(figure: go.Figure, first: bool = False) -> str:
    figure.update_layout(template="plotly_white")
    return figure.to_html(full_html=False, include_plotlyjs=first, config={"displaylogo": False})
