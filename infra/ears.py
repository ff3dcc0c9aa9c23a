"""What a process hears of changes, carried to whatever in it must know."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from consumers.ticker import Ticker
from domain.ids import CATALOG_STREAM, ROLLOUT_STREAM, OrgId, org_of
from infra.bypass.sessions import Sessions
from infra.clock import LedgerClock
from infra.sharing.shared import SharedOrgs
from infra.store.mapper import UnknownFact, read_fact
from projections.follower import Follower
from projections.rollout import Gates, read_rollout
from projections.shelf import Shelf, newest_catalog
from projections.table import OrgTable
from projections.watch import Watch

_PAUSE_SECONDS = 0.2


class Ears:
    """Carries what the feed tells to the clock, the table, the catalog's shelf and the gates."""

    def __init__(
        self, *, clock: LedgerClock, shelf: Shelf, gates: Gates, pool: AsyncConnectionPool
    ) -> None:
        self._clock = clock
        self._shelf = shelf
        self._gates = gates
        self._pool = pool
        self.table: OrgTable | None = None
        self.watch: Watch | None = None
        self.sessions: Sessions | None = None
        self.shared: SharedOrgs | None = None
        self.followers: list[Follower | Ticker] = []
        self.hearing: list[Callable[[], bool]] = []
        self._reading: set[asyncio.Task[None]] = set()

    def current(self) -> bool:
        """Whether any of what is listened to is up to date: then nothing goes unheard."""
        return any(hears() for hears in self.hearing)

    def told_time(self, now: datetime) -> None:
        self._clock.tell(now)

    def stream_moved(self, stream: str, *, version: int, position: int) -> None:
        for follower in self.followers:
            follower.wake()
        if self.watch is not None:
            self.watch.stream_moved(stream, version=version, position=position)
        if self.sessions is not None:
            self.sessions.moved(stream)
        org_id = org_of(stream)
        if org_id is not None and self.shared is not None:
            self.shared.moved(org_id, version=version)
        if org_id is not None and self.table is not None:
            self.table.moved(org_id, version=version)
        elif stream == CATALOG_STREAM and version > self._shelf.version:
            self._read(self.read_catalog)
        elif stream == ROLLOUT_STREAM and version > self._gates.gating.version:
            self._read(self.read_rollout)

    def refresh(self, org_id: OrgId) -> None:
        """Read an org anew, whatever is known of it."""
        if self.shared is not None:
            self.shared.forget(org_id)
        if self.table is not None:
            self.table.forget(org_id)

    def start_over(self) -> None:
        """The feed cannot say what happened meanwhile: what processes share is doubted, too."""
        if self.shared is not None:
            self.shared.start_over()
        self.start_over_here()

    def start_over_here(self) -> None:
        """Forget what this process holds.

        A gap in what Kafka tells is no matter of the others: the feed vouches for what they share.
        """
        if self.table is not None:
            self.table.clear()
        if self.watch is not None:
            self.watch.start_over()
        if self.sessions is not None:
            self.sessions.start_over()
        self._read(partial(self.read_catalog, instead=True))
        self._read(partial(self.read_rollout, instead=True))

    def _read(self, read: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._until_read(read), name="read what the feed told of")
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _until_read(self, read: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await read()
            except (psycopg.Error, PoolTimeout):  # told of once, so it is for us to try again
                await asyncio.sleep(_PAUSE_SECONDS)

    async def read_catalog(self, *, instead: bool = False) -> None:
        """Put the newest catalog on the shelf."""
        async with self._pool.connection() as connection:
            self._shelf.put(await newest_catalog(connection), instead=instead)

    async def read_rollout(self, *, instead: bool = False) -> None:
        """Decide by the newest rollout; one that cannot be understood leaves the last good one."""
        async with self._pool.connection() as connection:
            try:
                rollout = await read_rollout(connection, decode=read_fact)
            except (UnknownFact, ValueError, LookupError, TypeError) as error:
                self._gates.keep(f"The rollout cannot be read, the last good one holds: {error}")
            else:
                self._gates.put(rollout, instead=instead)

    async def close(self) -> None:
        """Stop what is still being read."""
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
