"""Memory of the dashboard. Over rounds of all pages: benchmarks/dashboard_memory.py."""

import weakref

import pytest

from pages.parts.server.memory import settle


class Model:
    """Refers to itself in a circle, as models of Keras do."""

    def __init__(self):
        self.layer = self


@pytest.mark.slow
def test_a_model_that_a_cache_dropped_is_gone_with_the_next_that_comes():
    model = Model()
    gone = weakref.ref(model)
    settle()
    del model
    settle()
    assert gone() is None
