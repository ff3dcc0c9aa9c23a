"""The change feed inside PostgreSQL: follows the log by position; a notification only wakes it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

import psycopg
from psycopg import AsyncConnection

from domain.bypass import BYPASS_USES_STREAM
from domain.ids import OrgId

POLL_SECONDS = 1.0
LATEST_SECONDS = 5.0  # without a successful poll for this long, nobody may rely on the feed
_PAGE = 2_000
_PAUSE_SECONDS = 0.2
_REFRESH = "refresh"  # never rename: processes of two releases tell it to each other

# Nobody holds anything that follows from uses of the bypass, of which there may be thousands a
# second: they are told of only where one of them ends a page.
_POLL = """
    SELECT h.epoch, h.position, clock_timestamp(), e.position, e.stream, e.version
      FROM ledger.head h
      LEFT JOIN LATERAL (
           SELECT position, stream, version FROM ledger.events
            WHERE position > %(after)s AND position <= %(until)s
              AND (stream <> %(uses)s OR position = least(h.position, %(until)s))) e ON true
     ORDER BY e.position
"""


async def tell_to_refresh(connection: AsyncConnection, org: OrgId) -> None:
    """Let every process that follows the log read an org anew. Who is not connected, has to."""
    await connection.execute("SELECT pg_notify('ledger', %s)", (f"{_REFRESH} {org}",))


class Subscriber(Protocol):
    """Who hears of changes."""

    def told_time(self, now: datetime) -> None:
        """The database's clock."""

    def stream_moved(self, stream: str, *, version: int, position: int) -> None:
        """A stream got new events, and is at `version`."""

    def start_over(self) -> None:
        """Anything may have changed: the log is of another epoch, or was cut."""


class Feed:
    """Tells a subscriber, in order, of the events after the position it began at.

    Of each but those of uses of the bypass, of which it tells where one ends what it has read.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncConnection]],
        *,
        subscriber: Subscriber,
        monotonic: Callable[[], float],
        refresh: Callable[[OrgId], None] = lambda org: None,
    ) -> None:
        self._connect = connect
        self._refresh = refresh
        self._subscriber = subscriber
        self._monotonic = monotonic
        self._epoch: int | None = None
        self._position = 0
        self._polled = float("-inf")
        self._connection: AsyncConnection | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def position(self) -> int:
        """The last position told."""
        return self._position

    @property
    def epoch(self) -> int:
        """The epoch of the log that is followed, 0 before the first poll."""
        return self._epoch or 0

    def heard(self) -> float:
        """When the feed was last up to date, on its monotonic clock."""
        return self._polled

    def current(self) -> bool:
        """Whether the feed was up to date within the last few seconds."""
        return self._monotonic() - self._polled < LATEST_SECONDS

    async def start(self) -> None:
        """Begin at the present end of the log.

        Raises:
            psycopg.Error: the database cannot be reached.
        """
        self._connection = await self._connect()
        await self._poll(self._connection)
        self._task = asyncio.create_task(self._follow(), name="feed")

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._hang_up()

    async def _follow(self) -> None:
        while True:
            try:
                if self._connection is None:
                    self._connection = await self._connect()
                await self._connection.execute("LISTEN ledger")
                while True:
                    await self._poll(self._connection)
                    async for told in self._connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                        self._hear(told.payload)
            except psycopg.Error:
                await self._hang_up()
                await asyncio.sleep(_PAUSE_SECONDS)

    def _hear(self, payload: str) -> None:
        word, _, org = payload.partition(" ")
        if word == _REFRESH:
            self._refresh(OrgId(org))

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close()

    async def _poll(self, connection: AsyncConnection) -> None:
        while True:
            started = self._monotonic()
            until = self._position + _PAGE  # at most so many, as positions have no gaps
            asked = {"after": self._position, "until": until, "uses": BYPASS_USES_STREAM}
            cursor = await connection.execute(_POLL, asked, prepare=True)
            rows = await cursor.fetchall()
            epoch, head, now = rows[0][:3]
            self._subscriber.told_time(now)
            if self._epoch != epoch or head < self._position:
                self._epoch, self._position = epoch, head
                self._subscriber.start_over()
            else:
                for _, _, _, position, stream, version in rows:
                    if position is not None:
                        self._subscriber.stream_moved(stream, version=version, position=position)
                        self._position = position
                self._position = min(head, until)
            if self._position >= head:
                self._polled = started
                return
