"""Attributions laid over their image, in colours that people with colour blindness can read."""

from functools import lru_cache

import numpy as np
from plotly.colors import diverging, sample_colorscale, sequential

from kerasface.arrays import check_array, check_image

# By these names the scales are plotly's, too, for a legend beside the picture.
SIGNED_SCALE = "RdBu_r"  # blue below 0, red above
UNSIGNED_SCALE = "Viridis"


def color_limit(*maps: np.ndarray) -> float:
    """Returns the value that should get the full colour on these maps, so that they can be compared.

    It is the 99.5th percentile of the absolute values: a few single pixels shall not make all others invisible.
    """
    values = np.abs(np.concatenate([map.ravel() for map in maps]))
    return float(np.quantile(values, 0.995) or values.max())


def overlay_map(
    image: np.ndarray,
    map: np.ndarray,
    *,
    signed: bool,
    limit: float | None = None,
    opacity: float = 0.75,
) -> np.ndarray:
    """Lays a map over its image: the more a place counts, the more its colour hides.

    Args:
        image: RGB uint8, shape `(height, width, 3)`.
        map: `(height, width)`.
        signed: Red for what speaks for the target and blue for what speaks against it; else from violet to yellow.
        limit: The value that gets the full colour; `color_limit(map)` if not given. Give the same for maps that are to
            be compared.
        opacity: How much the full colour hides, from 0 to 1.

    Returns:
        A new RGB uint8 image, shape `(height, width, 3)`. Under a map of zeros it is the image itself.

    Raises:
        ValueError: If map and image differ in size, the map is not finite, or an argument is out of range.
    """
    check_image(image)
    check_array(map, "A map has shape (height, width)", "map")
    if map.shape != image.shape[:2] or not np.isfinite(map).all():
        raise ValueError(
            "The map must be finite and as large as the image. "
            f"Received: map {map.shape}, image {image.shape}. Bring the map to the image's size."
        )
    if not 0 <= opacity <= 1 or (limit is not None and limit < 0):
        raise ValueError(
            f"opacity must lie between 0 and 1, limit must not be negative. Received: opacity={opacity}, limit={limit}."
        )
    values, colors = _colored(map, signed, limit)
    hiding = opacity * np.abs(values)[..., None]
    return np.rint(image * (1 - hiding) + colors * hiding).astype(np.uint8)


def _colored(map: np.ndarray, signed: bool, limit: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Values as shares of the limit, in `[-1, 1]` or `[0, 1]`, and their colours, uint8 `(..., 3)`."""
    limit = color_limit(map) if limit is None else limit
    values = np.clip(map / limit, -1 if signed else 0, 1) if limit > 0 else np.zeros(map.shape)
    places = np.rint(255 * ((values + 1) / 2 if signed else values)).astype(np.uint8)
    return values, _table(signed)[places]


@lru_cache
def _table(signed: bool) -> np.ndarray:
    """256 RGB colours, uint8."""
    scale = diverging.RdBu_r if signed else sequential.Viridis
    colors = sample_colorscale(scale, np.linspace(0, 1, 256).tolist(), colortype="tuple")
    return np.rint(255 * np.array(colors)).astype(np.uint8)
