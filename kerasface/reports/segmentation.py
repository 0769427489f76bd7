"""What was measured of masks, as one HTML document with its figures."""

from collections.abc import Sequence

import cv2
import numpy as np

from kerasface.plotting.segmentation import Color, confusion_heatmap, data_url, iou_bars
from kerasface.plotting.style import escaped
from kerasface.reports.document import THUMBNAIL, document, facts_row, figure_html, table
from kerasface.tasks.measuring.masks import MaskRates, WorstMask
from kerasface.terminal.words import share

_LONGEST_SIDE = 220  # pixels of a picture shown
_MAX_MASKS = 12


def segmentation_document(title: str, rates: MaskRates) -> str:
    """Returns the report of a segmentation as HTML that needs no network.

    Args:
        title: Its heading.
        rates: What was measured.
    """
    result = rates.result
    facts = {
        "mean IoU": share(result.mean_iou, 2),
        "pixel accuracy": share(result.pixel_accuracy, 2),
        "pictures": f"{result.num_images:,}",
    }
    by_class = (result.iou, result.f1, result.boundary_f1)
    rows = [(name, *(share(shares[name], 2) for shares in by_class)) for name in result.classes]
    return document(
        title,
        {
            "": [facts_row(facts)],
            "Classes": [
                table(["class", "IoU", "F1", "boundary F1"], rows),
                figure_html(iou_bars(result, rates.colors)),
            ],
            "What is taken for what": [figure_html(confusion_heatmap(result))],
            "Worst masks": [worst_masks(rates.worst, result.classes, rates.colors)],
        },
    )


def worst_masks(worst: Sequence[WorstMask], classes: Sequence[str], colors: Sequence[Color]) -> str:
    """Returns pictures with what their masks should be and what they are, as HTML.

    Args:
        worst: Masks to be looked at, the worst first; the first 12 are shown.
        classes: Names of the classes, by class id.
        colors: RGB of each class, 0 to 255.

    Raises:
        ValueError: If a mask has another shape than its picture, or an id without a colour.
    """
    if not worst:
        return "<p>None are shown.</p>"
    shown = worst[:_MAX_MASKS]
    count = "The" if len(shown) == len(worst) else f"{len(shown)} of the"
    words = f"<p class='quiet'>{count} {len(worst):,} masks with the lowest mean IoU, the worst first.</p>"
    return words + _legend(classes, colors) + "".join(_triple(mask, colors) for mask in shown)


def _legend(classes: Sequence[str], colors: Sequence[Color]) -> str:
    style = "display:inline-block;width:.9em;height:.9em;border:1px solid #8a9592;border-radius:3px;margin-right:.35em"
    parts = [
        f"<span style='white-space:nowrap;margin-right:1.1em'><i style='{style};vertical-align:-.1em;"
        f"background:{_hex(color)}'></i>{escaped(name)}</span>"
        for name, color in zip(classes, colors, strict=True)
    ]
    return f"<p>{' '.join(parts)}</p>"


def _triple(mask: WorstMask, colors: Sequence[Color]) -> str:
    height, width = mask.image.shape[:2]
    scale = min(1, _LONGEST_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = cv2.resize(mask.image, size, interpolation=cv2.INTER_AREA)
    sources = {
        "picture": data_url(picture),
        "what it should be": data_url(_colored(mask, mask.true, size, colors), lossless=True),
        "what it is": data_url(_colored(mask, mask.predicted, size, colors), lossless=True),
    }
    # The three stay side by side on a narrow screen, where comparing them is the point.
    figures = "".join(
        f"<figure style='width:auto;min-width:0;flex:0 1 {max(size[0], THUMBNAIL)}px'><img src='{source}' alt='{name}' "
        f"style='width:100%;max-width:{size[0]}px;height:auto'><figcaption>{name}</figcaption></figure>"
        for name, source in sources.items()
    )
    return (
        f"<h3>{escaped(mask.file)} <small>mean IoU {share(mask.mean_iou)}</small></h3>"
        f"<div class='pictures' style='flex-wrap:nowrap'>{figures}</div>"
    )


def _colored(mask: WorstMask, ids: np.ndarray, size: tuple[int, int], colors: Sequence[Color]) -> np.ndarray:
    """A mask in the colours of its classes, RGB uint8, of `size`, which is (width, height)."""
    if ids.shape != mask.image.shape[:2] or ids.min() < 0 or ids.max() >= len(colors):
        raise ValueError(
            f"A mask has the size of its picture and ids below the number of colours, {len(colors)}. Received: shape "
            f"{ids.shape} with ids {ids.min()} to {ids.max()} for a picture {mask.image.shape[:2]}, {mask.file}."
        )
    return cv2.resize(np.asarray(colors, dtype=np.uint8)[ids], size, interpolation=cv2.INTER_NEAREST)


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*(int(value) for value in color))
