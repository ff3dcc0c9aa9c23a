"""What the commands of propagation run: the relay alone, and a listener that tells what moves."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

from consumers.invalidation.invalidation import Invalidation, Listener
from domain.bypass import BYPASS_USES_STREAM
from domain.ids import OrgId, org_of
from infra.clock import LedgerClock
from infra.collector import seldom_collecting
from infra.database import database
from infra.metrics.page import page
from infra.metrics.propagated import invalidations
from infra.propagation import broker_of, relay, topics_of
from infra.restoring import Restored, restore_epoch
from infra.settings import Settings
from infra.sharing.opening import passing_on
from infra.sharing.shared import SharedOrgs
from infra.wiring import Dial, dialling, prepare_database
from projections.feed import Feed
from projections.tallies import Tallies

T = TypeVar("T")
Told = Callable[[str, dict[str, object]], None]
_LOOK_SECONDS = 0.2


class NoBroker(Exception):
    """No Kafka is configured, and none of our own runs; says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "No Kafka is configured: set LEDGER_KAFKA_BOOTSTRAP_SERVERS, or start one with "
            "'entitlements serve --kafka' on the same data directory."
        )


class Teller:
    """A subscriber without a cache: tells what a cache would let go."""

    def __init__(self, told: Told, *, clock: LedgerClock) -> None:
        self._told = told
        self._clock = clock
        self.shared: SharedOrgs | None = None

    def told_time(self, now: datetime) -> None:
        self._clock.tell(now)

    def stream_moved(self, stream: str, *, version: int, position: int) -> None:
        if stream == BYPASS_USES_STREAM:  # no cache lets go for it, and the feed tells of few
            return
        org = org_of(stream)
        if org is not None and self.shared is not None:
            self.shared.moved(org, version=version)
        what = "org" if org is not None else stream
        self._told(what, {"org": org, "version": version, "position": position})

    def start_over(self) -> None:
        self._told("everything", {})

    def refresh(self, org: OrgId) -> None:
        """Somebody wants an org read anew."""
        if self.shared is not None:
            self.shared.forget(org)
        self._told("refresh", {"org": org, "version": None, "position": None})


def carry(
    settings: Settings, *, told: Callable[[str], None], metrics_port: int | None = None
) -> None:
    """Run the relay until interrupted; `told` hears of every change of what it does.

    Raises:
        NoBroker: there is nothing to carry to.
        PageUnavailable: the port for metrics is taken.
    """
    servers = broker_of(settings)
    if servers is None:
        raise NoBroker

    async def run(dial: Dial) -> None:
        told(f"Publishing to {servers}.")
        tallies = Tallies()
        carrying = relay(settings, servers, dial=dial, tallies=tallies)
        carrying.start()
        try:
            async with page(tallies, port=metrics_port), _until_interrupted() as over:
                said = None
                while not over.is_set():
                    now = (carrying.standing, carrying.problem)
                    if now != said and carrying.standing != "stopped":
                        told(f"{carrying.standing}{f': {now[1]}' if now[1] else ''}")
                        said = now
                    await _rest(over)
        finally:
            await carrying.close()

    with seldom_collecting():
        _over_database(settings, run)


def listen(
    settings: Settings,
    *,
    told: Told,
    began: Callable[[str | None], None],
    metrics_port: int | None = None,
) -> None:
    """Tell what moves until interrupted: through Kafka, or without one through PostgreSQL.

    Redis is told, too, where processes share a cache there.
    """
    servers = broker_of(settings)
    clock = LedgerClock()
    teller = Teller(told, clock=clock)

    async def through_kafka() -> None:
        topic = topics_of(settings).state
        tallies = Tallies()
        took = invalidations(tallies)
        listener = Listener(teller, now=clock.now, monotonic=time.monotonic, took=took)
        hearing = Invalidation(servers or "", topic=topic, listener=listener)
        async with passing_on(settings, teller), page(tallies, port=metrics_port):
            hearing.start()
            try:
                async with _until_interrupted() as over:
                    began(servers)
                    await over.wait()
            finally:
                await hearing.close()

    async def through_postgres(dial: Dial) -> None:
        feed = Feed(dial, subscriber=teller, monotonic=time.monotonic, refresh=teller.refresh)
        async with passing_on(settings, teller):
            await feed.start()
            try:
                async with _until_interrupted() as over:
                    began(None)
                    await over.wait()
            finally:
                await feed.close()

    if servers is not None:
        asyncio.run(through_kafka())
    else:
        _over_database(settings, through_postgres)


def begin_epoch(settings: Settings, *, dry_run: bool) -> Restored:
    """See `restore_epoch`."""

    async def restore(dial: Dial) -> Restored:
        return await restore_epoch(settings, dial, dry_run=dry_run)

    return _over_database(settings, restore)


def _over_database(settings: Settings, act: Callable[[Dial], Awaitable[T]]) -> T:
    with database(settings) as where:
        prepare_database(where)

        async def run() -> T:
            return await act(dialling(where))

        return asyncio.run(run())


@asynccontextmanager
async def _until_interrupted() -> AsyncIterator[asyncio.Event]:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for way in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(way, over.set)
    try:
        yield over
    finally:
        for way in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(way)


async def _rest(over: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            await over.wait()
    except TimeoutError:
        return
