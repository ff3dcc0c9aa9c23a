"""Orgs in memory under the cache rules: nothing is served past a boundary or below a known version.

An entry lives for at most the TTL. Whoever learns of a newer version leaves a floor; a read that
started before and arrives below the floor is discarded. One read per org is under way at a time.
Source: `architecture.md`, "Cache rules".
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from random import uniform
from typing import Any, NamedTuple, Protocol

from domain.catalog import Catalog, Key
from domain.effective import Effective, Lanes, effective_map
from domain.ids import OrgId
from domain.org import Org
from domain.refusals import Unavailable, UnknownOrg, VersionNotReached

MOST_ORGS = 50_000
_MOST_TRIES = 5


class Judged:
    """The effective states of one org from `at` up to, but not including, `not_after`.

    `rendered` keeps what was made of them, so that asking again costs nothing.
    """

    __slots__ = ("at", "catalog", "not_after", "rendered", "states")

    def __init__(self, lanes: Lanes, catalog: Catalog, at: datetime) -> None:
        self.at = at
        self.catalog = catalog
        self.not_after = lanes.next_boundary(after=at)
        self.states: dict[Key, Effective] = effective_map(lanes, catalog, at)
        self.rendered: dict[str, Any] = {}

    def holds(self, catalog: Catalog, at: datetime) -> bool:
        """Whether this is still the answer."""
        fresh = self.at <= at and (self.not_after is None or at < self.not_after)
        return fresh and self.catalog is catalog


class Entry:
    """One org at one version; `org` must not be changed."""

    __slots__ = ("_judged", "expires", "lanes", "org")

    def __init__(self, org: Org, *, expires: float) -> None:
        self.org = org
        self.lanes = org.lanes
        self.expires = expires
        self._judged: Judged | None = None

    @property
    def version(self) -> int:
        return self.org.version

    def judged(self, catalog: Catalog, at: datetime) -> Judged:
        """The effective states at `at`, computed once between two boundaries."""
        if self._judged is None or not self._judged.holds(catalog, at):
            self._judged = Judged(self.lanes, catalog, at)
        return self._judged


class Listener(Protocol):
    """Who holds something made of orgs, and hears when it is no longer good."""

    def org_moved(self, org: OrgId, version: int) -> None:
        """The org is at `version` or newer."""

    def forget(self, org: OrgId) -> None:
        """What is made of the org is doubted, whatever its version."""

    def clear(self) -> None:
        """Anything may have changed."""


class Read(NamedTuple):
    """An org that was read, None for one that is not there; for how many seconds it may serve.

    `within` is None for what comes from the database itself.
    """

    org: Org | None
    within: float | None


class Shared(Protocol):
    """A cache that several processes share, under the same rules."""

    async def get(
        self, org: OrgId, *, at_least: int, read: Callable[[], Awaitable[Org | None]]
    ) -> Read:
        """An org at `at_least` or newer from there, or by `read`."""
        ...


class OrgTable:
    """Orgs by id.

    Args:
        fetch: reads an org with its version in one statement; None where there is none.
        current: whether changes elsewhere are known to be heard of; while not, every read goes
            to the database.
        ttl_seconds: how long an entry may serve, less a jitter of up to a tenth.
        monotonic: seconds on a clock that never steps back.
    """

    def __init__(
        self,
        *,
        fetch: Callable[[OrgId], Awaitable[Org | None]],
        current: Callable[[], bool],
        ttl_seconds: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._fetch = fetch
        self._current = current
        self._ttl = ttl_seconds
        self._monotonic = monotonic
        self._entries: OrderedDict[OrgId, Entry] = OrderedDict()
        self._floors: OrderedDict[OrgId, tuple[int, float]] = OrderedDict()
        self._fetching: dict[OrgId, asyncio.Task[Read]] = {}
        self._anew: set[OrgId] = set()
        self._era = 0
        self.shared: Shared | None = None
        self.listeners: list[Listener] = []
        self.hits = 0
        self.misses = 0
        self.discarded = 0

    async def get(self, org_id: OrgId, *, min_version: int = 0) -> Entry:
        """The org, at `min_version` or newer.

        Raises:
            UnknownOrg: there is none.
            VersionNotReached: the ledger itself has not got to `min_version`.
        """
        entry = self.held(org_id)
        if entry is not None and entry.version >= min_version:
            self.hits += 1
            return entry
        self.misses += 1
        return await self._filled(org_id, min_version=min_version)

    async def take_in(
        self,
        org_ids: Iterable[OrgId],
        fetch: Callable[[Sequence[OrgId]], Awaitable[Sequence[Org]]],
    ) -> None:
        """Read those of many orgs that are not here at once; each is then as good as a `get`."""
        missing = [org_id for org_id in org_ids if self.held(org_id) is None]
        era = self._era
        orgs = await fetch(missing) if missing else ()
        if era == self._era:
            for org in orgs:
                self.put(org)

    def held(self, org_id: OrgId) -> Entry | None:
        """The org if it is here and may be served."""
        entry = self._entries.get(org_id)
        if entry is None or not self._current():
            return None
        if entry.expires <= self._monotonic():
            del self._entries[org_id]
            return None
        self._entries.move_to_end(org_id)
        return entry

    def put(self, org: Org, *, within: float | None = None) -> Entry:
        """Take an org in, unless a newer version is known of; it serves for `within` at most."""
        seconds = self._ttl if within is None else min(within, self._ttl)
        entry = Entry(org, expires=self._monotonic() + seconds * uniform(0.9, 1.0))  # noqa: S311 - spreads load, guards nothing
        org_id = org.org_id
        held = self._entries.get(org_id)
        if org.version < self._floor(org_id) or (held is not None and org.version < held.version):
            self.discarded += 1
            return entry
        self._entries[org_id] = entry
        self._tell(org_id, org.version)
        if len(self._entries) > MOST_ORGS:
            self._entries.popitem(last=False)
        return entry

    def moved(self, org_id: OrgId, *, version: int) -> None:
        """The org is at `version` or newer: what is older goes, and stays out."""
        if version <= self._floor(org_id):  # of which whoever wrote it has told, event by event
            return
        held = self._entries.get(org_id)
        if held is not None and held.version < version:
            del self._entries[org_id]
        self._tell(org_id, version)
        self._floors[org_id] = (version, self._monotonic() + self._ttl)
        self._floors.move_to_end(org_id)
        while len(self._floors) > MOST_ORGS:
            self._floors.popitem(last=False)

    def forget(self, org_id: OrgId) -> None:
        """Read the org anew when it is asked for next, whatever is known of it."""
        self._entries.pop(org_id, None)
        self._fetching.pop(org_id, None)
        self._anew.add(org_id)
        for listener in self.listeners:
            listener.forget(org_id)

    def clear(self) -> None:
        """Forget everything: what is known, or being read, may be of a log that is gone."""
        self._era += 1
        self._entries.clear()
        self._floors.clear()
        self._fetching.clear()
        self._anew.clear()
        for listener in self.listeners:
            listener.clear()

    def _tell(self, org_id: OrgId, version: int) -> None:
        for listener in self.listeners:
            listener.org_moved(org_id, version)

    def _floor(self, org_id: OrgId) -> int:
        version, expires = self._floors.get(org_id, (0, 0.0))
        return version if expires > self._monotonic() else 0

    async def _filled(self, org_id: OrgId, *, min_version: int) -> Entry:
        for attempt in range(_MOST_TRIES):
            era = self._era
            org, within = await self._single_flight(org_id, at_least=min_version)
            version = org.version if org is not None else 0
            if era != self._era or version < self._floor(org_id):
                self.discarded += 1
                continue
            if version < min_version and attempt == 0:
                continue  # the first read may have begun before this call
            if org is None:
                raise UnknownOrg(org_id)
            entry = self.put(org, within=within)
            if version < min_version:
                raise VersionNotReached(org_id, wanted=min_version, current=version)
            return entry
        raise Unavailable(f"Organisation {org_id} is changing faster than it can be read.")

    async def _single_flight(self, org_id: OrgId, *, at_least: int) -> Read:
        task = self._fetching.get(org_id)
        if task is None:
            reading = self._read(org_id, at_least=at_least)
            task = self._fetching[org_id] = asyncio.create_task(reading)
        return await asyncio.shield(task)

    async def _read(self, org_id: OrgId, *, at_least: int) -> Read:
        try:
            if self.shared is None or not self._current() or org_id in self._anew:
                found = Read(await self._fetch(org_id), within=None)
                self._anew.discard(org_id)
                return found
            floor = max(at_least, self._floor(org_id))
            return await self.shared.get(org_id, at_least=floor, read=lambda: self._fetch(org_id))
        finally:
            if self._fetching.get(org_id) is asyncio.current_task():
                del self._fetching[org_id]
