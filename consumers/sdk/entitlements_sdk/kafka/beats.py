"""Whether the heartbeats of every partition are fresh: only then nothing can have been missed."""

from collections.abc import Callable, Iterable

HEARD_WITHIN = 5.0  # seconds; the published bound
_LATE = 2.0  # seconds behind the quickest: what waits in a queue says nothing about now
_DRIFT = 0.0005  # by which two clocks may run apart


class Beats:
    """The newest heartbeat of each partition.

    How late one is shows beside the quickest so far, on a clock that never steps back: the wall
    clock of this machine may be wrong by any amount.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.partitions: frozenset[int] = frozenset()
        self._told: dict[int, float] = {}
        self._at: dict[int, float] = {}
        self._ahead = float("-inf")
        self._since = monotonic()

    def expect(self, partitions: Iterable[int], *, anew: bool) -> None:
        """From now on these must beat; `anew` forgets those that did."""
        self.partitions = frozenset(partitions)
        if anew:
            self._told, self._at, self._ahead = {}, {}, float("-inf")

    def beat(self, partition: int, ledger_seconds: float) -> float | None:
        """Note one; up to when all partitions have told everything, where this one is in time."""
        now = self._monotonic()
        ahead = ledger_seconds - now
        self._ahead = max(ahead, self._ahead - (now - self._since) * _DRIFT)
        self._since = now
        late = self._ahead - ahead
        self._told[partition] = ledger_seconds
        self._at[partition] = now - late
        if late > _LATE or not self.current():
            return None
        return min(self._told[each] for each in self.partitions)

    def current(self) -> bool:
        """Whether every partition had one within the last few seconds."""
        oldest = self._monotonic() - HEARD_WITHIN
        return bool(self.partitions) and all(
            self._at.get(partition, float("-inf")) > oldest for partition in self.partitions
        )
