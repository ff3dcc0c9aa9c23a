"""Reads orgs and the catalog into memory: one read of each is under way at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from entitlements_sdk.cache import Entry, OrgCache
from entitlements_sdk.catalog import Catalog
from entitlements_sdk.judging import Judging, Question
from entitlements_sdk.ledger import Ledger
from entitlements_sdk.refusals import OutOfReach
from entitlements_sdk.snapshot import Snapshot

_MOST_TRIES = 5
_CATALOG = ""  # no org has this id
_T = TypeVar("_T")


class Reading:
    """Everything that waits for the ledger."""

    def __init__(self, ledger: Ledger, cache: OrgCache, judging: Judging) -> None:
        self._ledger = ledger
        self._cache = cache
        self._judging = judging
        self._flights: dict[str, asyncio.Task[Any]] = {}
        self._catalog_due = True

    def catalog_is_due(self) -> None:
        """There is another catalog, or may be: ask before it is gone by again."""
        self._catalog_due = True

    async def entry(self, question: Question) -> Entry:
        """The org, read anew unless memory will do.

        Raises:
            OutOfReach: it could not be read, or not at the version that is asked for.
        """
        for attempt in range(_MOST_TRIES):
            now = self._cache.clock.monotonic()
            catalog = await self.catalog()
            entry = self._cache.held(question.org, now, self._cache.clock.at(now))
            if entry is None or attempt or entry.snapshot.version < question.min_version:
                entry = await self._alone(question.org, lambda: self._read(question.org))
            if entry is None or not self._cache.accepts(entry):
                continue
            if entry.snapshot.version < question.min_version:
                continue  # the read may have begun before this question
            key = catalog.resolve(question.key)
            if key is None or key in entry.snapshot.places:
                return entry
            self.catalog_is_due()
        raise OutOfReach(
            f"org {question.org} moves faster than it can be read, or is behind what was asked for",
            everywhere=False,
        )

    async def catalog_for(self, raw: str) -> Catalog:
        """The catalog; read anew before it says that it does not have a key.

        Raises:
            OutOfReach: it could not be read.
        """
        catalog = await self.catalog()
        if catalog.resolve(raw) is None and not self._cache.heard(self._cache.clock.monotonic()):
            return await self.catalog(anew=True)
        return catalog

    async def catalog(self, *, anew: bool = False) -> Catalog:
        """The catalog, asked for anew where it may have changed.

        Raises:
            OutOfReach: it could not be read.
        """
        known = self._judging.catalog
        if known is not None and not anew and not self._catalog_due:
            return known
        return await self._alone(_CATALOG, self._read_catalog)

    async def _read_catalog(self) -> Catalog:
        self._catalog_due = False
        try:
            catalog = await self._ledger.catalog(self._judging.catalog)
        except BaseException:
            self._catalog_due = True
            raise
        self._judging.catalog = catalog
        return catalog

    async def _read(self, org: str) -> Entry | None:
        era, asked_at = self._cache.era, self._cache.clock.monotonic()
        catalog = await self.catalog()
        known = self._cache.known(org)
        snapshot = await self._ledger.snapshot(org, known=known, catalog=catalog)
        if snapshot.catalog_version > catalog.version:
            snapshot = await self._with_newer_catalog(org)
        return self._cache.fill(snapshot, era=era, asked_at=asked_at)

    async def _with_newer_catalog(self, org: str) -> Snapshot:
        self.catalog_is_due()
        catalog = await self.catalog()
        return await self._ledger.snapshot(org, known=None, catalog=catalog)

    async def _alone(self, name: str, read: Callable[[], Awaitable[_T]]) -> _T:
        """Join the read that is under way, or begin one; it outlives whoever gives up waiting."""
        flight = self._flights.get(name)
        if flight is None:
            flight = asyncio.ensure_future(self._flown(name, read))
            self._flights[name] = flight
        joined: _T = await asyncio.shield(flight)
        return joined

    async def _flown(self, name: str, read: Callable[[], Awaitable[_T]]) -> _T:
        try:
            return await read()
        finally:
            del self._flights[name]
