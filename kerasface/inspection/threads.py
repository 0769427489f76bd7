"""One thread for many small computations: several would spend their time waiting for each other."""

import threading
from contextlib import ContextDecorator

_LOCK = threading.Lock()
_inside = 0  # how many computations are at it
_limits = None


class OneThread(ContextDecorator):
    """While it lasts, matrix products of NumPy and loops of scikit-learn take one thread each, in the whole process.

    A product of 256 x 64 by 64 x 64 is divided between all threads although it takes microseconds; where the machine is
    busy, each then waits for the slowest, a hundred times as long. Computations may overlap: the last one that ends
    brings the threads back, which two limits of threadpoolctl that overlap would not.

    Example:
        ```python
        with OneThread():
            network.loss_and_gradients(x, targets)
        ```
    """

    def __enter__(self):
        global _inside, _limits
        from threadpoolctl import threadpool_limits  # scikit-learn brings it

        with _LOCK:
            if not _inside:
                _limits = threadpool_limits(1)
            _inside += 1
        return self

    def __exit__(self, *_):
        global _inside, _limits
        with _LOCK:
            _inside -= 1
            if not _inside:
                _limits.restore_original_limits()
                _limits = None
