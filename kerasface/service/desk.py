"""The one place of the service where networks are run: whoever waits is served together."""

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from kerasface.faces.analyzer import AnalyzedFace, FaceAnalyzer

_MOST_PHOTOS = 16  # looked at together: more wait for the next turn, so that nobody waits for a crowd


class DeskBusyError(RuntimeError):
    """More requests wait than may; the caller should come again."""


class DeskClosedError(RuntimeError):
    """The service is going down."""


@dataclass(eq=False)
class _Request:
    images: Sequence[np.ndarray]
    answer: Future = field(default_factory=Future)


class Desk:
    """A face front end that many threads share: photos that wait at the same moment go through the networks together.

    It can be used in place of a `FaceAnalyzer` by whatever asks only for `analyze`, `embedder` and `detector`.

    Args:
        analyzer: The face front end; it is used by one thread alone.
        most_waiting: How many requests may wait; more are turned away.
    """

    def __init__(self, analyzer: FaceAnalyzer, *, most_waiting: int = 64):
        self.embedder, self.detector = analyzer.embedder, analyzer.detector
        self._analyzer = analyzer
        self._waiting: queue.Queue[_Request | None] = queue.Queue(most_waiting)
        self._thread = threading.Thread(target=self._serve, name="networks", daemon=True)
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        """How many requests wait at this moment."""
        return self._waiting.qsize()

    def analyze(self, images: Sequence[np.ndarray]) -> list[list[AnalyzedFace]]:
        """Finds, cuts out, measures and embeds all faces of every photo, as `FaceAnalyzer.analyze`.

        Raises:
            DeskBusyError: If too many wait.
            DeskClosedError: If the desk was closed.
        """
        request = _Request(images)
        if not self._thread.is_alive():
            raise DeskClosedError("The service is going down.")
        try:
            self._waiting.put_nowait(request)
        except queue.Full:
            raise DeskBusyError(f"{self._waiting.maxsize} requests wait already. Try again in a moment.") from None
        return request.answer.result()

    def close(self) -> None:
        """Serves who waits, and nobody after."""
        self._waiting.put(None)
        self._thread.join()

    def _serve(self) -> None:
        going = True
        while going:
            together = [self._waiting.get()]
            while sum(len(request.images) for request in together if request) < _MOST_PHOTOS:
                try:
                    together.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            going = None not in together
            self._answer([request for request in together if request])
        while not self._waiting.empty():  # came in after the end
            if (late := self._waiting.get()) is not None:
                late.answer.set_exception(DeskClosedError("The service is going down."))

    def _answer(self, requests: Sequence[_Request]) -> None:
        try:
            found = iter(self._analyzer.analyze([image for request in requests for image in request.images]))
            for request in requests:
                request.answer.set_result([next(found) for _ in request.images])
        except Exception as error:
            if len(requests) == 1:
                requests[0].answer.set_exception(error)
                return
            for request in requests:  # one photo must not spoil the others' answers
                self._answer([request])
