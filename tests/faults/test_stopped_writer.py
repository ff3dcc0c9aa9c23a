"""A writer is stopped while it holds the head's lock: the others get through all the same.

What ends it is `transaction_timeout`, and before PostgreSQL 17, which has none, the time-out of
idle transactions. Both are shorter than the journal's patience with an append that waits.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from infra.clock import LedgerClock
from infra.database import Database
from infra.postgres.embedded import EmbeddedPostgres
from infra.store.connections import connect
from infra.store.journal import Journal
from tests.conftest import new_database
from tests.faults.conftest import Rounds
from tests.infra.store.world import append, assert_gapless, log

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def stopped_writer(database: Database, *, limits: bool) -> Iterator[None]:
    """For as long as the block lasts, a process stands still that has the lock."""
    words = [database.app_url, "LIMITS" if limits else "NONE"]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.stopped", *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "has the lock\n"
            yield
        finally:
            process.kill()


async def appended(database: Database, stream: str) -> str:
    """What becomes of one append."""
    journal = Journal(partial(connect, database.app_url), clock=LedgerClock())
    journal.start()
    try:
        return (await journal.append(append(stream))).verdict
    finally:
        await journal.close()


def streams(database: Database) -> list[str]:
    with psycopg.connect(database.app_url) as connection:
        rows = log(connection)
    assert_gapless(rows)
    return [row.stream for row in rows]


@pytest.mark.soak
async def test_a_writer_that_stands_still_with_the_lock_holds_up_nobody_for_long(
    server: EmbeddedPostgres, database: Database, rounds: Rounds
) -> None:
    """Its time-outs end it; the mutant, one without, is waited for until it is killed."""
    mutants = new_database(server)
    with stopped_writer(mutants, limits=False), stopped_writer(database, limits=True):
        mutant = asyncio.ensure_future(appended(mutants, "org-mutant"))
        assert await appended(database, "org-0") == "appended"
        await asyncio.sleep(0.5)
        assert not mutant.done()
    assert await mutant == "appended"
    assert streams(mutants) == ["org-mutant"]

    for number in range(1, rounds(1, at_hundred=50)):
        with stopped_writer(database, limits=True):
            assert await appended(database, f"org-{number}") == "appended"
    assert streams(database) == [f"org-{number}" for number in range(rounds(1, at_hundred=50))]
