"""Writes drawn pictures with their masks as folders that `kerasface train segment` takes."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from kerasface.data.drawn import cells, scenes
from kerasface.data.folders import ABOUT_FILE
from kerasface.data.masks.reading import CLASSES_FILE
from kerasface.data.samples import refuse_full_folder
from kerasface.files.paths import made_whole, writing

# Name -> what draws one, class names, their colours, height and width.
KINDS = {
    "scenes": (scenes.draw_scene, scenes.CLASSES, scenes.COLORS, scenes.SIZE),
    "cells": (cells.draw_cells, cells.CLASSES, cells.COLORS, cells.SIZE),
}
_PARTS = ("train", "validation")
_VALIDATION = 4  # of so many pictures one more is drawn to judge on


@dataclass(frozen=True)
class DrawnData:
    """A folder with `train` and `validation`, each with `images`, `masks` and `classes.txt`.

    Attributes:
        folder: Where it is.
        kind: What is drawn.
        num_train: Pictures to learn from.
        num_validation: Pictures to judge on.
        classes: Names of the classes, by class id.
        image_size: Height and width of the pictures in pixels.
        seed: Of all that is random: another one draws other pictures.
    """

    folder: str
    kind: str
    num_train: int
    num_validation: int
    classes: tuple[str, ...]
    image_size: tuple[int, int]
    seed: int

    def to_dict(self) -> dict:
        """Returns the record as JSON-ready values."""
        return {**asdict(self), "classes": list(self.classes), "image_size": list(self.image_size)}


def write_drawn(
    kind: str,
    folder: str | os.PathLike,
    *,
    count: int = 400,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> DrawnData:
    """Draws pictures and masks into a folder; the same ones every time for the same seed.

    Args:
        kind: One of `KINDS`.
        folder: Made if missing; must be empty.
        count: Pictures to learn from, at least 1; a quarter as many more, at least 1, are to judge on.
        seed: Of all that is random.
        on_progress: Called with the number of pictures done and their total.

    Raises:
        ValueError: If the kind is unknown, a number is out of range, or the folder is none or not empty.
        OSError: If the disk refuses.
    """
    if kind not in KINDS:
        raise ValueError(f"Unknown kind of pictures. Received: {kind!r}. Choose one of {[*KINDS]}.")
    if count < 1 or seed < 0:
        raise ValueError(f"count must be at least 1 and seed at least 0. Received: count={count}, seed={seed}.")
    folder = Path(folder)
    refuse_full_folder(folder)
    draw, classes, colors, size = KINDS[kind]
    numbers = (count, max(1, count // _VALIDATION))
    lines = "".join(f"{name} {color}\n" for name, color in zip(classes, colors, strict=True))
    about = {"source": f"drawn by `kerasface sample {kind}`, seed {seed}", "licence": "CC0 1.0"}
    done = 0
    with made_whole(folder) as beside, writing(folder):
        for part, (name, number) in enumerate(zip(_PARTS, numbers, strict=True)):
            root = beside / name
            for inner in ("images", "masks"):
                (root / inner).mkdir(parents=True)
            (root / CLASSES_FILE).write_text(lines, encoding="utf-8")
            (root / ABOUT_FILE).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
            for index in range(number):
                image, mask = draw(np.random.default_rng((seed, part, index)))
                for inner, pixels in (("images", image), ("masks", mask)):
                    Image.fromarray(pixels).save(root / inner / f"{kind}_{index + 1:04d}.png")
                done += 1
                on_progress(done, sum(numbers))
    return DrawnData(str(folder), kind, *numbers, classes, size, seed)
