"""Facts of one stream that wait at once go into one append, each an event of its own."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.actors import Provenance
from domain.facts import LedgerEvent
from domain.ids import Stream, uuid7
from domain.refusals import Unavailable
from infra.bypass.notes import made
from infra.clock import LedgerClock
from infra.store.append import Append
from infra.store.journal import Journal
from infra.store.mapper import stored

MOST_AT_ONCE = 256  # events in one append


@dataclass(slots=True)
class Waiting:
    """What is to be recorded, and who waits for it."""

    fact: type[LedgerEvent]
    by: Provenance
    content: dict[str, Any]
    position: "asyncio.Future[int]"


class Convoy:
    """Facts that expect no version of their stream, so that any number may share one append.

    It is one command with many events, which costs PostgreSQL half of what a command each does.
    There is one append at a time: who comes meanwhile waits for the next, so a commit is shared
    by as many as there are, and nobody waits for a timer.
    """

    def __init__(self, journal: Journal, *, stream: Stream, clock: LedgerClock) -> None:
        self._journal = journal
        self._stream = stream
        self._clock = clock
        self._waiting: deque[Waiting] = deque()
        self._under_way: asyncio.Task[None] | None = None

    async def append(self, fact: type[LedgerEvent], *, by: Provenance, **content: Any) -> int:
        """The position of a fact, once it is committed.

        Raises:
            Unavailable: it could not be recorded, or that could not be found out.
        """
        loop = asyncio.get_running_loop()
        waiting = Waiting(fact, by, content, loop.create_future())
        self._waiting.append(waiting)
        if self._under_way is None:
            # A task begins after those who come along in the same turn of the loop.
            self._under_way = loop.create_task(self._carry(), name="bypass uses")
        return await waiting.position

    async def _carry(self) -> None:
        try:
            while self._waiting:
                size = min(MOST_AT_ONCE, len(self._waiting))
                await self._settle([self._waiting.popleft() for _ in range(size)])
                await asyncio.sleep(0)  # whoever was answered may go on and come along
        finally:
            self._under_way = None

    async def _settle(self, batch: Sequence[Waiting]) -> None:
        try:
            first = await self._appended(batch)
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for alone in batch:  # one that cannot be written must not take others with it
                    await self._settle([alone])
                return
            for waiting in batch:
                if not waiting.position.done():
                    waiting.position.set_exception(error)
            return
        for position, waiting in enumerate(batch, start=first):
            if not waiting.position.done():
                waiting.position.set_result(position)

    async def _appended(self, batch: Sequence[Waiting]) -> int:
        now = self._clock.now()
        facts = (
            made(each.fact, stream=self._stream, by=each.by, now=now, content=each.content)
            for each in batch
        )
        append = Append(
            command_id=uuid7(now),
            stream=self._stream,
            expected=None,
            events=[stored(fact) for fact in facts],
        )
        appended = await self._journal.append(append)
        assert appended.first_position is not None
        return appended.first_position
