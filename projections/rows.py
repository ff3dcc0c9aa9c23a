"""Rows of decisions in memory: a few hundred bytes an org, for as many orgs as ask.

The table of orgs (`projections.table`) reads and holds whole orgs, some thousands of them. A row is
what is left of one once it has been judged under a catalog, and is kept under the same cache rules:
it goes when the org moves, when its time is over, at the org's next boundary, and with the catalog.
While changes cannot be heard of nothing is served from here, except as last known good.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from random import uniform

from domain.catalog import Catalog, Key
from domain.decision import PLAIN, Verdict
from domain.ids import OrgId
from domain.rows import Columns
from projections.feed import LATEST_SECONDS
from projections.rollout import Gates
from projections.shelf import Shelf
from projections.table import Entry, OrgTable

MOST_ROWS = 1 << 20
LAST_KNOWN_SECONDS = 600.0
_MOST_SHARED = 4_096
_BUCKETS = 100  # of expiry, in one TTL
_VERSION = 6  # bytes at the end of a row
_NEVER = datetime.max.replace(tzinfo=UTC)


class Rows:
    """The rows by org.

    Args:
        table: where orgs are read, and what tells when one has moved.
        shelf: the catalog in force.
        gating: the rollout.
        heard: when, on `monotonic`, changes elsewhere were last heard of.
        ttl_seconds: how long a row may serve, less a jitter of up to a tenth.
        now: the ledger's clock.
        monotonic: seconds on a clock that never steps back.
    """

    def __init__(
        self,
        *,
        table: OrgTable,
        shelf: Shelf,
        gating: Gates,
        heard: Callable[[], float],
        ttl_seconds: float,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._table = table
        self._shelf = shelf
        self.gating = gating
        self._heard = heard
        self.ttl_seconds = ttl_seconds
        self._bucket = ttl_seconds / _BUCKETS
        self._now = now
        self._monotonic = monotonic
        self._columns: Columns | None = None
        self._place_of: dict[str, int] = {}
        self._module_at: tuple[Key, ...] = ()
        self._shared: dict[bytes, bytes] = {}
        self._lease = float("-inf")
        self.verdict, self._set_out = _decider(monotonic, self._renew, self._by_gate)
        self.hits = 0
        self.misses = 0
        self.clear()
        shelf.listeners.append(self._turn_to)
        gating.listeners.append(self._lay_out)
        table.listeners.append(self)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def columns(self) -> Columns:
        """What the places of a row mean, under the catalog in force.

        Raises:
            Unavailable: no catalog was ever published.
        """
        catalog = self._shelf.catalog
        if self._columns is None:
            self._turn_to(catalog)
        assert self._columns is not None
        return self._columns

    def held(self, org: OrgId, at: datetime) -> bytes | None:
        """The row of an org at an instant, None where it has to be made first."""
        if at >= self._due or self._monotonic() >= self._lease:
            self._renew(at)
        return self._serving.get(org)

    async def get(self, org: OrgId) -> bytes:
        """The row of an org at this instant, made if need be.

        Raises:
            UnknownOrg: there is none.
            Unavailable: that cannot be found out at the moment.
        """
        held = self.held(org, self._now())
        if held is not None:
            self.hits += 1
            return held
        self.misses += 1
        return self.put(await self._table.get(org), self._now())

    def put(self, entry: Entry, at: datetime) -> bytes:
        """Make the row of an org that was just read."""
        row, org = self.made(entry, at), entry.org.org_id
        held = self._rows.get(org)
        if held is not None and version_of(held) > entry.version:
            return row
        self._rows[org] = row
        self._bound(org, entry.lanes.next_boundary(after=at))
        expires = self._monotonic() + self.ttl_seconds * uniform(0.9, 1.0)  # noqa: S311 - spreads load
        self._buckets.setdefault(int(expires / self._bucket), []).append(org)
        self._lease = min(self._lease, self._next_expiry())
        self._lay_out()
        if len(self._rows) > MOST_ROWS:
            self._drop_bucket(min(self._buckets))
        return row

    def made(self, entry: Entry, at: datetime) -> bytes:
        """The row of an org, one and the same for orgs that are alike."""
        cells = self.columns.row(entry.lanes, at)
        row = cells + entry.version.to_bytes(_VERSION, "little")
        if len(self._shared) >= _MOST_SHARED:
            self._shared.clear()
        return self._shared.setdefault(row, row)

    def last_known(self, org: OrgId, at: datetime) -> bytes | None:
        """A row that was good when changes were last heard of, ten minutes ago at most.

        Never past a boundary. For when the ledger cannot be reached; answers from it are stale.
        """
        heard = self._heard()
        if self._monotonic() >= heard + LAST_KNOWN_SECONDS:
            return None
        self._expire(heard)
        if at >= self._due:
            self._cross(at)
        return self._rows.get(org)

    def not_after(self, org: OrgId) -> datetime | None:
        """The instant from which an org's row does not hold any more, None for none."""
        return self._bounds.get(org)

    def has_keys(self, keys: Iterable[object]) -> bool:
        """Whether all of these are keys, spelt as the catalog spells them."""
        try:
            return self._place_of.keys() >= set(keys)
        except TypeError:  # a list or an object is nobody's key
            return False

    def org_moved(self, org: OrgId, version: int) -> None:
        """The org is at `version` or newer: an older row goes."""
        row = self._rows.get(org)
        if row is not None and version_of(row) < version:
            self._drop(org)

    def forget(self, org: OrgId) -> None:
        """Make the row of an org anew when it is asked for next."""
        if org in self._rows:
            self._drop(org)

    def clear(self) -> None:
        """Forget every row."""
        self._rows: dict[OrgId, bytes] = {}
        self._serving: dict[OrgId, bytes] = self._rows
        self._bounds: dict[OrgId, datetime] = {}
        self._boundaries: list[tuple[datetime, OrgId]] = []
        self._buckets: dict[int, list[OrgId]] = {}
        self._due = _NEVER
        self._lease = float("-inf")
        self._lay_out()

    def _lay_out(self) -> None:
        """Set out what a verdict goes by.

        To be done whenever a part of it becomes another, other than later: that costs a look.
        """
        mode = self.gating.uniform
        if mode is not None:
            self._set_out(self._due, self._lease, self._serving, self._place_of, PLAIN[mode])
        else:
            self._set_out(self._due, self._lease, {}, self._place_of, ())

    def _by_gate(self, org: OrgId, key: str) -> Verdict | None:
        """The verdict where each org and module has a mode of its own."""
        if self.gating.uniform is not None:
            return None
        try:
            place = self._place_of[key]
            return PLAIN[self.gating(org, self._module_at[place])][self._serving[org][place]]
        except KeyError:
            return None

    def _turn_to(self, catalog: Catalog) -> None:
        self._columns = Columns(catalog)
        self._place_of = self._columns.place_of
        self._module_at = self._columns.module_at
        self._shared.clear()
        self.clear()

    def _renew(self, at: datetime) -> None:
        """Drop what is over; serve nothing while changes are not heard of."""
        if at >= self._due:
            self._cross(at)
        seconds, until = self._monotonic(), self._heard() + LATEST_SECONDS
        if seconds >= until:
            self._serving, self._lease = {}, float("-inf")
        else:
            self._expire(seconds)
            self._serving = self._rows
            self._lease = min(until, self._next_expiry())
        self._lay_out()

    def _bound(self, org: OrgId, boundary: datetime | None) -> None:
        if boundary is None:
            self._bounds.pop(org, None)
            return
        self._bounds[org] = boundary
        heapq.heappush(self._boundaries, (boundary, org))
        if len(self._boundaries) > 2 * len(self._bounds) + _MOST_SHARED:
            self._boundaries = [(instant, of) for of, instant in self._bounds.items()]
            heapq.heapify(self._boundaries)
        self._due = self._boundaries[0][0]

    def _cross(self, at: datetime) -> None:
        while self._boundaries and self._boundaries[0][0] <= at:
            boundary, org = heapq.heappop(self._boundaries)
            if self._bounds.get(org) == boundary:
                self._drop(org)
        self._due = self._boundaries[0][0] if self._boundaries else _NEVER

    def _expire(self, seconds: float) -> None:
        for bucket in [b for b in self._buckets if b * self._bucket <= seconds]:
            self._drop_bucket(bucket)

    def _next_expiry(self) -> float:
        return min(self._buckets, default=float("inf")) * self._bucket

    def _drop_bucket(self, bucket: int) -> None:
        for org in self._buckets.pop(bucket):
            self._drop(org)

    def _drop(self, org: OrgId) -> None:
        self._rows.pop(org, None)
        self._bounds.pop(org, None)


def version_of(row: bytes) -> int:
    """The org version that a row was made of."""
    return int.from_bytes(row[-_VERSION:], "little")


def _decider(
    monotonic: Callable[[], float],
    renew: Callable[[datetime], None],
    otherwise: Callable[[OrgId, str], Verdict | None],
) -> tuple[Callable[[OrgId, str, datetime], Verdict | None], Callable[..., None]]:
    """What decides, and what sets out the parts it goes by.

    They are variables of its own: read in less time than those of an object.
    """
    due, lease = _NEVER, float("-inf")
    serving: Mapping[OrgId, bytes] = {}
    place_of: Mapping[str, int] = {}
    verdicts: Sequence[Verdict] = ()

    def verdict(org: OrgId, key: str, at: datetime) -> Verdict | None:
        """Whether the entitlements let an org use a key; None where that is not known here.

        `key` must be spelt as the catalog spells it; `at` must not be earlier than at the last
        call. This is what decides in process: it reads two dicts and compares two clocks.
        """
        if at >= due or monotonic() >= lease:
            renew(at)
        try:
            return verdicts[serving[org][place_of[key]]]
        except KeyError:
            return otherwise(org, key)

    def set_out(
        due_: datetime,
        lease_: float,
        serving_: Mapping[OrgId, bytes],
        place_of_: Mapping[str, int],
        verdicts_: Sequence[Verdict],
    ) -> None:
        nonlocal due, lease, serving, place_of, verdicts
        due, lease, serving, place_of, verdicts = due_, lease_, serving_, place_of_, verdicts_

    return verdict, set_out
