"""Facts of one stream that wait at once go into one append, each an event of its own."""

import asyncio
from collections import deque
from collections.abc import Sequence

from domain.facts import LedgerEvent
from domain.ids import Stream, uuid7
from domain.refusals import Unavailable
from infra.store.append import Append
from infra.store.journal import Journal
from infra.store.mapper import FactMapper

MOST_AT_ONCE = 256  # events in one append
LINES = 2  # while one append is carried out, the next is being made
SHARED_FROM = 32  # so many at once are worth an append more, for the two to overlap

Waiting = tuple[LedgerEvent, "asyncio.Future[int]"]


class Convoy:
    """Facts that expect no version of their stream, so that any number may share one append.

    It is one command with many events: one row of commands and one look at the stream for all of
    them, where an append each would cost twice as much. Who waits learns of the commit as before.
    """

    def __init__(self, journal: Journal, *, stream: Stream) -> None:
        self._journal = journal
        self._stream = stream
        self._mapper = FactMapper()
        self._waiting: deque[Waiting] = deque()
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def append(self, fact: LedgerEvent) -> int:
        """The position of a fact, once it is committed.

        Raises:
            Unavailable: it could not be recorded, or that could not be found out.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        self._waiting.append((fact, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._go)  # after those who come along in the same turn
        return await future

    def _go(self) -> None:
        """Send what waits; a few wait for what is under way, as in the journal."""
        while len(self._tasks) < LINES and len(self._waiting) >= max(1, self._under_way):
            batch = self._batch()
            self._under_way += len(batch)
            task = asyncio.create_task(self._settle(batch), name="bypass uses")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _batch(self) -> list[Waiting]:
        size = len(self._waiting)
        if not self._under_way and size >= SHARED_FROM:
            size = -(-size // LINES)
        return [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, size))]

    async def _settle(self, batch: Sequence[Waiting]) -> None:
        try:
            await self._write(batch)
        finally:
            self._under_way -= len(batch)
            asyncio.get_running_loop().call_soon(self._go)

    async def _write(self, batch: Sequence[Waiting]) -> None:
        try:
            first = await self._appended([fact for fact, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for alone in batch:  # one that cannot be written must not take others with it
                    await self._write([alone])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for position, (_, future) in enumerate(batch, start=first):
            if not future.done():
                future.set_result(position)

    async def _appended(self, facts: Sequence[LedgerEvent]) -> int:
        events = [(fact.event_id, self._mapper.to_stored_event(fact)) for fact in facts]
        append = Append(
            command_id=uuid7(facts[0].timestamp), stream=self._stream, expected=None, events=events
        )
        appended = await self._journal.append(append)
        assert appended.first_position is not None
        return appended.first_position
