"""Sessions in which a super admin may bypass for one org: opened, closed, and expired."""

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from domain.actors import Provenance
from domain.bypass import (
    BypassSessionClosed,
    BypassSessionExpired,
    BypassSessionOpened,
    Session,
    SessionElsewhere,
    SessionOver,
    UnknownSession,
    expired_by_itself,
    session_end,
    session_named,
    session_of,
    session_stream,
)
from domain.facts import LedgerEvent
from domain.ids import OrgId, uuid7
from domain.instants import iso
from infra.bypass.notes import Notes
from infra.clock import LedgerClock
from infra.store.mapper import read_fact
from projections.audit import catch_up, find_events
from projections.audit_pages import AuditQuery
from projections.history import recorded_in

_ENDS = UUID("b7f2a9b8-52d1-4d2f-8a53-0f6b3b8f2a11")  # never rename: command ids derive from it
_ID = re.compile(r"[0-9a-f]{32}")
_LONGEST = timedelta(hours=5)  # no session that was opened earlier can still be open
_MOST = 1_000  # sessions in memory, and ends looked for at once


class Sessions:
    """The sessions; what this process holds is dropped when the feed says that it moved."""

    def __init__(
        self,
        notes: Notes,
        *,
        clock: LedgerClock,
        reading: Callable[[], AbstractAsyncContextManager[Any]],
    ) -> None:
        self._notes = notes
        self._clock = clock
        self._reading = reading
        self._held: dict[str, Session] = {}

    async def open(self, org: OrgId, *, minutes: int, by: Provenance) -> Session:
        """Open a session.

        Raises:
            InvalidMinutes: it would last too long.
        """
        now = self._clock.now()
        session_id = uuid7(now).hex
        await self._notes.write(
            BypassSessionOpened,
            stream=session_stream(session_id),
            by=replace(by, batch_id=session_id),
            now=now,
            expected=0,
            org=org,
            session_id=session_id,
            ends_at=session_end(minutes, now=now),
        )
        return await self.find(session_id)

    async def find(self, session_id: str) -> Session:
        """A session, whether it is open or over.

        Raises:
            UnknownSession: there is none.
        """
        held = self._held.get(session_id)
        if held is not None:
            return held
        if not _ID.fullmatch(session_id):
            raise UnknownSession(session_id)
        async with self._reading() as connection:
            stream = session_stream(session_id)
            found = await recorded_in(connection, stream, decode=read_fact, known_at=None)
        session = session_of(entry.fact for entry in found)
        if session is None:
            raise UnknownSession(session_id)
        self._held[session_id] = session
        if len(self._held) > _MOST:
            del self._held[next(iter(self._held))]
        return session

    async def running(self, session_id: str, *, org: OrgId, actor: str) -> Session:
        """A session that is open, of this actor and for this org.

        Raises:
            UnknownSession, SessionOver, SessionElsewhere: it is not.
        """
        session = await self.find(session_id)
        if session.actor != actor or session.org != org:
            raise SessionElsewhere(session_id)
        over = session.over_at(self._clock.now())
        if over is not None:
            raise SessionOver(session_id, ended_at=iso(over))
        return session

    async def close(self, session_id: str, *, by: Provenance) -> tuple[Session, bool]:
        """Close a session; one that is over stays as it is. Also says whether it was open."""
        session = await self.find(session_id)
        now = self._clock.now()
        if session.over_at(now) is not None:
            return session, False
        ended = await self._end(session, BypassSessionClosed, at=now, by=by)
        return await self.find(session_id), ended

    async def expire(self) -> int:
        """Record the end of every session that came to it by itself; how many there were."""
        now = self._clock.now()
        opened = (BypassSessionOpened.TOPIC,)
        query = AuditQuery(types=opened, starts=now - _LONGEST, limit=_MOST)
        async with self._reading() as connection:
            await catch_up(connection)
            found = await find_events(connection, query, decode=read_fact)
        ended = 0
        for fact in (entry.fact for entry in found):
            if isinstance(fact, BypassSessionOpened) and fact.ends_at <= now:
                session = await self.find(fact.session_id)
                if session.closed_at is None:
                    by, at = expired_by_itself(session), session.ends_at
                    ended += await self._end(session, BypassSessionExpired, at=at, by=by)
        return ended

    def moved(self, stream: str) -> None:
        """Something happened to a stream, perhaps in another process."""
        session_id = session_named(stream)
        if session_id is not None:
            self._held.pop(session_id, None)

    def start_over(self) -> None:
        """Forget what is held: it may be of a log that is gone."""
        self._held.clear()

    async def _end(
        self, session: Session, fact: type[LedgerEvent], *, at: datetime, by: Provenance
    ) -> bool:
        appended = await self._notes.write(
            fact,
            stream=session_stream(session.id),
            by=replace(by, batch_id=session.id),
            now=self._clock.now(),
            expected=session.version,
            effective_at=at,
            command_id=uuid5(_ENDS, session.id),  # it ends once, whoever says so first
            org=session.org,
            session_id=session.id,
        )
        self._held.pop(session.id, None)
        return appended.verdict == "appended"
