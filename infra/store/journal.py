"""The journal: appends that wait at once share one transaction, each keeping its own outcome."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection, errors

from domain.refusals import Unavailable
from infra.clock import LedgerClock
from infra.store.append import CALL, Append, Appended, arguments, results

MOST_AT_ONCE = 256  # commands in one transaction
PATIENCE_SECONDS = 10.0  # how long an unknown outcome is pursued before the caller is told so
_PAUSE_SECONDS = 0.05

_TRANSIENT = (
    psycopg.OperationalError,  # the connection went, or could not be made
    psycopg.InterfaceError,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.UniqueViolation,  # another writer won a race that the head row should have ordered
)
_FULL = (errors.DiskFull, errors.ReadOnlySqlTransaction)

Waiting = tuple[Append, "asyncio.Future[Appended]"]


class Journal:
    """One connection and one task that drains what waits; nobody waits for a timer.

    An error after the first byte was sent leaves the outcome unknown. The same appends are then
    sent again: the head row's lock waits for the first attempt to end, and the command ids tell
    what it did. So an outcome is found out, never guessed.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[AsyncConnection]], *, clock: LedgerClock
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._connection: AsyncConnection | None = None
        self._waiting: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to drain; needs a running loop."""
        self._task = asyncio.create_task(self._drain(), name="journal")

    async def append(self, append: Append) -> Appended:
        """Append one command's events, or learn what the same command came to before.

        Raises:
            Unavailable: the database could not be reached or cannot write; ask again with the
                same command id to learn whether it was appended after all.
        """
        if self._task is None or self._task.done():
            raise Unavailable("The journal is closed; nothing was recorded.")
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._waiting.append((append, future))
        self._wake.set()
        return await future

    async def close(self) -> None:
        """Finish what waits, then give the connection back."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._hang_up()

    async def _drain(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                size = min(MOST_AT_ONCE, len(self._waiting))
                batch = [self._waiting.popleft() for _ in range(size)]
                await asyncio.shield(self._settle(batch))

    async def _settle(self, batch: list[Waiting]) -> None:
        try:
            outcomes = await self._append([append for append, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for alone in batch:  # one that cannot be written must not take others with it
                    await self._settle([alone])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)

    async def _append(self, appends: list[Append]) -> list[Appended]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS
        values = arguments(appends)
        while True:
            try:
                if self._connection is None:
                    self._connection = await self._connect()
                cursor = await self._connection.execute(CALL, values, prepare=True, binary=True)
                outcomes = results(await cursor.fetchall())
                self._clock.tell(outcomes[0].clock)
                return outcomes
            except _FULL as error:
                await self._hang_up()
                raise Unavailable(f"The ledger cannot write at the moment: {error}") from error
            except _TRANSIENT as error:
                await self._hang_up()
                if loop.time() >= deadline:
                    raise Unavailable(
                        "Whether this was recorded could not be found out yet; ask again with the "
                        "same Idempotency-Key."
                    ) from error
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                await connection.close()
