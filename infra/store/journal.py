"""The journal: appends that wait at once share one transaction, each keeping its own outcome."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection, AsyncCursor, errors

from domain.refusals import Unavailable
from infra.clock import LedgerClock
from infra.store.append import CALL, Append, Appended, arguments, results

MOST_AT_ONCE = 256  # commands in one transaction
LINES = 2  # while PostgreSQL works on one batch, the next is being made
SHARED_FROM = 64  # so many at once are worth a commit more, for the lines to work side by side
PATIENCE_SECONDS = 10.0  # how long an unknown outcome is pursued before the caller is told so
_PAUSE_SECONDS = 0.05

_TRANSIENT = (
    psycopg.OperationalError,  # the connection went, or could not be made
    psycopg.InterfaceError,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.TransactionTimeout,  # what a newer server says in its place, ending the connection
    errors.UniqueViolation,  # another writer won a race that the head row should have ordered
)
_FULL = (errors.DiskFull, errors.ReadOnlySqlTransaction)

Connect = Callable[[], Awaitable[AsyncConnection]]
Waiting = tuple[Append, asyncio.Future[Appended]]


class Journal:
    """Takes appends and drains them over a few connections; nobody waits for a timer.

    Each append is written by one line only, so callers that need an order among appends to one
    stream wait for each answer before the next.

    Args:
        took: hears how many seconds an append took that was written.
    """

    def __init__(
        self,
        connect: Connect,
        *,
        clock: LedgerClock,
        line: "type[Line] | None" = None,
        took: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._took = took
        self._waiting: deque[Waiting] = deque()
        self._under_way = 0
        self._wake = asyncio.Event()
        self._lines = [(line or Line)(connect, clock=clock) for _ in range(LINES)]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to drain; needs a running loop."""
        self._tasks = [
            asyncio.create_task(self._drain(line), name="journal") for line in self._lines
        ]

    async def append(self, append: Append) -> Appended:
        """Append one command's events, or learn what the same command came to before.

        Raises:
            Unavailable: the database could not be reached or cannot write; ask again with the
                same command id to learn whether it was appended after all.
        """
        if not self._tasks:
            raise Unavailable("The journal is closed; nothing was recorded.")
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        since = time.monotonic()
        self._waiting.append((append, future))
        if self._enough():
            self._wake.set()
        appended = await future
        if appended.verdict == "appended":
            self._took(time.monotonic() - since)
        return appended

    async def close(self) -> None:
        """Let what was begun come to its end, turn the rest away, and hang up."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._waiting:
            _, future = self._waiting.popleft()
            if not future.done():
                future.set_exception(Unavailable("The journal closed; nothing was recorded."))
        for line in self._lines:
            await line.hang_up()

    def _enough(self) -> bool:
        """Whether a batch is to go: a few wait for the one that is under way.

        Batches are carried out one after another, so one that is sent earlier ends no sooner; it
        would only leave less for the next, and each costs a commit.
        """
        return len(self._waiting) >= max(1, self._under_way)

    def _batch(self) -> list[Waiting]:
        size = len(self._waiting)
        if not self._under_way and size >= SHARED_FROM:
            size = -(-size // LINES)
        return [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, size))]

    async def _drain(self, line: "Line") -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._enough():
                batch = self._batch()
                self._under_way += len(batch)
                if self._enough():
                    self._wake.set()  # for another line
                await _finished(self._settle(batch, line))
                await asyncio.sleep(0)  # whoever was answered may go on and come along

    async def _settle(self, batch: Sequence[Waiting], line: "Line") -> None:
        try:
            outcomes = await line.outcomes([append for append, _ in batch])
        finally:
            # First this: whoever is answered may come back at once and ask what is under way.
            self._under_way -= len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)


class Line:
    """One connection on which batches are appended, and the resolution of unknown outcomes.

    An error after the first byte was sent leaves the outcome unknown. The same appends are then
    sent again: the head row's lock waits for the first attempt to end, and the command ids tell
    what it did. So an outcome is found out, never guessed.
    """

    def __init__(self, connect: Connect, *, clock: LedgerClock) -> None:
        self._connect = connect
        self._clock = clock
        self._cursor: AsyncCursor | None = None  # one for all: a new one costs what four appends do

    async def outcomes(self, appends: list[Append]) -> list[Appended | Exception]:
        """Append a batch; of each of its commands what it came to, or why that is not known."""
        try:
            return [*await self._append(appends)]
        except Exception as error:
            if len(appends) == 1 or isinstance(error, Unavailable):
                return [error] * len(appends)
            # One that cannot be written must not take others with it.
            return [outcome for append in appends for outcome in await self.outcomes([append])]

    async def hang_up(self) -> None:
        """Close the connection, if there is one."""
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            with suppress(Exception):
                await cursor.connection.close()

    async def send(self, appends: list[Append]) -> list[Appended]:
        """One try; any error of the database leaves the outcome unknown."""
        if self._cursor is None:
            self._cursor = (await self._connect()).cursor()
        await self._cursor.execute(CALL, arguments(appends), prepare=True, binary=True)
        outcomes = results(await self._cursor.fetchone() or ())
        self._clock.tell(outcomes[0].clock)
        return outcomes

    async def _append(self, appends: list[Append]) -> list[Appended]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS
        while True:
            try:
                return await self.send(appends)
            except _FULL as error:
                await self.hang_up()
                raise Unavailable(f"The ledger cannot write at the moment: {error}") from error
            except _TRANSIENT as error:
                await self.hang_up()
                if loop.time() >= deadline:
                    raise Unavailable(
                        "Whether this was recorded could not be found out yet; ask again with the "
                        "same Idempotency-Key."
                    ) from error
                await asyncio.sleep(_PAUSE_SECONDS)


async def _finished(work: Awaitable[None]) -> None:
    """Await `work` to its end, and only then let a cancellation through."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
