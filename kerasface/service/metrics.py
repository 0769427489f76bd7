"""What the service counts, as Prometheus reads it: how often, how long, how many wait. Never who or what."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counters of one service.

    Args:
        num_waiting: Tells how many requests wait for the networks.
    """

    def __init__(self, num_waiting: Callable[[], float]):
        self._registry = CollectorRegistry()
        names = ("route", "status")
        self._requests = Counter("kerasface_requests", "Requests answered.", names, registry=self._registry)
        self._seconds = Histogram(
            "kerasface_request_seconds", "Seconds to an answer.", ["route"], buckets=_SECONDS, registry=self._registry
        )
        waiting = Gauge("kerasface_waiting", "Requests that wait for the networks.", registry=self._registry)
        waiting.set_function(num_waiting)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Counts one answer. `route` is the pattern that it came by, so that no name or number of a person is kept."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Returns everything in Prometheus's text format."""
        return generate_latest(self._registry)
