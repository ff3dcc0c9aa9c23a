"""The one composition root: settings in, a running ledger out."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from subprocess import SubprocessError
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from consumers.ticker import Ticker
from domain.actors import Actor, Provenance
from domain.bypass import misnamed
from domain.ids import OrgId
from domain.org import Org
from infra.bypass import Bypasses
from infra.catalog import default_document
from infra.clock import LedgerClock
from infra.database import Database, database
from infra.ears import Ears
from infra.metrics.wired import appends, propagation
from infra.migrations.run import MayNotMigrate, database_revision, migrate, newest_revision
from infra.postgres.errors import PostgresUnavailable
from infra.rollouts import Rollouts
from infra.settings import Settings, SettingsProblem
from infra.sharing.opening import sharing
from infra.sharing.shared import SharedOrgs
from infra.store.connections import PATIENCE_SECONDS, connect, reading_pool, refuse_unsafe
from infra.store.journal import Journal
from infra.store.ledger import Ledger
from infra.store.reading import Reading
from infra.store.steering import Steering
from infra.switch import Switch, switch_file
from projections.audit import FOLLOW_AT_ONCE, follow_audit
from projections.feed import Feed
from projections.follower import Follower
from projections.orgs import fetch_org
from projections.rollout import Gates
from projections.rows import Rows
from projections.shelf import Shelf
from projections.table import OrgTable
from projections.tallies import Tallies
from projections.watch import Watch

FIRST_START = Provenance(
    actor=Actor(id="entitlements-ledger", type="system"),
    reason="The first start publishes the catalog it was given.",
)
_PAUSE_SECONDS = 0.2
Dial = Callable[[], Awaitable[AsyncConnection]]

log = logging.getLogger("entitlements.orgs")


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
    rows: Rows
    watch: Watch
    feed: Feed
    ledger: Ledger
    gates: Gates
    switch: Switch
    rollouts: Rollouts
    bypasses: Bypasses
    ticker: Ticker  # not started: that is for processes that stay
    ears: Ears
    dial: Dial
    tallies: Tallies
    shared: SharedOrgs | None = None


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
async def running(
    settings: Settings, where: Database, *, patience_seconds: float = PATIENCE_SECONDS
) -> AsyncIterator[Parts]:
    """The parts of one process over a prepared database, closed in order at the end."""
    clock = LedgerClock()
    shelf = Shelf()
    pool = reading_pool(where.app_url, patience_seconds=patience_seconds)
    dial = dialling(where)
    await pool.open()
    gates = Gates()
    enabled = settings.enable_entitlements_gating
    switch = Switch(gates, enabled=enabled, file=switch_file(settings))
    ears = Ears(clock=clock, shelf=shelf, gates=gates, pool=pool)
    feed = Feed(dial, subscriber=ears, monotonic=time.monotonic, refresh=ears.refresh)
    ears.hearing.append(feed.current)

    table = _orgs(settings, pool=pool, ears=ears)
    rows = Rows(
        table=table,
        shelf=shelf,
        gating=gates,
        heard=feed.heard,
        ttl_seconds=settings.cache_ttl_seconds,
        now=clock.now,
        monotonic=time.monotonic,
    )
    watch = Watch(place=lambda: (feed.epoch, feed.position), current=feed.current)
    ears.table, ears.watch = table, watch
    follower = Follower(dial, follow=follow_audit, full=FOLLOW_AT_ONCE, view="audit")
    tallies = Tallies()
    journal = Journal(dial, clock=clock, took=appends(tallies))
    ledger = Ledger(journal=journal, table=table, shelf=shelf, clock=clock, pool=pool)
    steering = Steering(
        journal=journal, gates=gates, shelf=shelf, clock=clock, reading=ledger.reading
    )
    bypasses = Bypasses(
        journal,
        clock=clock,
        reading=ledger.reading,
        allowed=settings.bypass_allowed,
        never=settings.bypass_never,
    )
    ears.sessions = bypasses.sessions
    ticker = Ticker(reading=ledger.reading, execute=ledger.execute, seen=table.put, now=clock.now)
    ears.followers += [follower, ticker]
    try:
        switch.start()
        await ears.read_catalog()
        await ears.read_rollout()
        gates.moved = propagation(tallies, now=clock.now)  # what held at the start was no change
        await feed.start()
        journal.start()
        follower.start()
        bypasses.uses.start()
        async with sharing(settings, feed=feed, ears=ears, table=table) as shared:
            yield Parts(
                settings=settings,
                clock=clock,
                pool=pool,
                shelf=shelf,
                table=table,
                rows=rows,
                watch=watch,
                feed=feed,
                ledger=ledger,
                gates=gates,
                switch=switch,
                rollouts=Rollouts(ledger.reading, steering=steering, rows=rows),
                bypasses=bypasses,
                ticker=ticker,
                ears=ears,
                dial=dial,
                tallies=tallies,
                shared=shared,
            )
    finally:
        await bypasses.uses.close()
        await switch.close()
        await ticker.close()
        await journal.close()
        await follower.close()
        await feed.close()
        await ears.close()
        await pool.close()


def _orgs(settings: Settings, *, pool: AsyncConnectionPool, ears: Ears) -> OrgTable:
    """The orgs at hand, read from the inline view."""

    async def fetch(org_id: OrgId) -> Org | None:
        async with Reading(pool) as connection:
            org = await fetch_org(connection, org_id)
        if org is not None and org.held_by is not None:
            log.warning("org %s is held by what a newer version wrote: %s", org_id, org.held_by)
        return org

    return OrgTable(
        fetch=fetch,
        current=ears.current,
        ttl_seconds=settings.cache_ttl_seconds,
        monotonic=time.monotonic,
    )


@asynccontextmanager
async def opened(
    settings: Settings, *, patience_seconds: float = PATIENCE_SECONDS
) -> AsyncIterator[Parts]:
    """The parts of one process, with the database started, migrated and given a first catalog."""
    with database(settings) as where:
        prepare_database(where)
        async with running(settings, where, patience_seconds=patience_seconds) as parts:
            if parts.shelf.version == 0:
                await parts.ledger.publish_catalog(first_catalog(settings), by=FIRST_START)
            for sentence in misnamed(settings.bypass_never, parts.shelf.catalog):
                log.warning("LEDGER_BYPASS_NEVER protects nothing by that name: %s", sentence)
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
