"""The metrics of a serving process: what it counts, what its caches do, what the ledger tells."""

import time

from infra.metrics.exposing import Gauge, exposed
from infra.metrics.standing import Standing
from infra.metrics.workers import Worker, folder_here
from infra.wiring import Parts
from projections.tallies import Count, Spread

HITS, MISSES = "entitlement_cache_hits_total", "entitlement_cache_misses_total"


class Metrics:
    """Makes the page that a scrape is answered with."""

    def __init__(self, parts: Parts) -> None:
        self.worker = Worker(parts.tallies, folder=folder_here(parts.settings.data_dir))
        self._standing = Standing(parts.ledger, now=parts.clock.now, monotonic=time.monotonic)
        _read(parts)

    async def page(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type, in the form that `accept` prefers."""
        sums = await self.worker.sums()
        return exposed([*sums, *hit_rate(sums), *await self._standing.told()], accept=accept)


def hit_rate(sums: list[Count | Spread]) -> list[Gauge]:
    """The share of look-ups that were answered from memory, none where nothing was looked up."""
    found = {tally.name: tally.of[()] for tally in sums if tally.name in (HITS, MISSES)}
    hits, misses = found[HITS], found[MISSES]
    assert isinstance(hits, float | int)
    assert isinstance(misses, float | int)
    if not hits + misses:
        return []
    name, says = "entitlement_cache_hit_rate", "Look-ups of an organisation answered from memory."
    return [Gauge(name, says, (), {(): hits / (hits + misses)})]


def _read(parts: Parts) -> None:
    """What is counted elsewhere already, by the way, is read when somebody asks."""
    table, rows, uses = parts.table, parts.rows, parts.bypasses.uses
    read = parts.tallies.read
    # Who finds no row asks the table, where it counts as found or not.
    read(HITS, "Look-ups answered from memory.", lambda: {(): rows.hits + table.hits})
    read(MISSES, "Look-ups that the database had to answer.", lambda: {(): table.misses})
    read(
        "cache_refill_discarded_total",
        "Reads that were overtaken and so not kept.",
        lambda: {(): table.discarded},
    )
    read(
        "super_admin_bypass_total",
        "Uses of the bypass, each on record first.",
        lambda: {(): uses.recorded},
    )
