"""The test clock of one process: sets its time forward and waits until all of it has caught up."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.refusals import Unavailable
from infra.settings import SettingsProblem
from infra.wiring import Parts
from projections.audit import audit_position
from projections.status import head_position

WARNING = """
*** LEDGER_TEST_CLOCK is on: any super admin can set this ledger's clock forward. ***
*** Trials will end and grants will begin that should not. For tests only.        ***
"""
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.01


def check_workers(workers: int) -> None:
    """Raises SettingsProblem where a test clock would be set in one of several processes."""
    if workers > 1:
        raise SettingsProblem(
            "With LEDGER_TEST_CLOCK there can be one worker only: each process has a clock of its "
            "own, and the others would not hear of it. Leave --workers out."
        )


class SettableClock:
    """See `api.parts.TestClock`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def advance(self, *, to: datetime) -> Sequence[str]:
        """Set the clock forward to `to` and wait for the ticker, the feed and the audit view.

        Raises:
            Unavailable: they have not caught up in half a minute.
        """
        self._parts.clock.advance(max(to - self._parts.clock.now(), timedelta(0)))
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while True:
                    if await self._caught_up():
                        break
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError as error:
            raise Unavailable("The clock is set, but not everything has caught up.") from error
        return ["ticker", "feed", "audit"]

    async def _caught_up(self) -> bool:
        ticker, feed = self._parts.ticker, self._parts.feed
        await ticker.drain()
        wake = await ticker.next_wake()
        if wake is not None and wake <= self._parts.clock.now():
            return False
        async with self._parts.ledger.reading() as connection:
            head = await head_position(connection)
            return feed.position >= head and await audit_position(connection) >= head
