"""What was measured of masks, as one HTML document with its figures."""

from kerasface.plotting.segmentation import confusion_heatmap, iou_bars
from kerasface.reports.document import document, facts_row, figure_html, table
from kerasface.tasks.measuring.masks import MaskRates
from kerasface.terminal.words import share


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
        },
    )
