"""Cells under a microscope: stained or grey, with nuclei, dirt and uneven light."""

import numpy as np

from kerasface.data.drawn.canvas import Canvas

CLASSES = ("background", "cell", "nucleus")
COLORS = ("#000000", "#56b4e9", "#f0e442")
SIZE = (128, 128)  # height and width in pixels
_CELL, _NUCLEUS = 1, 2


def draw_cells(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws one picture of cells.

    Args:
        generator: The source of all randomness.

    Returns:
        RGB uint8 `(128, 128, 3)`, and class ids of `CLASSES`, uint8 `(128, 128)`.
    """
    height, width = SIZE
    canvas = Canvas(width, height, generator)
    x, y = canvas.places()
    stained = generator.random() < 0.6
    ground, body, core = _stain(generator) if stained else _grey(generator)
    canvas.paint(np.ones(x.shape, bool), canvas.textured(ground, 0.03, 12))
    size = generator.uniform(9, 17)
    for _ in range(generator.integers(5, 16)):
        _cell(canvas, generator.uniform(0, width), generator.uniform(0, height), size, body, core, halo=not stained)
    for _ in range(generator.integers(0, 5)):  # dirt: neither cell nor nucleus
        speck = canvas.ellipse(
            generator.uniform(0, width), generator.uniform(0, height), *generator.uniform(0.6, 1.6, 2)
        )
        canvas.shade(speck, 0.5)
    turn, fall = generator.uniform(0, 2 * np.pi), generator.uniform(0, 0.35)
    slope = (x / width - 0.5) * np.cos(turn) + (y / height - 0.5) * np.sin(turn)
    canvas.shade(np.ones(x.shape, bool), 1 + fall * slope)
    return canvas.finished(
        light=generator.uniform(0.7, 1.1),
        tint=np.ones(3) if not stained else generator.uniform(0.94, 1.06, 3),
        blur=generator.uniform(0, 0.9),
        grain=generator.uniform(2, 9),
    )


def _stain(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours as haematoxylin and eosin give them: background, body, nucleus."""
    change = generator.normal(0, 8, (3, 3))
    return tuple(np.array([(238, 226, 236), (214, 140, 184), (104, 66, 138)]) + change)


def _grey(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Greys as phase contrast gives them."""
    ground = generator.uniform(110, 150)
    return tuple(np.full(3, value) for value in (ground, ground * generator.uniform(0.72, 0.85), ground * 0.5))


def _cell(canvas: Canvas, x: float, y: float, size: float, body, core, halo: bool) -> None:
    random = canvas.random
    across, down, turn = size * random.uniform(0.75, 1.25), size * random.uniform(0.6, 1.0), random.uniform(0, np.pi)
    if halo:
        canvas.shade(canvas.ellipse(x, y, across * 1.22, down * 1.22, turn), 1.12)
    place = (x, y, across, down, turn)
    canvas.paint(canvas.blob(*place, wobble=0.12), canvas.textured(body * random.uniform(0.9, 1.08), 0.05, 2), _CELL)
    nucleus = size * random.uniform(0.3, 0.48)
    inner = x + random.normal(0, size * 0.12), y + random.normal(0, size * 0.12)
    color = canvas.textured(core * random.uniform(0.85, 1.15), 0.12, 1.5)
    canvas.paint(canvas.blob(*inner, nucleus, nucleus * random.uniform(0.7, 1), turn, 0.1), color, _NUCLEUS)
