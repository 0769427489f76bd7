"""The one place of the service where networks are run: whoever waits is served together."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from kerasface.faces.analyzer import AnalyzedFace, FaceAnalyzer

_Result = TypeVar("_Result")
_MOST_PHOTOS = 16  # looked at together: more wait for the next turn


class DeskClosedError(RuntimeError):
    """The service is going down."""


@dataclass(eq=False)
class _Request:
    """What somebody waits for: faces of photos, or, without any, a task."""

    images: Sequence[np.ndarray] = ()
    task: Callable | None = None
    answer: Future = field(default_factory=Future)


class Desk:
    """A face front end that many threads share: photos that wait at the same moment go through the networks together.

    It can be used in place of a `FaceAnalyzer` by whatever asks only for `analyze` and `embedder`.

    Args:
        analyzer: The face front end; it is used by one thread alone.
    """

    def __init__(self, analyzer: FaceAnalyzer):
        self.embedder, self.detector = analyzer.embedder, analyzer.detector
        self._analyzer = analyzer
        self._waiting: queue.Queue[_Request | None] = queue.Queue()
        self._closed, self._door = False, threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="networks", daemon=True)
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        """How many requests wait at this moment."""
        return self._waiting.qsize()

    def analyze(self, images: Sequence[np.ndarray]) -> list[list[AnalyzedFace]]:
        """Finds, cuts out, measures and embeds all faces of every photo, as `FaceAnalyzer.analyze`.

        Raises:
            DeskClosedError: If the desk was closed.
        """
        return self._answered(_Request(images))

    def run(self, task: Callable[[], _Result]) -> _Result:
        """Runs something else that needs networks, when its turn comes.

        Raises:
            DeskClosedError: If the desk was closed.
        """
        return self._answered(_Request(task=task))

    def close(self) -> None:
        """Serves who waits, and nobody after."""
        with self._door:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def _answered(self, request: _Request):
        with self._door:
            if self._closed:
                raise DeskClosedError("The service is going down.")
            self._waiting.put(request)
        return request.answer.result()

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
            requests = [request for request in together if request]
            self._look([request for request in requests if request.task is None])
            for request in requests:
                if request.task is not None:
                    _settle(request, request.task)

    def _look(self, requests: Sequence[_Request]) -> None:
        if len(requests) <= 1:
            for request in requests:
                _settle(request, partial(self._analyzer.analyze, request.images))
            return
        try:
            found = iter(self._analyzer.analyze([image for request in requests for image in request.images]))
        except Exception:
            for request in requests:  # one photo must not spoil the others' answers
                self._look([request])
            return
        for request in requests:
            request.answer.set_result([next(found) for _ in request.images])


def _settle(request: _Request, task: Callable) -> None:
    try:
        request.answer.set_result(task())
    except Exception as error:
        request.answer.set_exception(error)
