"""Tallies and gauges as Prometheus reads them: OpenMetrics where that is asked for, else its text.

Nothing is registered for good and no default registry is touched: a page is made when asked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from projections.tallies import Count, Spread


class Page(NamedTuple):
    """The answer to a scrape."""

    body: bytes
    content_type: str


class Gauge(NamedTuple):
    """What something stands at now, one number for each combination of its labels' values."""

    name: str
    says: str
    labels: tuple[str, ...]
    of: dict[tuple[str, ...], float]


def exposed(told: Sequence[Count | Spread | Gauge], *, accept: str = "") -> Page:
    """The page of a scrape, in the form that its `Accept` header prefers."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(told))
    encode, content_type = choose_encoder(accept)
    return Page(encode(registry), content_type)


class _Told(Collector):
    def __init__(self, told: Iterable[Count | Spread | Gauge]) -> None:
        self._told = told

    def collect(self) -> Iterator[Metric]:
        for each in self._told:
            yield _family(each)


def _family(told: Count | Spread | Gauge) -> Metric:
    if isinstance(told, Count):
        counter = CounterMetricFamily(told.name, told.says, labels=told.labels)
        for values, number in sorted(told.of.items()):
            counter.add_metric(values, number)
        return counter
    if isinstance(told, Gauge):
        gauge = GaugeMetricFamily(told.name, told.says, labels=told.labels)
        for values, number in sorted(told.of.items()):
            gauge.add_metric(values, number)
        return gauge
    histogram = HistogramMetricFamily(told.name, told.says, labels=told.labels)
    for values, slots in sorted(told.of.items()):
        histogram.add_metric(values, _buckets(told.bounds, slots), slots[-1])
    return histogram


def _buckets(bounds: Sequence[float], slots: Sequence[float]) -> list[tuple[str, float]]:
    """How many took at most each bound, and how many there are."""
    reached, buckets = 0.0, []
    for bound, slot in zip((*map(str, bounds), "+Inf"), slots, strict=False):
        reached += slot
        buckets.append((bound, reached))
    return buckets
