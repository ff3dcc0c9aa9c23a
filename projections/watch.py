"""Several watchers of one feed: each hears of every change in order, or is let go of.

A watcher that does not keep up is dropped; it comes back with the last position it saw.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, NamedTuple

from psycopg import AsyncConnection

from domain.ids import CATALOG_STREAM, ROLLOUT_STREAM, OrgId, org_of

MOST_BEHIND = 10_000  # positions; whoever is further behind starts afresh
MOST_WAITING = 2_000  # changes that wait for one watcher

Kind = Literal["org", "catalog", "rollout", "hydrate"]
Why = Literal["too_old", "epoch_changed"]


class Change(NamedTuple):
    """A stream that moved, or that everything known so far is to be forgotten (`why`)."""

    kind: Kind
    position: int
    epoch: int
    version: int = 0
    org: OrgId | None = None
    why: Why | None = None


class Watcher:
    """One who hears of changes from the moment it was made."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.dropped = asyncio.Event()
        self._arrived = asyncio.Event()
        self._waiting: list[Change] = []

    def hear(self, change: Change) -> None:
        """One more change; one too many drops the watcher."""
        if len(self._waiting) >= MOST_WAITING:
            self.dropped.set()
            return
        self._waiting.append(change)
        self._arrived.set()

    def drain(self) -> list[Change]:
        """The changes that wait; with them nothing is missing up to the present position."""
        found, self._waiting = self._waiting, []
        self._arrived.clear()
        return found

    async def pause(self, seconds: float) -> None:
        """Until a change arrives, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._arrived.wait()


class Watch:
    """Hands on what the feed tells.

    Args:
        place: the feed's epoch and position at this moment.
        current: whether the feed is up to date.
    """

    def __init__(self, *, place: Callable[[], tuple[int, int]], current: Callable[[], bool]):
        self._place = place
        self.current = current
        self.epoch, self.position = 0, 0
        self._watchers: set[Watcher] = set()

    def __len__(self) -> int:
        return len(self._watchers)

    def stream_moved(self, stream: str, *, version: int, position: int) -> None:
        """See `Subscriber.stream_moved`."""
        self.position = position
        if not self._watchers:  # as in an import, which tells of thousands
            return
        change = change_of(stream, version=version, position=position, epoch=self.epoch)
        if change is not None:
            self._tell(change)

    def start_over(self) -> None:
        """See `Subscriber.start_over`."""
        self.epoch, self.position = self._place()
        self._tell(Change("hydrate", self.position, self.epoch, why="epoch_changed"))

    def join(self) -> Watcher:
        """A watcher of everything after the present position."""
        watcher = Watcher(self.position)
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """It hears of nothing any more."""
        self._watchers.discard(watcher)

    def _tell(self, change: Change) -> None:
        for watcher in self._watchers:
            watcher.hear(change)


def change_of(stream: str, *, version: int, position: int, epoch: int) -> Change | None:
    """What watchers hear of an event, None where it is nothing to them."""
    org = org_of(stream)
    if org is not None:
        return Change("org", position, epoch, version, org)
    if stream == CATALOG_STREAM:
        return Change("catalog", position, epoch, version)
    return Change("rollout", position, epoch, version) if stream == ROLLOUT_STREAM else None


async def changes_between(
    connection: AsyncConnection, since: int, until: int
) -> tuple[int, list[Change]]:
    """The epoch, and what happened after one position up to another."""
    cursor = await connection.execute(
        """SELECT h.epoch, e.position, e.stream, e.version
             FROM ledger.head h
             LEFT JOIN ledger.events e ON e.position > %s AND e.position <= %s
            ORDER BY e.position""",
        (since, until),
    )
    rows = await cursor.fetchall()
    found = [
        change_of(stream, version=version, position=position, epoch=epoch)
        for epoch, position, stream, version in rows
        if position is not None
    ]
    return rows[0][0], [change for change in found if change is not None]


async def head_of_log(connection: AsyncConnection) -> tuple[int, int]:
    """Its epoch and position."""
    cursor = await connection.execute("SELECT epoch, position FROM ledger.head")
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]
