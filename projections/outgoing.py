"""What the relay to Kafka reads of the log, and its cursor there, kept by a lease with a fence."""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from domain.catalog import Catalog
from domain.facts import LedgerEvent
from domain.gating import Gating
from domain.ids import OrgId, org_stream
from domain.org import Org, rebuild
from projections import current
from projections.rollout import read_rollout
from projections.shelf import newest_catalog

_PAGE = """
    SELECT h.epoch, h.position, clock_timestamp(),
           e.position, e.stream, e.version, e.event_id::text, e.topic, e.state, e.recorded_at
      FROM ledger.head h
      LEFT JOIN LATERAL (SELECT * FROM ledger.events
                          WHERE position > %s ORDER BY position LIMIT %s) e ON true
     ORDER BY e.position
"""
_STATE = "SELECT org, org_version, position, state FROM ledger.current_entitlements "

_SNAPSHOTS = """
    SELECT w.stream, s.version, s.state
      FROM unnest(%s::text[], %s::bigint[]) AS w (stream, version)
     CROSS JOIN LATERAL (SELECT version, state FROM ledger.snapshots
                          WHERE stream = w.stream AND version <= w.version
                          ORDER BY version DESC LIMIT 1) s
"""
_FACTS = """
    SELECT e.stream, e.version, e.topic, e.state
      FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) AS w (stream, after, version)
     CROSS JOIN LATERAL (SELECT stream, version, topic, state FROM ledger.events
                          WHERE stream = w.stream AND version > w.after AND version <= w.version
                          ORDER BY version) e
"""

log = logging.getLogger("entitlements.relay")

Marks = Mapping[str, Mapping[str, Sequence[int]]]
"""Topic and partition of the last acknowledged record, with its offset and position."""
ReadFact = Callable[[str, int, str, bytes], LedgerEvent]


class LogAway(Exception):
    """The database cannot answer at the moment."""


class Cursor(NamedTuple):
    """How far the relay has come; `republished` is the last org published again, if any is to be.

    Whoever has a lower fence than the row's has lost the relay to another.
    """

    fence: int
    position: int
    republished: str | None
    marks: Marks


class Event(NamedTuple):
    """One event as it is stored."""

    position: int
    stream: str
    version: int
    event_id: str
    topic: str
    body: bytes
    recorded_at: datetime


class Page(NamedTuple):
    """The events after a position, with the end of the log and the time they were read at."""

    epoch: int
    head: int
    now: datetime
    events: list[Event]

    @property
    def whole(self) -> bool:
        """Whether nothing that was recorded by `now` is missing."""
        return not self.events or self.events[-1].position >= self.head


class State(NamedTuple):
    """The row of an org in the inline view."""

    org: OrgId
    version: int
    position: int
    body: bytes

    def read(self) -> Org:
        return current.read(self.org, version=self.version, state=self.body)


class OutgoingLog:
    """The log as the relay sees it, over one connection that is made again when it breaks.

    Every method raises LogAway while the database cannot answer.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncConnection]],
        *,
        holder: UUID,
        read_fact: ReadFact,
    ) -> None:
        self._connect = connect
        self._holder = holder
        self._read_fact = read_fact
        self._connection: AsyncConnection | None = None
        self._gating = Gating()

    async def take(self, *, seconds: float) -> Cursor | None:
        """Take or keep the relay for so long; None while another has it."""
        rows = await self._ask("SELECT * FROM ledger.relay_take(%s, %s)", self._holder, seconds)
        return Cursor(*rows[0]) if rows else None

    async def advance(self, cursor: Cursor, *, seconds: float) -> bool:
        """Note how far the broker has acknowledged, and keep the relay; False: it is lost."""
        rows = await self._ask(
            "SELECT ledger.relay_advance(%s, %s, %s, %s, %s, %s)",
            self._holder,
            cursor.fence,
            seconds,
            cursor.position,
            cursor.republished,
            Jsonb(cursor.marks),
        )
        return bool(rows[0][0])

    async def release(self, cursor: Cursor) -> None:
        """Let another take the relay at once."""
        await self._ask("SELECT ledger.relay_release(%s, %s)", self._holder, cursor.fence)

    async def begin_epoch(self, epoch: int, *, position: int) -> int:
        """End `epoch`; events after `position` and every org will be published again."""
        rows = await self._ask("SELECT ledger.begin_epoch(%s, %s)", epoch, position)
        return int(rows[0][0])

    async def page(self, *, after: int, most: int) -> Page:
        """The events after a position, at most so many."""
        rows = await self._ask(_PAGE, after, most)
        epoch, head, now = rows[0][:3]
        return Page(epoch, head, now, [Event(*row[3:]) for row in rows if row[3] is not None])

    async def states(self, orgs: Sequence[OrgId]) -> list[State]:
        """The present rows of those orgs that there are."""
        rows = await self._ask(_STATE + "WHERE org = ANY(%s)", list(orgs))
        return [State(*row) for row in rows]

    async def states_after(self, org: str, *, most: int) -> list[State]:
        """The present rows of the orgs that follow one by id as text."""
        rows = await self._ask(_STATE + "WHERE org > %s ORDER BY org LIMIT %s", org, most)
        return [State(*row) for row in rows]

    async def orgs_at(self, versions: Mapping[OrgId, int]) -> dict[OrgId, Org | None]:
        """Orgs as they were at a version: a snapshot of each, and the facts after it.

        None for one that cannot be read, for a fact of a newer version, say.
        """
        if not versions:
            return {}
        streams = [org_stream(org) for org in versions]
        kept = await self._ask(_SNAPSHOTS, streams, list(versions.values()))
        begun = {stream: (version, state) for stream, version, state in kept}
        after = [begun[stream][0] if stream in begun else 0 for stream in streams]
        rows = await self._ask(_FACTS, streams, after, list(versions.values()))
        facts: dict[str, list[Any]] = {}
        for row in rows:
            facts.setdefault(row[0], []).append(row)
        return {
            org: self._rebuilt(org, begun.get(org_stream(org)), facts.get(org_stream(org), []))
            for org in versions
        }

    def _rebuilt(
        self, org: OrgId, kept: tuple[int, bytes] | None, facts: Sequence[Any]
    ) -> Org | None:
        try:
            then = current.read(org, version=kept[0], state=kept[1]) if kept else None
            return rebuild(
                then or Org.blank(org_stream(org)), [self._read_fact(*row) for row in facts]
            )
        except Exception as error:
            log.warning("What org %s was before cannot be read: %s", org, error)
            return None

    async def catalog(self) -> Catalog | None:
        """The catalog in force."""
        try:
            return await newest_catalog(await self._connected())
        except psycopg.Error as error:
            raise await self._lost(error) from error

    async def gating(self) -> Gating:
        """The rollout's rules; while they cannot be read, those that were read last."""
        try:
            rollout = await read_rollout(await self._connected(), decode=self._read_fact)
        except psycopg.Error as error:
            raise await self._lost(error) from error
        except Exception as error:  # a fact of a newer version, say: never towards enforcing
            log.warning("The rollout cannot be read, the last good one holds: %s", error)
        else:
            self._gating = rollout.gating
        return self._gating

    async def strangers(self, events: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
        """Of events by position and id, those that the log does not have there."""
        rows = await self._ask(
            "SELECT position, event_id::text FROM ledger.events WHERE position = ANY(%s)",
            [position for position, _ in events],
        )
        known = set(rows)
        return sorted(event for event in set(events) if event not in known)

    async def marks(self) -> Marks:
        """The last acknowledged records, whoever has the relay."""
        rows = await self._ask("SELECT records FROM ledger.relay")
        return dict(rows[0][0]) if rows else {}

    async def position_at(self, instant: datetime) -> int:
        """The position of the last event recorded before an instant."""
        rows = await self._ask(
            "SELECT coalesce(max(position), 0) FROM ledger.events WHERE recorded_at < %s", instant
        )
        return int(rows[0][0])

    async def wait(self, seconds: float) -> None:
        """Until there may be something new, or so many seconds are over."""
        try:
            connection = await self._connected()
            async for _ in connection.notifies(timeout=seconds, stop_after=1):
                pass
        except psycopg.Error as error:
            raise await self._lost(error) from error

    async def close(self) -> None:
        """Hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close()

    async def _connected(self) -> AsyncConnection:
        if self._connection is None:
            connection = self._connection = await self._connect()
            await connection.execute("LISTEN ledger")
        return self._connection

    async def _ask(self, query: str, *values: Any) -> list[Any]:
        try:
            cursor = await (await self._connected()).execute(
                query.encode(), values, prepare=True, binary=True
            )
            return await cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise await self._lost(error) from error

    async def _lost(self, error: psycopg.Error) -> LogAway:
        await self.close()
        return LogAway(str(error))
