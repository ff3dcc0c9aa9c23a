"""Orgs in memory under the cache rules: nothing is served past a boundary or below a known version.

An entry lives for at most the TTL. Whoever learns of a newer version leaves a floor; a read that
began before and arrives below it is discarded. What is known to be outdated is gone; what merely
may be outdated is kept as last known good. Source: `architecture.md`, "Cache rules".
"""

from collections.abc import Callable, Iterator
from itertools import islice
from random import uniform
from threading import Lock

from entitlements_sdk.clock import LedgerClock
from entitlements_sdk.snapshot import Snapshot

HEARD_WITHIN = 5.0  # seconds; without a heartbeat for longer, every check asks the ledger
LONGEST_STALE = 600.0
_FOREVER = float("inf")


def jitter() -> float:
    """A factor that keeps entries of one moment from expiring in one moment."""
    return uniform(0.9, 1.0)  # noqa: S311 - spreads load, guards nothing


class Entry:
    """A snapshot in the cache; `expires` and `confirmed` are on the monotonic clock."""

    __slots__ = ("boundary", "confirmed", "expires", "not_after", "snapshot", "used")

    def __init__(
        self, snapshot: Snapshot, *, expires: float, confirmed: float, not_after: float
    ) -> None:
        self.snapshot = snapshot
        self.boundary = _FOREVER if snapshot.boundary is None else snapshot.boundary
        self.expires = expires
        self.confirmed = confirmed
        self.not_after = not_after
        self.used = False


class OrgCache:
    """Entries by org. Reading takes no lock and may be done from any thread; changing takes one.

    Args:
        clock: the ledger's.
        ttl_seconds: how long an entry serves without being asked for anew, less a jitter.
        stale_seconds: how long ago an entry must have been current to serve as last known good.
        most_orgs: how many entries there are at most; those not used lately go first.
    """

    def __init__(
        self,
        *,
        clock: LedgerClock,
        ttl_seconds: float = 300.0,
        stale_seconds: float = 300.0,
        most_orgs: int = 50_000,
        spread: Callable[[], float] = jitter,
    ) -> None:
        if not 0 <= stale_seconds <= LONGEST_STALE:
            raise ValueError(f"stale_seconds is 0 to {LONGEST_STALE:.0f}")
        self.clock = clock
        self.era = 0
        self.discarded = 0
        self._ttl = ttl_seconds
        self._stale = stale_seconds
        self._most = most_orgs
        self._spread = spread
        self._lock = Lock()
        self._entries: dict[str, Entry] = {}
        self._floors: dict[str, tuple[int, float]] = {}
        self._catalog_floor = 0
        self._rollout_floor = 0
        self._epoch = 0
        self._heard = self._heard_until = -_FOREVER

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def held(self, org: str, now: float, at: float) -> Entry | None:
        """The entry that may serve; None: ask the ledger.

        Args:
            now, at: the same moment on the monotonic clock and on the ledger's.
        """
        entry = self._entries.get(org)
        if (
            entry is None
            or now >= entry.expires
            or now >= self._heard_until
            or at >= entry.boundary
        ):
            return None
        entry.used = True
        return entry

    def last_good(self, org: str, now: float) -> Entry | None:
        """The entry that may serve when the ledger cannot be asked."""
        entry = self._entries.get(org)
        if entry is None or self.clock.at(now) >= entry.boundary:
            return None
        return entry if now - self.confirmed(entry) <= self._stale else None

    def known(self, org: str) -> Snapshot | None:
        """What was known last, to ask the ledger whether it is still so."""
        entry = self._entries.get(org)
        return None if entry is None else entry.snapshot

    def confirmed(self, entry: Entry) -> float:
        """When an entry is known to have been current: as it was read, and as long as we heard."""
        return max(entry.confirmed, self._heard)

    def stale_until(self, entry: Entry) -> float:
        """Up to when it may serve as last known good, on the ledger's clock."""
        return min(self.clock.at(self.confirmed(entry) + self._stale), entry.boundary)

    def heard(self, now: float) -> bool:
        """Whether changes are being heard of."""
        return now < self._heard_until

    def fill(self, snapshot: Snapshot, *, era: int, asked_at: float) -> Entry | None:
        """Take in what was asked for at `asked_at`, in `era`; None where it came too late."""
        with self._lock:
            if era != self.era:
                self.discarded += 1
                return None
            if snapshot.epoch > self._epoch:
                self._change_epoch(snapshot.epoch)
            if not self._acceptable(snapshot):
                self.discarded += 1
                return None
            expires = asked_at + self._ttl * self._spread()
            entry = Entry(
                snapshot,
                expires=expires,
                confirmed=asked_at,
                not_after=min(self.clock.at(expires), snapshot.boundary or _FOREVER),
            )
            self._entries[snapshot.org] = entry
            if len(self._entries) > self._most:
                self._evict()
            return entry

    def accepts(self, entry: Entry) -> bool:
        """Whether an entry that was filled a moment ago may still be served."""
        return self._acceptable(entry.snapshot)

    def restore(self, snapshot: Snapshot, *, confirmed: float) -> None:
        """Take in what was kept on disk: last known good, and never more than that."""
        with self._lock:
            if snapshot.org not in self._entries:
                self._entries[snapshot.org] = Entry(
                    snapshot, expires=-_FOREVER, confirmed=confirmed, not_after=-_FOREVER
                )

    def moved(self, org: str, version: int) -> None:
        """The org is at `version` or newer: what is older goes, and stays out."""
        with self._lock:
            entry = self._entries.get(org)
            if entry is not None and entry.snapshot.version < version:
                del self._entries[org]
            floor = max(version, self._floor(org))
            self._floors.pop(org, None)
            self._floors[org] = (floor, self.clock.monotonic() + self._ttl)
            if len(self._floors) > self._most:
                self._drop_floors()

    def catalog_moved(self, version: int) -> None:
        """There is another catalog: what was judged by the one before goes."""
        with self._lock:
            if version > self._catalog_floor:
                self._catalog_floor = version
                self._keep(lambda known: known.catalog_version >= version)

    def rollout_moved(self, version: int) -> None:
        """The rollout changed: what was gated by the state before goes."""
        with self._lock:
            if version > self._rollout_floor:
                self._rollout_floor = version
                self._keep(lambda known: known.rollout_version >= version)

    def start_over(self) -> None:
        """Forget everything: what is known, or being read, may be of a log that is gone."""
        with self._lock:
            self._forget()

    def told_time(self, ledger_seconds: float) -> None:
        """A heartbeat: the ledger's time, and the news that all news so far has arrived."""
        self.clock.tell(ledger_seconds)
        self._heard = self.clock.monotonic()
        self._heard_until = self._heard + HEARD_WITHIN

    def _acceptable(self, snapshot: Snapshot) -> bool:
        held = self._entries.get(snapshot.org)
        if snapshot.epoch < self._epoch and not snapshot.unknown:
            return False
        if snapshot.version < self._floor(snapshot.org):
            return False
        if held is not None and snapshot.version < held.snapshot.version:
            return False
        return snapshot.unknown or (
            snapshot.catalog_version >= self._catalog_floor
            and snapshot.rollout_version >= self._rollout_floor
        )

    def _floor(self, org: str) -> int:
        version, expires = self._floors.get(org, (0, 0.0))
        return version if expires > self.clock.monotonic() else 0

    def _keep(self, current: Callable[[Snapshot], bool]) -> None:
        self._entries = {
            org: entry for org, entry in self._entries.items() if current(entry.snapshot)
        }

    def _change_epoch(self, epoch: int) -> None:
        if self._epoch:
            self._forget()
        self._epoch = epoch

    def _forget(self) -> None:
        self.era += 1
        self._entries = {}
        self._floors = {}
        self._catalog_floor = self._rollout_floor = self._epoch = 0

    def _evict(self) -> None:
        """Drop the oldest entry that was not used since it was looked at last."""
        for org in list(islice(self._entries, 64)):
            entry = self._entries[org]
            if not entry.used:
                del self._entries[org]
                return
            entry.used = False
            del self._entries[org]
            self._entries[org] = entry
        del self._entries[next(iter(self._entries))]

    def _drop_floors(self) -> None:
        """Too many floors: the oldest tenth goes, and with it whatever is being read."""
        for org in list(islice(self._floors, max(1, self._most // 10))):
            del self._floors[org]
        self.era += 1
