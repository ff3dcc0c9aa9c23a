"""A ledger put together by hand, where a part of it is to be a mutant or a clock is to be set."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from domain.ids import OrgId
from domain.org import Org
from infra.catalog import default_document
from infra.clock import LedgerClock
from infra.database import Database
from infra.store.connections import reading_pool
from infra.store.journal import Journal
from infra.store.ledger import Ledger
from infra.wiring import FIRST_START
from projections.orgs import fetch_org
from projections.shelf import Shelf, newest_catalog
from projections.table import OrgTable
from tests.faults.proxy import Proxy


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """A ledger and what it works by; nothing follows the log."""

    ledger: Ledger
    table: OrgTable
    shelf: Shelf
    clock: LedgerClock


@asynccontextmanager
async def assembled(
    database: Database,
    *,
    journal: Journal,
    clock: LedgerClock,
    monotonic: Callable[[], float] = time.monotonic,
    ttl_seconds: float = 300,
    table_class: type[OrgTable] = OrgTable,
) -> AsyncIterator[Assembled]:
    """A ledger over that journal, with the shipped catalog."""
    shelf = Shelf()
    async with reading_pool(database.app_url) as pool:

        async def fetch(org_id: OrgId) -> Org | None:
            async with ledger.reading() as connection:
                return await fetch_org(connection, org_id)

        table = table_class(
            fetch=fetch, current=lambda: True, ttl_seconds=ttl_seconds, monotonic=monotonic
        )
        ledger = Ledger(journal=journal, table=table, shelf=shelf, clock=clock, pool=pool)
        journal.start()
        try:
            async with ledger.reading() as connection:
                shelf.put(await newest_catalog(connection))
            if shelf.version == 0:
                await ledger.publish_catalog(default_document(), by=FIRST_START)
            yield Assembled(ledger=ledger, table=table, shelf=shelf, clock=clock)
        finally:
            await journal.close()


class Hands:
    """A clock that a test sets: `seconds` on one that never steps back."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


def through(proxy: Proxy, database: Database) -> Database:
    """The same database with the proxy before it."""
    return replace(database, app_url=proxy.url)
