"""The ledger's clock: the database's time, carried on by a clock that never steps back."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from domain.instants import BEGINNING


def wall_clock() -> datetime:
    """What this machine takes for the time; used until the database has told."""
    return datetime.now(UTC)


class LedgerClock:
    """`now()` never falls, so a boundary that has passed stays passed whatever clocks do."""

    def __init__(
        self,
        *,
        wall: Callable[[], datetime] = wall_clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._at = monotonic()
        self._told = wall()
        self._latest = BEGINNING
        self._ahead = timedelta(0)

    def tell(self, database_time: datetime) -> None:
        """Take over what the database says the time is."""
        self._told, self._at = database_time + self._ahead, self._monotonic()

    def advance(self, by: timedelta) -> None:
        """Run ahead of the database by so much more from now on; for the test clock alone."""
        self._ahead += by
        self._told += by

    def now(self) -> datetime:
        """The ledger's time, aware and in UTC."""
        now = self._told + timedelta(0, self._monotonic() - self._at)
        self._latest = max(self._latest, now)
        return self._latest
