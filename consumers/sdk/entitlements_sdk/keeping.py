"""Keeps what is known in a signed file, and starts from it when the ledger is away."""

import asyncio
import logging
import time
from typing import Any

from entitlements_sdk.cache import OrgCache
from entitlements_sdk.catalog import Catalog
from entitlements_sdk.disk import Kept, SignedFile
from entitlements_sdk.judging import Judging
from entitlements_sdk.refusals import SnapshotRefused
from entitlements_sdk.snapshot import Snapshot

EVERY_SECONDS = 30.0
_log = logging.getLogger("entitlements_sdk")


class Keeping:
    """Carries the catalog and the orgs in memory over a restart, as last known good."""

    def __init__(
        self, file: SignedFile, cache: OrgCache, judging: Judging, *, stale_seconds: float
    ) -> None:
        self._file = file
        self._cache = cache
        self._judging = judging
        self._stale_seconds = stale_seconds

    async def run(self) -> None:
        """Keep it every half a minute, for as long as nobody cancels."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.keep()

    async def keep(self) -> None:
        """Write down what is known now; a full disk is told of and is no reason to stop."""
        catalog = self._judging.catalog
        if catalog is None:
            return
        now, wall = self._cache.clock.monotonic(), time.time()
        orgs = [
            (wall - (now - self._cache.confirmed(entry)), entry.snapshot)
            for entry in self._cache
            if not entry.snapshot.unknown
        ]
        recent = [(at, org) for at, org in orgs if wall - at <= self._stale_seconds]
        try:
            await asyncio.to_thread(self._write, catalog, recent, wall)
        except OSError as error:
            _log.warning("the signed snapshot cannot be written: %s", error)

    async def restore(self) -> None:
        """Take in what is there; a file that is refused is told of and left alone."""
        try:
            kept = await asyncio.to_thread(self._read)
            self._take(kept)
        except (SnapshotRefused, ValueError, KeyError, TypeError) as error:
            _log.warning("starting without a signed snapshot: %s", error)

    def _write(self, catalog: Catalog, orgs: list[tuple[float, Snapshot]], wall: float) -> None:
        written: list[tuple[float, dict[str, Any]]] = [(at, org.written()) for at, org in orgs]
        self._file.write(dict(catalog.document), written, saved_at=wall)

    def _read(self) -> Kept:
        return self._file.read(now=time.time(), oldest_seconds=self._stale_seconds)

    def _take(self, kept: Kept) -> None:
        catalog = Catalog(kept.catalog)
        now, wall = self._cache.clock.monotonic(), time.time()
        for at, document in kept.orgs:
            snapshot = Snapshot.read(document, catalog=catalog)
            self._cache.restore(snapshot, confirmed=now - max(0.0, wall - at))
        self._judging.catalog = catalog
