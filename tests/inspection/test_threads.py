"""One thread while it lasts, all of them afterwards, also where two computations overlap."""

import numpy as np  # noqa: F401 - its matrix products are what is limited
import pytest
from threadpoolctl import threadpool_info

from kerasface.inspection.threads import OneThread


def threads():
    return {pool["num_threads"] for pool in threadpool_info()}


def test_computations_that_overlap_bring_the_threads_back():
    before = threads()
    first, second = OneThread(), OneThread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert threads() == {1}
    second.__exit__(None, None, None)
    assert threads() == before


def test_a_failure_brings_them_back_too():
    before = threads()

    @OneThread()
    def fails():
        assert threads() == {1}
        raise ValueError("as asked")

    with pytest.raises(ValueError, match="as asked"):
        fails()
    assert threads() == before
