"""Keeps short what Streamlit does after every run, which collects garbage and empties Keras; and memory in bounds."""

import ctypes
import gc
import importlib
import platform
import sys
import threading
from functools import cache

from kerasface.terminal.progress import start_tensorflow

_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_LARGE = 2**20  # bytes
_starting = threading.Lock()


@cache
def return_large_blocks():
    """Has the C library give memory of more than a megabyte back to the system as soon as it is free; glibc alone.

    Streamlit gives every run a thread of its own, and glibc keeps free memory in pools, several for each core: after
    eight browsers had verified for two minutes, 300 MiB lay there, and with this 70. It costs a tenth of the time.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


def start_keras():
    """Imports Keras where that was not done yet: some seconds. TensorFlow's messages stay off the terminal."""
    with _starting:  # what keeps them off is the whole process's
        if "keras" not in sys.modules:
            start_tensorflow()
            importlib.import_module("keras")
            settle()


def settle():
    """Takes the objects that are alive now out of garbage collection; call it when something large came to stay.

    TensorFlow and Keras alone have half a million, through which the collector goes for a quarter of a second. What
    was taken out before is looked through this once: models that a cache has dropped are full of circles, and so are
    sessions that have ended; they would stay for good.
    """
    gc.unfreeze()
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
