"""Carries the log to Kafka: in order per org, at least once, and one process at a time.

The cursor moves only after the broker has acknowledged, so whoever goes on from it loses nothing
and may send again what consumers know already. Who has the relay is a lease with a fence, in the
database; who lost it cannot move the cursor, and what it may still have written is found and
written over.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Literal, TypeVar

from consumers.relay.batch import Batch, Batches
from consumers.relay.producer import PublishFailed
from consumers.relay.publisher import Place, Publisher, with_marks
from consumers.relay.records import Message
from consumers.topics import EVENTS_KEPT_DAYS, TopicMisconfigured
from domain.ids import OrgId
from projections.outgoing import Cursor, LogAway, OutgoingLog, Page

T = TypeVar("T")

LEASE_SECONDS = 5.0
BEAT_SECONDS = 1.0
MOST_EVENTS = 2_000  # of one batch
MOST_ORGS = 200  # of those published again, in one batch
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0

log = logging.getLogger("entitlements.relay")

Standing = Literal["stopped", "standing by", "publishing", "waiting", "held"]


class FenceLost(Exception):
    """Another has the relay, or its cursor was moved: what we know of it holds no longer."""


class DatabaseRestored(Exception):
    """Kafka has events that the log has not: the database is older than what was published."""

    def __init__(self, strangers: Sequence[tuple[int, str]]) -> None:
        super().__init__(
            f"Kafka has {len(strangers)} events that the ledger has not, from position "
            f"{strangers[0][0]} on: the database was restored from a backup. Nothing is published "
            "until 'entitlements restore-epoch' was run."
        )
        self.strangers = strangers


class Relay:
    """One candidate for the relay of a ledger; any number may run.

    Args:
        open_publisher: connects to the broker; called in a thread of the relay's own.
        monotonic: seconds on a clock that never steps back.
        lease_seconds: for how long a relay that is heard of no more keeps others from it.
    """

    def __init__(
        self,
        outgoing: OutgoingLog,
        *,
        batches: Batches,
        open_publisher: Callable[[], Publisher],
        monotonic: Callable[[], float],
        most_events: int = MOST_EVENTS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._log = outgoing
        self._batches = batches
        self._open_publisher = open_publisher
        self._monotonic = monotonic
        self._most_events = most_events
        self._lease = lease_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="relay")
        self._publisher: Publisher | None = None
        self._task: asyncio.Task[None] | None = None
        self._held_until = float("-inf")
        self._beaten = float("-inf")
        self._waiting_orgs: dict[OrgId, str] = {}
        self._pause = _PAUSE_SECONDS
        self.standing: Standing = "stopped"
        self.position = 0
        self.problem: str | None = None

    @property
    def dead_letters(self) -> int:
        """How many dead letters were written by this process."""
        return self._batches.dead_letters

    def start(self) -> None:
        """Begin; needs a running loop."""
        self._task = asyncio.create_task(self._run(), name="relay")

    async def close(self) -> None:
        """Stop after the batch that is under way, and let another take over at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._drop_publisher()
        await self._log.close()
        self._thread.shutdown()
        self.standing = "stopped"

    async def _run(self) -> None:
        while True:
            try:
                cursor = await self._log.take(seconds=self._lease)
                if cursor is None:
                    self.standing = "standing by"
                    await asyncio.sleep(BEAT_SECONDS)
                else:
                    await self._hold(cursor)
            except FenceLost:
                log.info("Another process has the relay now, or its cursor was moved.")
                await self._drop_publisher()  # what the broker has by then is to be looked at anew
            except (PublishFailed, TopicMisconfigured, DatabaseRestored, LogAway) as error:
                await self._wait_after(error)
            except Exception as error:  # whatever it is, what waits is published later
                log.exception("The relay goes on in a moment.")
                await self._wait_after(error)

    async def _wait_after(self, error: Exception) -> None:
        self._tell(error)
        await self._drop_publisher()
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)

    def _tell(self, error: Exception) -> None:
        self.standing = (
            "held" if isinstance(error, TopicMisconfigured | DatabaseRestored) else "waiting"
        )
        if str(error) != self.problem:  # once, and not every second
            log.log(logging.ERROR if self.standing == "held" else logging.WARNING, "%s", error)
        self.problem = str(error)

    async def _hold(self, cursor: Cursor) -> None:
        """Publish for as long as the relay is ours."""
        self._batches.forget()  # another may have had it, and what we made last may not be sent
        try:
            cursor = await self._connect(cursor)
            while True:
                cursor = await self._step(cursor)
        except asyncio.CancelledError:
            await asyncio.shield(self._release(cursor))
            raise

    async def _release(self, cursor: Cursor) -> None:
        try:
            await self._log.release(cursor)
        except LogAway:
            return  # then the lease ends by itself

    async def _connect(self, cursor: Cursor) -> Cursor:
        """Connect, and find out whether what was acknowledged is still there."""
        publisher = self._publisher = await self._in_thread(self._open_publisher)
        found = await self._in_thread(publisher.inspect, cursor.marks)
        page = await self._log.page(after=cursor.position, most=1)
        if found.lost:
            log.error("Records that the broker had acknowledged are gone: a new epoch begins.")
            kept = page.now - timedelta(days=EVENTS_KEPT_DAYS)
            await self._log.begin_epoch(page.epoch, position=await self._log.position_at(kept))
            raise FenceLost
        strangers = await self._log.strangers([(e.position, e.event_id) for e in found.events])
        if strangers:
            raise DatabaseRestored(strangers)
        self._waiting_orgs |= {OrgId(org): "republished" for org in found.orgs}
        return await self._kept(cursor._replace(marks=with_marks(cursor.marks, found.unmarked)))

    async def _step(self, cursor: Cursor) -> Cursor:
        page = await self._log.page(after=cursor.position, most=self._most_events)
        batch = await self._batch(page, cursor)
        if batch.messages or batch.republished != cursor.republished:
            cursor = await self._published(batch, cursor)
        due = self._monotonic() - self._beaten >= BEAT_SECONDS
        # A heartbeat says that everything is told; another catalog is with the first org after it.
        if due and page.whole and not batch.everybody:
            cursor = await self._beat(page, cursor)
        self.standing, self.problem, self._pause = "publishing", None, _PAUSE_SECONDS
        self.position = cursor.position
        if page.whole and cursor.republished is None and not self._waiting_orgs:
            rest = self._beaten + BEAT_SECONDS - self._monotonic()
            await self._log.wait(max(0.0, rest))
        elif not page.whole and self._monotonic() > self._held_until - self._lease / 2:
            cursor = await self._kept(cursor)
        return cursor

    async def _batch(self, page: Page, cursor: Cursor) -> Batch:
        orgs = dict(self._waiting_orgs)
        again: str | None = cursor.republished
        if again is not None:
            states = await self._log.states_after(again, most=MOST_ORGS)
            orgs = {state.org: "republished" for state in states} | orgs
            again = states[-1].org if states else None
        return await self._batches.make(
            page, orgs=orgs, republished=again, log=self._log, in_thread=self._in_thread
        )

    async def _published(self, batch: Batch, cursor: Cursor) -> Cursor:
        strays: set[OrgId] = set()
        if batch.messages:
            cursor, strays = await self._send(batch.messages, cursor)
            self._batches.acknowledged(batch)
        for org in batch.orgs - strays:  # a stray may have come behind what was sent of the org
            self._waiting_orgs.pop(org, None)
        position = batch.position or cursor.position
        republished = batch.republished
        if batch.everybody:  # another catalog: every org's state is another
            republished = ""
        return await self._kept(cursor._replace(position=position, republished=republished))

    async def _beat(self, page: Page, cursor: Cursor) -> Cursor:
        assert self._publisher is not None
        partitions = await self._in_thread(self._publisher.state_partitions)
        messages = self._batches.heartbeats(page, partitions)
        self._beaten = self._monotonic()
        cursor, _ = await self._send(messages, cursor)
        return await self._kept(cursor)

    async def _send(self, messages: Sequence[Message], cursor: Cursor) -> tuple[Cursor, set[OrgId]]:
        """Send, if the relay is ours still; who is stopped right here is found out by the next.

        Gives the orgs, too, of which somebody else's record was found: they are published again.
        """
        if self._monotonic() >= self._held_until:
            raise FenceLost
        assert self._publisher is not None
        try:
            marks, strays = await self._in_thread(_publish, self._publisher, messages)
        except PublishFailed as error:
            self._batches.refuse(error.refused)
            raise
        again = {OrgId(org) for org in strays}
        self._waiting_orgs |= dict.fromkeys(again, "republished")
        return cursor._replace(marks=with_marks(cursor.marks, marks)), again

    async def _kept(self, cursor: Cursor) -> Cursor:
        held_until = self._monotonic() + self._lease
        if not await self._log.advance(cursor, seconds=self._lease):
            raise FenceLost
        self._held_until = held_until
        return cursor

    async def _drop_publisher(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await self._in_thread(publisher.close)

    async def _in_thread(self, act: Callable[..., T], *values: Any) -> T:
        """Run in the relay's thread, to its end even when we are told to stop meanwhile."""
        running = asyncio.get_running_loop().run_in_executor(self._thread, act, *values)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.gather(running, return_exceptions=True)
            raise


def _publish(
    publisher: Publisher, messages: Sequence[Message]
) -> tuple[dict[Place, tuple[int, int]], set[str]]:
    """Send, and look who else has sent: both in one go, as each change of thread is a wait."""
    return publisher.publish(messages), publisher.foreign_orgs()
