"""A stitched model that tells how many pictures it has computed, for explanations that take long."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from kerasface.inspection.stitched import Stitched


class Watched:
    """Stands in for a `Stitched` wherever pictures are computed by the dozen.

    Methods of attribution and `deletion_insertion` take it like the model itself. Whoever is told may raise an
    exception, which ends the work.

    Args:
        stitched: The model.
        on_pictures: Called with the number of pictures so far: those whose scores are being computed, and those whose
            gradients are.

    Example:
        ```python
        METHODS["rise"](Watched(stitched, lambda done: print(done)), image, ClassTarget())
        ```
    """

    def __init__(self, stitched: Stitched, on_pictures: Callable[[int], None]):
        self._stitched = stitched
        self._on_pictures = on_pictures
        self._done = 0

    def __getattr__(self, name: str):
        return getattr(self._stitched, name)

    def scores(self, images: Iterable[np.ndarray], weights: np.ndarray, *, of: str = "logits") -> np.ndarray:
        """As `Stitched.scores`; counts the pictures one by one."""
        return self._stitched.scores(self._counted(images), weights, of=of)

    def input_gradients(self, images: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `Stitched.input_gradients`; counts the pictures once all are done."""
        found = self._stitched.input_gradients(images, weights)
        self._add(len(images))
        return found

    def _counted(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for image in images:
            yield image
            self._add(1)

    def _add(self, count: int) -> None:
        self._done += count
        self._on_pictures(self._done)
