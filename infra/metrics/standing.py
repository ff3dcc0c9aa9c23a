"""What the database tells when it is asked: lags, and facts counted from the log.

It is the same for every process, so it is told as it is and never added up. While the database
cannot be asked these names are missing: a page says what is so, or nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import psycopg

from domain.instants import from_iso
from domain.refusals import Refusal
from infra.metrics.exposing import Gauge
from infra.store.ledger import Ledger
from projections.relayed import relayed
from projections.status import VIEWS, following_views
from projections.tallies import Count, Values
from projections.usage import Usage, enabled_orgs

_PATIENCE_SECONDS = 2.0  # that a scrape waits; what comes later is told the next time
ENABLED_EVERY_SECONDS = 60.0  # every org's row is read for it
_NEXT_WAKE = "SELECT min(wake_at) FROM ledger.current_entitlements"


class Standing:
    """Asks one ledger.

    Args:
        now: the ledger's clock.
        monotonic: seconds on a clock that never steps back.
    """

    def __init__(
        self, ledger: Ledger, *, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._now = now
        self._monotonic = monotonic
        self._usage = Usage()
        self._enabled: Gauge | None = None
        self._enabled_at = float("-inf")
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._told: list[Count | Gauge] = []

    async def told(self) -> list[Count | Gauge]:
        """What could be found out in time."""
        if self._monotonic() >= self._enabled_at + ENABLED_EVERY_SECONDS:
            self._ask("enabled orgs", self._ask_enabled)
        self._ask("lags and usage", self._ask_standing)
        await asyncio.wait(self._asking.values(), timeout=_PATIENCE_SECONDS)
        return [*self._told, *([self._enabled] if self._enabled is not None else [])]

    def _ask(self, what: str, ask: Callable[[], Awaitable[None]]) -> None:
        if what not in self._asking:
            task = asyncio.create_task(_quietly(ask), name=f"metrics: {what}")
            self._asking[what] = task
            task.add_done_callback(lambda done: self._asking.pop(what))

    async def _ask_enabled(self) -> None:
        async with self._ledger.reading() as connection:
            numbers = await enabled_orgs(connection, at=self._now())
        self._enabled_at = self._monotonic()
        self._enabled = Gauge(
            "module_enabled_orgs",
            "Organisations that may use a module, as of the last minute.",
            ("module",),
            {(key,): number for key, number in numbers.items()},
        )

    async def _ask_standing(self) -> None:
        async with self._ledger.reading() as connection:
            lags: dict[Values, float] = {(view,): 0.0 for view in VIEWS}
            lags |= {(v.view,): v.lag_seconds for v in await following_views(connection)}
            relay = await relayed(connection)
            cursor = await connection.execute(_NEXT_WAKE)
            row = await cursor.fetchone()
            await self._usage.catch_up(connection)
        late = self._lateness(row[0] if row else None)
        self._told = [
            Gauge("projection_lag_seconds", "Age of what a view lacks.", ("view",), lags),
            Gauge("boundary_lag_seconds", "How late boundaries are recorded.", (), {(): late}),
            *counted(self._usage),
        ]
        if relay is not None:
            published: dict[Values, float] = {(): relay.lag_seconds}
            self._told.append(Gauge("relay_lag_seconds", "Age of what Kafka lacks.", (), published))

    def _lateness(self, wake: str | None) -> float:
        return max(0.0, (self._now() - from_iso(wake)).total_seconds()) if wake else 0.0


def counted(usage: Usage) -> list[Count | Gauge]:
    """The counts of a ledger's facts since it began: of several processes take the highest."""
    starts = Count("trial_starts_total", "Trials that were started.")
    starts.add(by=usage.trial_starts)
    conversions = Count("trial_conversions_total", "Trials that became full grants.")
    conversions.add(by=usage.trial_conversions)
    selections = Count("module_selections_total", "Grants of a module.", ("module",))
    for module, number in usage.selections.items():
        selections.add(module, by=number)
    return [starts, conversions, selections]


async def _quietly(ask: Callable[[], Awaitable[None]]) -> None:
    try:
        await ask()
    except (Refusal, psycopg.Error, TimeoutError):
        return  # the name is missing on this page
