"""Keeps short what Streamlit does after every run: it looks through all objects for garbage."""

import gc


def settle():
    """Takes the objects that are alive now out of garbage collection; call it when something large came to stay.

    TensorFlow and Keras alone have half a million, through which the collector goes for a quarter of a second.
    """
    gc.collect()
    gc.freeze()
