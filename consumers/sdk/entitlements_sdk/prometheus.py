"""The counters for prometheus_client (extra `prometheus`); without it, read `metrics()`."""

from collections.abc import Iterable
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


class Measured(Protocol):
    """A client that counts."""

    def metrics(self) -> dict[str, float]:
        """See `Entitlements.metrics`."""
        ...


class EntitlementsCollector:
    """Reads a client's counters whenever it is scraped.

    REGISTRY.register(EntitlementsCollector(entitlements))
    """

    def __init__(self, client: Measured) -> None:
        self._client = client

    def collect(self) -> Iterable[Metric]:
        """Every counter under its own name, the rate as a gauge."""
        for name, value in self._client.metrics().items():
            described = name.removesuffix("_total").replace("_", " ")
            if name.endswith("_total"):
                yield CounterMetricFamily(name, described, value)
            else:
                yield GaugeMetricFamily(name, described, value)
