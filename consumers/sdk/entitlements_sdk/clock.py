"""The ledger's clock, carried on by a clock of this machine that never steps back."""

import time
from collections.abc import Callable

_UNDER_WAY = 1.0  # seconds; what is told can only be late, so the earliest arrival is right


class LedgerClock:
    """Tells what the time is where boundaries are made.

    Until the ledger has told, this machine's own clock stands in for it, and the cache asks the
    ledger at every check. What was told once never goes back: a boundary that has passed stays
    passed.

    Args:
        wall, monotonic: clocks of this machine, in seconds.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.monotonic = monotonic
        self._ahead = wall() - monotonic()
        self._latest = float("-inf")
        self._told = False

    def tell(self, ledger_seconds: float) -> None:
        """Take over what the ledger says the time is."""
        here = self.monotonic()
        ahead = ledger_seconds - here
        if self._told and 0 <= self._ahead - ahead < _UNDER_WAY:
            return  # it is the way here that took longer
        if self._told:
            self._latest = max(self._latest, here + self._ahead)
        self._ahead, self._told = ahead, True

    def at(self, monotonic_seconds: float) -> float:
        """The ledger's time, in seconds since 1970, at a moment of the monotonic clock."""
        there = monotonic_seconds + self._ahead
        return max(self._latest, there)

    def now(self) -> float:
        """The ledger's time, in seconds since 1970."""
        return self.at(self.monotonic())
