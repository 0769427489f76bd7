"""The desk: who waits is served together, and nobody's photo spoils another's answer."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from kerasface.service.desk import Desk, DeskClosedError


class Analyzer:
    """Says of a photo its first pixel; waits until it may, and fails on 255."""

    embedder, detector = SimpleNamespace(name="none"), None

    def __init__(self):
        self.calls, self.may, self.began = [], threading.Event(), threading.Semaphore(0)

    def analyze(self, images):
        self.calls.append(len(images))
        self.began.release()
        self.may.wait()
        if any(image[0, 0, 0] == 255 for image in images):
            raise ValueError("white")
        return [[int(image[0, 0, 0])] for image in images]


@pytest.fixture
def analyzer():
    made = Analyzer()
    yield made
    made.may.set()


def photo(value):
    return np.full((2, 2, 3), value, dtype=np.uint8)


def wait_for(desk, number):
    deadline = time.monotonic() + 60
    while desk.num_waiting < number:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_who_waits_at_the_same_moment_is_served_together(analyzer):
    desk = Desk(analyzer)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(desk.analyze, [photo(1)])
        analyzer.began.acquire()  # the networks are at work
        others = [pool.submit(desk.analyze, [photo(value), photo(value + 1)]) for value in range(10, 16)]
        wait_for(desk, 6)
        analyzer.may.set()
        assert first.result() == [[1]]
        assert [other.result() for other in others] == [[[value], [value + 1]] for value in range(10, 16)]
    assert analyzer.calls == [1, 12]
    desk.close()


def test_one_photo_does_not_spoil_the_others_answers(analyzer):
    desk = Desk(analyzer)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(desk.analyze, [photo(1)])
        analyzer.began.acquire()
        others = [pool.submit(desk.analyze, [photo(value)]) for value in (7, 255, 9)]
        wait_for(desk, 3)
        analyzer.may.set()
        assert first.result() == [[1]]
        with pytest.raises(ValueError, match="white"):
            others[1].result()
        assert [others[0].result(), others[2].result()] == [[[7]], [[9]]]
    desk.close()


def test_tasks_have_their_turn_and_who_comes_after_the_end_is_told(analyzer):
    desk = Desk(analyzer)
    analyzer.may.set()
    assert desk.run(lambda: threading.current_thread().name) == "networks"
    with pytest.raises(ZeroDivisionError):
        desk.run(lambda: 1 / 0)
    assert desk.analyze([photo(1)]) == [[1]]
    desk.close()
    with pytest.raises(DeskClosedError):
        desk.analyze([photo(4)])
