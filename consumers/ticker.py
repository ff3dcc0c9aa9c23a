"""The boundary ticker: tells as a fact what time did by itself, for those who rather hear of it.

Nothing is right because of it: effective state follows from the facts and the instant alone.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from domain.actors import Actor, Provenance
from domain.commands import CrossBoundaries
from domain.instants import iso
from domain.orders import Answer, Order
from domain.org import Org
from domain.refusals import OrgHeldByNewerVersion, Refusal
from projections.wakes import Wake, due_orgs, next_wake

LOOK_SECONDS = 1.0  # between two looks at the index, whatever is heard
TOGETHER_SECONDS = 0.05  # after a wake-up, so that many changes cost one look
PAUSE_SECONDS = 0.2  # after a failure
AT_ONCE = 256  # orgs, as many as share a transaction

_WAKES = UUID("0b6c9a52-3a1e-4d0e-8f57-7f3f4d1c2e90")  # never rename: command ids derive from it
_BY = Provenance(
    actor=Actor(id="boundary-ticker", type="system"),
    reason="Time passed a boundary of what was recorded before.",
)

log = logging.getLogger("entitlements.ticker")


class Ticker:
    """Sleeps until something is due on an org, and accounts for it.

    Any number may run over one ledger: the version an org was seen at and a command id made of the
    org and the instant see to it that each boundary is told once.

    Args:
        reading: gives a connection to read with; failures to get one are refusals.
        execute: carries out an order.
        seen: takes an org as it was just read.
        now: the ledger's clock.
    """

    def __init__(
        self,
        *,
        reading: Callable[[], AbstractAsyncContextManager[Any]],
        execute: Callable[[Order], Awaitable[Answer]],
        seen: Callable[[Org], object],
        now: Callable[[], datetime],
    ) -> None:
        self._reading = reading
        self._execute = execute
        self._seen = seen
        self._now = now
        self._wake = asyncio.Event()
        self._pause = PAUSE_SECONDS
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether this process ticks."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin to tick; needs a running loop."""
        self._task = asyncio.create_task(self.run(), name="ticker")

    def wake(self) -> None:
        """Something changed: what is due next may come earlier than it was known."""
        self._wake.set()

    async def close(self) -> None:
        """Stop ticking."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def next_wake(self) -> datetime | None:
        """The first instant that is not accounted for, past or to come; None where there is none.

        Raises:
            Unavailable: the ledger cannot be read.
        """
        async with self._reading() as connection:
            return await next_wake(connection)

    async def drain(self) -> int:
        """Account for everything that is due by now; on how many orgs that was.

        Raises:
            Unavailable: the ledger cannot be read.
        """
        crossed, now, last = 0, self._now(), None
        self._pause = PAUSE_SECONDS
        while True:
            async with self._reading() as connection:
                due = await due_orgs(connection, now=now, after=last, limit=AT_ONCE)
            crossed += await self._cross(due)
            if len(due) < AT_ONCE:
                return crossed
            last = due[-1]

    async def _cross(self, due: Sequence[Wake]) -> int:
        for wake in due:
            self._seen(wake.org)
        outcomes = await asyncio.gather(
            *(self._execute(order_for(wake)) for wake in due), return_exceptions=True
        )
        for wake, outcome in zip(due, outcomes, strict=True):
            if isinstance(outcome, OrgHeldByNewerVersion):  # it is due until that version runs here
                self._pause = LOOK_SECONDS
            elif isinstance(
                outcome, Refusal
            ):  # another was first, or it is tried again in a moment
                log.debug("Organisation %s: %s", wake.org.org_id, outcome)
            elif isinstance(outcome, BaseException):
                self._pause = LOOK_SECONDS
                log.error("Organisation %s is not ticked.", wake.org.org_id, exc_info=outcome)
        return sum(isinstance(outcome, Answer) for outcome in outcomes)

    async def run(self) -> None:
        """Tick until cancelled; while the ledger is away, wait for it."""
        while True:
            try:
                await self.drain()
                await self._rest(await self.next_wake())
            except Refusal as refusal:
                log.debug("Nothing is ticked at the moment: %s", refusal)
                await asyncio.sleep(PAUSE_SECONDS)
            except Exception:
                log.exception("Nothing is ticked at the moment.")
                await asyncio.sleep(LOOK_SECONDS)

    async def _rest(self, until: datetime | None) -> None:
        seconds = LOOK_SECONDS
        if until is not None:
            left = (until - self._now()) / timedelta(seconds=1)
            # What is due already and was not done a moment ago can wait for another.
            seconds = min(seconds, left) if left > 0 else self._pause
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
                await asyncio.sleep(TOGETHER_SECONDS)
        self._wake.clear()


def order_for(wake: Wake) -> Order:
    """What a ticker asks for; the same of every ticker that sees the same."""
    org = wake.org
    return Order(
        org=org.org_id,
        commands=[CrossBoundaries()],
        by=_BY,
        command_id=uuid5(_WAKES, f"{org.org_id}:{iso(wake.at)}"),
        if_match=org.version,
        presume_first=True,  # or else they would come to the journal one by one
        terse=True,
    )
