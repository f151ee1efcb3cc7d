"""What Prometheus may know: how many computations, how they ended, how long they took, who answers.  Never a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from coordinator.computation import Computation
from steelyard.identity import addresses

_BUCKETS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 600.0)


class Metrics:
    """One registry per coordinator."""

    def __init__(self) -> None:
        self.registry = made = CollectorRegistry()
        self._ended = Counter("steelyard_computations_ended", "By the state they ended in", ["state"], registry=made)
        self._failures = Counter("steelyard_computations_failed", "By reason", ["reason"], registry=made)
        self._seconds = Histogram(
            "steelyard_computation_seconds", "From creation to the end", ["state"], buckets=_BUCKETS, registry=made
        )
        self._running = Gauge("steelyard_computations_running", "Those that have not ended", registry=made)
        self._reachable = Gauge("steelyard_node_reachable", "1 when the node answers", ["party"], registry=made)

    def observe(self, running: Callable[[], int], reachable: Mapping[str, Callable[[], float]]) -> None:
        """What is read when somebody asks."""
        self._running.set_function(running)
        for party, answers in reachable.items():
            self._reachable.labels(party).set_function(answers)

    def ended(self, computation: Computation, seconds: float) -> None:
        self._ended.labels(computation.state).inc()
        self._seconds.labels(computation.state).observe(seconds)
        if computation.failure is not None:
            self._failures.labels(computation.failure.reason).inc()

    def serve(self, listen: str) -> None:
        """Answers scrapes over HTTP, from a thread of its own."""
        host, port = addresses.split(listen)
        start_http_server(port, host, registry=self.registry)
