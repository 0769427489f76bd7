"""Keeps short what Streamlit does after every run: it looks through all objects for garbage, and empties Keras."""

import gc
import sys


def settle():
    """Takes the objects that are alive now out of garbage collection; call it when something large came to stay.

    TensorFlow and Keras alone have half a million, through which the collector goes for a quarter of a second.
    """
    gc.collect()
    gc.freeze()
    _keep_kernels()


def _keep_kernels():
    """Keeps what TensorFlow prepared for the networks.

    After every run of every page Streamlit calls `keras.backend.clear_session`, which makes TensorFlow forget its
    kernels, and with them the weights that they laid out for this processor: the next picture took 150 ms instead of
    25. Keras itself does not call this name, and what else it resets, such as the numbers in the names of layers, is
    kept by thread.
    """
    if "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session = _clear_nothing


def _clear_nothing(free_memory: bool = True):
    """Stands in for `keras.backend.clear_session`."""
