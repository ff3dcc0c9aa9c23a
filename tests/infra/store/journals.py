"""Journals that run for a test, and ways to be in theirs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from psycopg import AsyncConnection

from infra.clock import LedgerClock
from infra.store.append import Append, Appended
from infra.store.journal import Journal
from tests.infra.store.world import Connection


@asynccontextmanager
async def started(dial: Callable[[], Awaitable[AsyncConnection]]) -> AsyncIterator[Journal]:
    """A journal that is closed at the end."""
    journal = Journal(dial, clock=LedgerClock())
    journal.start()
    try:
        yield journal
    finally:
        await journal.close()


async def together(journal: Journal, *appends: Append) -> list[Appended | BaseException]:
    """Appends that wait at once, each with what became of it."""
    return await asyncio.gather(*map(journal.append, appends), return_exceptions=True)


def hang_up(owner: Connection, *, but: Connection) -> None:
    """End the application's connections to this database, but one."""
    owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ledger_app'"
        " AND datname = current_database() AND pid <> %s",
        (but.info.backend_pid,),
    )
