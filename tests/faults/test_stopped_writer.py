"""A writer is stopped while it holds the head's lock: the others get through all the same."""

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
from infra.store.append import Appended
from infra.store.connections import LIMITS, connect
from infra.store.journal import PATIENCE_SECONDS, Journal
from tests.conftest import new_database
from tests.faults.conftest import Rounds
from tests.infra.store.world import append, assert_gapless, log

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]


def seconds(limit: str) -> float:
    """A time-out of the product's own."""
    return float(LIMITS[limit].removesuffix("s"))


# The stopped one is ended, and whoever waited for the lock just then has waited once more.
BOUND_SECONDS = seconds("idle_in_transaction_session_timeout") + seconds("lock_timeout") + 1.5


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


async def appended(database: Database, *, stopped_has_limits: bool) -> Appended:
    """One append while another writer stands still with the lock."""
    journal = Journal(partial(connect, database.app_url), clock=LedgerClock())
    journal.start()
    try:
        with stopped_writer(database, limits=stopped_has_limits):
            async with asyncio.timeout(BOUND_SECONDS):
                return await journal.append(append("org-1"))
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
    """The time-outs end it: `transaction_timeout`, and before PostgreSQL 17 the idle one.

    The mutant is the same writer without them: nobody gets through within the same bound.
    """
    assert BOUND_SECONDS < PATIENCE_SECONDS
    mutants = new_database(server)
    mutant = asyncio.ensure_future(appended(mutants, stopped_has_limits=False))
    for number in range(rounds(1)):
        outcome = await appended(database, stopped_has_limits=True)
        assert (outcome.verdict, outcome.first_position) == (
            ("appended", 1) if number == 0 else ("conflict", None)
        )

    with pytest.raises(TimeoutError):
        await mutant
    assert streams(database) == ["org-1"]
    assert streams(mutants) == ["org-1"]  # once the stopped one was killed
