"""The log that the benchmark looks through is one that could have been written here."""

import asyncio

import psycopg
import pytest

from infra.bench.lives import BUSY, CRAWLER, POPULAR
from infra.bench.population import crawled, populate
from infra.database import Database
from infra.integrity.verifying import verify_log
from infra.store.connections import connect, reading_pool
from infra.store.mapper import read_fact
from projections.rebuild import Rebuilt, rebuild_views
from projections.rebuild_audit import differing_in_audit, rebuild_audit
from tests.conftest import new_database

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

EVENTS = 2_000


@pytest.fixture(scope="module")
def populated(module_database: Database) -> Database:
    """A log of a few thousand events."""
    populate(module_database.owner_url, events=EVENTS)
    return module_database


async def test_its_chain_is_right(populated: Database) -> None:
    """To its end, which the head says, too."""
    async with reading_pool(populated.app_url) as pool:
        found = await verify_log(pool.connection, checkpoints=None)

    assert (found.ok, found.events) == (True, EVENTS)


async def test_its_views_are_what_the_log_adds_up_to(populated: Database) -> None:
    """Byte for byte, so that a rebuild has nothing to do."""
    connection = await connect(populated.app_url, limits=False)
    async with connection:
        found = await rebuild_views(connection, read_fact=read_fact)
        assert await rebuild_audit(connection) == EVENTS
        assert await differing_in_audit(connection) == 0

    assert found == Rebuilt(events=found.events, compared=found.compared)
    assert found.compared == EVENTS // 50


async def test_it_is_the_same_log_each_time(populated: Database, server: object) -> None:
    """But for the ids of its events, which nobody may foresee."""
    again = new_database(server)  # type: ignore[arg-type]  # the fixture's own type
    await asyncio.to_thread(populate, again.owner_url, events=EVENTS)
    query = "SELECT position, stream, version, topic, recorded_at FROM ledger.events"
    with psycopg.connect(populated.app_url) as one, psycopg.connect(again.app_url) as other:
        rows = set(one.execute(query).fetchall())
        assert rows == set(other.execute(query).fetchall())


async def test_it_has_what_the_benchmark_asks_for(populated: Database) -> None:
    """A twentieth of it for each question, so that there is a page from far back."""
    starts, ends = crawled(EVENTS)
    with psycopg.connect(populated.owner_url, autocommit=True) as owner:
        owner.execute("SELECT ledger.follow_audit(%s)", (EVENTS,))
        row = owner.execute(
            "SELECT count(*) FILTER (WHERE org = %s), count(*) FILTER (WHERE key = %s"
            " AND type LIKE '%%GrantEnded%%'), count(*) FILTER (WHERE actor = %s"
            " AND recorded_at >= %s AND recorded_at < %s) FROM ledger.audit_entries",
            (BUSY, POPULAR, CRAWLER, starts, ends),
        ).fetchone()
    assert row is not None
    assert all(count >= EVENTS // 20 for count in row), row
