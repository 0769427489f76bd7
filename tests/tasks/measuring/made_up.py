"""Photos of people who do not exist, and embeddings that stand for them."""

from pathlib import Path

import numpy as np
from PIL import Image

from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.tasks.measuring.people import Embedded, People


def unit(angles):
    """Unit vectors in the plane at angles in degrees, `(n, 2)` float32."""
    angles = np.deg2rad(np.asarray(angles, dtype=np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def people_of(labels):
    paths = [Path(f"p{label}") / f"{number}.jpg" for number, label in enumerate(labels)]
    return People("made up", paths, np.array(labels), [f"p{label}" for label in np.unique(labels)])


def embedded_as(embeddings, rows=None, *, fingerprint="", reasons=None, **attributes):
    rows = np.arange(len(embeddings)) if rows is None else np.array(rows)
    return Embedded("a model", fingerprint, normalizer_of(fingerprint), rows, embeddings, attributes, reasons or {})


def write_images(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
