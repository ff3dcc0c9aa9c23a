"""The one composition root: settings in, a running ledger out."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from subprocess import SubprocessError
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from domain.actors import Actor, Provenance
from domain.ids import CATALOG_STREAM, OrgId, org_of
from domain.org import Org
from infra.catalog import default_document
from infra.clock import LedgerClock
from infra.database import Database, database
from infra.migrations.run import MayNotMigrate, database_revision, migrate, newest_revision
from infra.postgres.errors import PostgresUnavailable
from infra.settings import Settings, SettingsProblem
from infra.store.connections import connect, reading_pool, refuse_unsafe
from infra.store.journal import Journal
from infra.store.ledger import Ledger
from projections.audit import follow_audit
from projections.feed import Feed
from projections.follower import Follower
from projections.orgs import fetch_org
from projections.shelf import Shelf, newest_catalog
from projections.table import OrgTable

FIRST_START = Provenance(
    actor=Actor(id="entitlements-ledger", type="system"),
    reason="The first start publishes the catalog it was given.",
)
_PAUSE_SECONDS = 0.2
Dial = Callable[[], Awaitable[AsyncConnection]]


class SchemaBehind(Exception):
    """The database is not at the revision this code needs, and may not be migrated from here."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What runs in one process."""

    settings: Settings
    clock: LedgerClock
    pool: AsyncConnectionPool
    shelf: Shelf
    table: OrgTable
    feed: Feed
    ledger: Ledger
    ears: "Ears"
    dial: Dial


class Ears:
    """Carries what the feed tells to the clock, the table and the catalog's shelf."""

    def __init__(self, *, clock: LedgerClock, shelf: Shelf, pool: AsyncConnectionPool) -> None:
        self._clock = clock
        self._shelf = shelf
        self._pool = pool
        self.table: OrgTable | None = None
        self.followers: list[Follower] = []
        self.hearing: list[Callable[[], bool]] = []
        self._reading: set[asyncio.Task[None]] = set()

    def current(self) -> bool:
        """Whether any of what is listened to is up to date: then nothing goes unheard."""
        return any(hears() for hears in self.hearing)

    def told_time(self, now: datetime) -> None:
        self._clock.tell(now)

    def stream_moved(self, stream: str, *, version: int, position: int) -> None:
        for follower in self.followers:
            follower.wake()
        org_id = org_of(stream)
        if org_id is not None and self.table is not None:
            self.table.moved(org_id, version=version)
        elif stream == CATALOG_STREAM and version > self._shelf.version:
            self._read_catalog()

    def refresh(self, org_id: OrgId) -> None:
        """Read an org anew, whatever is known of it."""
        if self.table is not None:
            self.table.forget(org_id)

    def start_over(self) -> None:
        if self.table is not None:
            self.table.clear()
        self._read_catalog(instead=True)

    def _read_catalog(self, *, instead: bool = False) -> None:
        task = asyncio.create_task(self._until_read(instead=instead), name="read catalog")
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _until_read(self, *, instead: bool) -> None:
        while True:
            try:
                return await self.read_catalog(instead=instead)
            except psycopg.Error:  # it is told of once, so it is for us to try again
                await asyncio.sleep(_PAUSE_SECONDS)

    async def read_catalog(self, *, instead: bool = False) -> None:
        """Put the newest catalog on the shelf."""
        async with self._pool.connection() as connection:
            self._shelf.put(await newest_catalog(connection), instead=instead)

    async def close(self) -> None:
        """Stop what is still being read."""
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)


def prepare_database(where: Database) -> None:
    """Migrate where that is possible, and refuse to go on with an unsafe or an old database.

    Raises:
        SchemaBehind, UnsafeDatabase: says what to do.
    """
    refuse_unsafe(where.app_url)  # what this role or its URL is told counts, too
    if database_revision(where.owner_url) != newest_revision():
        with suppress(MayNotMigrate):  # somebody else may have
            migrate(where.owner_url)
    if database_revision(where.app_url) != newest_revision():
        raise SchemaBehind(
            f"The schema is not at revision {newest_revision()}: run 'entitlements migrate' with "
            "LEDGER_MIGRATION_DATABASE_URL set to a role that may create roles and schemas."
        )


def dialling(where: Database) -> Dial:
    """How to get a connection; an embedded server that was killed is started again first."""

    async def dial() -> AsyncConnection:
        if where.embedded is not None:
            try:
                await asyncio.to_thread(where.embedded.ensure)
            except (
                PostgresUnavailable,
                OSError,
                SubprocessError,
            ) as error:  # as any other that is away
                raise psycopg.OperationalError(str(error)) from error
        return await connect(where.app_url)

    return dial


@asynccontextmanager
async def running(settings: Settings, where: Database) -> AsyncIterator[Parts]:
    """The parts of one process over a prepared database, closed in order at the end."""
    clock = LedgerClock()
    shelf = Shelf()
    pool = reading_pool(where.app_url)
    dial = dialling(where)
    await pool.open()
    ears = Ears(clock=clock, shelf=shelf, pool=pool)
    feed = Feed(dial, subscriber=ears, monotonic=time.monotonic, refresh=ears.refresh)
    ears.hearing.append(feed.current)

    async def fetch(org_id: OrgId) -> Org | None:
        async with ledger.reading() as connection:
            return await fetch_org(connection, org_id)

    table = OrgTable(
        fetch=fetch,
        current=ears.current,
        ttl_seconds=settings.cache_ttl_seconds,
        monotonic=time.monotonic,
    )
    ears.table = table
    follower = Follower(dial, follow=follow_audit, view="audit")
    ears.followers.append(follower)
    journal = Journal(dial, clock=clock)
    ledger = Ledger(journal=journal, table=table, shelf=shelf, clock=clock, pool=pool)
    try:
        await ears.read_catalog()
        await feed.start()
        journal.start()
        follower.start()
        yield Parts(
            settings=settings,
            clock=clock,
            pool=pool,
            shelf=shelf,
            table=table,
            feed=feed,
            ledger=ledger,
            ears=ears,
            dial=dial,
        )
    finally:
        await journal.close()
        await follower.close()
        await feed.close()
        await ears.close()
        await pool.close()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Parts]:
    """The parts of one process, with the database started, migrated and given a first catalog."""
    with database(settings) as where:
        prepare_database(where)
        async with running(settings, where) as parts:
            if parts.shelf.version == 0:
                await parts.ledger.publish_catalog(first_catalog(settings), by=FIRST_START)
            yield parts


def first_catalog(settings: Settings) -> dict[str, Any]:
    """The document to publish where no catalog is yet.

    Raises:
        SettingsProblem: the file that is to hold it cannot be read.
    """
    if settings.catalog_file is None:
        return default_document()
    try:
        document: dict[str, Any] = json.loads(settings.catalog_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsProblem(f"LEDGER_CATALOG_FILE cannot be read: {error}") from error
    return document
