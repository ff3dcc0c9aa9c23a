"""Uses of the bypass: committed before they are allowed, or counted where that was done before."""

import asyncio
import contextlib
from datetime import datetime
from uuid import UUID, uuid4, uuid5

from domain.actors import Provenance
from domain.bypass import (
    BYPASS_USES_STREAM,
    BypassRefused,
    BypassUsed,
    BypassUsesCounted,
    Use,
)
from domain.refusals import Refusal
from infra.bypass.convoy import Convoy
from infra.bypass.notes import Notes
from infra.bypass.sessions import Sessions
from infra.clock import LedgerClock

_COUNTS = UUID("8d0c33f4-7d43-4e58-9d0b-6a1d9a3c5b27")  # never rename: command ids derive from it
_LOOK_SECONDS = 10.0

Minute = tuple[str, str, str | None, datetime]  # session, key, route and minute


class Uses:
    """Records uses.

    Within a session the first use of a key on a route in a minute is committed before it is
    allowed; further ones in that minute are counted, and the count follows into the log.
    """

    def __init__(
        self, notes: Notes, convoy: Convoy, *, sessions: Sessions, clock: LedgerClock
    ) -> None:
        self.recorded = 0  # uses, by this process
        self._notes = notes
        self._convoy = convoy
        self._sessions = sessions
        self._clock = clock
        self._counts: dict[Minute, tuple[Use, Provenance, int]] = {}
        self._process = uuid4()
        self._task: asyncio.Task[None] | None = None

    async def record(self, use: Use, *, by: Provenance) -> int | None:
        """Commit that a super admin uses what is denied; the position, None for one counted.

        Raises:
            Unavailable: it could not be recorded, so it must not be allowed.
        """
        minute = self._minute(use)
        if minute is not None and minute in self._counts:
            _, _, count = self._counts[minute]
            self._counts[minute] = (use, by, count + 1)
            self.recorded += 1
            return None
        position = await self._convoy.append(
            BypassUsed,
            by=by,
            org=use.org,
            key=use.key,
            denied_by=use.denied_by,
            permission=use.permission,
            route=use.route,
            session_id=use.session_id,
        )
        if minute is not None:
            self._counts.setdefault(minute, (use, by, 0))
        self.recorded += 1
        return position

    async def refuse(self, use: Use, *, why: str, by: Provenance) -> None:
        """Record that a super admin was denied what may not be bypassed."""
        await self._convoy.append(
            BypassRefused,
            by=by,
            org=use.org,
            key=use.key,
            denied_by=use.denied_by,
            route=use.route,
            why=why,
        )

    def start(self) -> None:
        """Begin to write counts and the ends of sessions; needs a running loop."""
        self._task = asyncio.create_task(self._keep_up(), name="bypass uses")

    async def close(self) -> None:
        """Stop, and write what was counted."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(Refusal):
            await self.write_counts()

    async def write_counts(self, *, before: datetime | None = None) -> None:
        """Write the counts of the minutes before an instant, or of all."""
        due = [minute for minute in self._counts if before is None or minute[3] < before]
        for minute in due:
            use, by, count = self._counts[minute]
            if count:
                await self._notes.write(
                    BypassUsesCounted,
                    stream=BYPASS_USES_STREAM,
                    by=by,
                    now=self._clock.now(),
                    command_id=uuid5(_COUNTS, f"{self._process} {minute}"),
                    org=use.org,
                    key=use.key,
                    route=use.route,
                    session_id=use.session_id,
                    minute=minute[3],
                    uses=count,
                )
            del self._counts[minute]

    def _minute(self, use: Use) -> Minute | None:
        if use.session_id is None:
            return None
        return use.session_id, use.key, use.route, _whole_minute(self._clock.now())

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with contextlib.suppress(Refusal):  # the database is away: what is due stays due
                await self.write_counts(before=_whole_minute(self._clock.now()))
                await self._sessions.expire()


def _whole_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
