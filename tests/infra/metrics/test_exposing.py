"""Tallies become pages that Prometheus reads, and add up across processes."""

import json

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from infra.metrics.exposing import Gauge, exposed
from projections.tallies import Count, Spread, Tallies, added, written

pytestmark = pytest.mark.one_server
OPEN = "application/openmetrics-text; version=1.0.0"


def some() -> list[Count | Spread]:
    """A count with a label, one without, and a spread."""
    tallies = Tallies()
    tallies.count("dead_letters_total", "Records given up.", ("topic",)).add("events")
    tallies.count("stale_served_total", "Answers from last known good.")
    spread = tallies.spread("append_seconds", "Appends.", bounds=(0.1, 1.0))
    for seconds in (0.1, 0.5, 7.0):
        spread.note(seconds)
    return tallies.counted()


def samples(page: str, parse: object = plain_text) -> dict[str, float]:
    """Every sample of a page."""
    assert callable(parse)
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in parse(page)
        for sample in family.samples
    }


def test_a_bound_belongs_to_what_took_exactly_so_long() -> None:
    """As Prometheus has it: `le` means at most."""
    found = samples(exposed(some()).body.decode())

    assert found["append_seconds_bucket0.1"] == 1
    assert found["append_seconds_bucket1.0"] == 2
    assert found["append_seconds_bucket+Inf"] == found["append_seconds_count"] == 3
    assert found["append_seconds_sum"] == pytest.approx(7.6)


def test_openmetrics_is_told_to_who_asks_for_it() -> None:
    """The same numbers in both forms."""
    page = exposed([*some(), Gauge("lag", "How late.", ("view",), {("audit",): 2.5})], accept=OPEN)

    found = samples(page.body.decode(), open_metrics)
    assert page.content_type.startswith("application/openmetrics-text")
    assert page.body.endswith(b"# EOF\n")
    assert (found["dead_letters_totalevents"], found["stale_served_total"]) == (1, 0)
    assert found["lagaudit"] == 2.5


def test_processes_add_up() -> None:
    """Counts, slots and sums, also of labels that only one of them has."""
    one, other = some(), some()
    assert isinstance(other[0], Count)
    other[0].add("state", by=4)

    both = added([json.loads(json.dumps(written(each))) for each in (one, other)])

    found = samples(exposed(both).body.decode())
    assert (found["dead_letters_totalevents"], found["dead_letters_totalstate"]) == (2, 4)
    assert found["append_seconds_bucket0.1"] == 2
    assert found["append_seconds_sum"] == pytest.approx(15.2)


def test_a_name_is_one_tally() -> None:
    """Whoever asks for it holds the same one, so two that count add up."""
    tallies = Tallies()
    assert tallies.count("a_total", "") is tallies.count("a_total", "")
    assert len(tallies.counted()) == 1
