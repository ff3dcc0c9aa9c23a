"""Readers that follow the log while many write: every event once, in order, none missed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from infra.clock import LedgerClock
from infra.database import Database
from infra.store.connections import connect
from infra.store.journal import Journal
from projections.feed import Feed
from tests.faults.conftest import Rounds
from tests.infra.store.world import append, assert_gapless, log, until

pytestmark = pytest.mark.anyio

WRITERS = 8


class Heard:
    """A subscriber that writes down what it is told."""

    def __init__(self) -> None:
        self.positions: list[int] = []

    def told_time(self, now: datetime) -> None:
        pass

    def stream_moved(self, stream: str, *, version: int, position: int) -> None:
        self.positions.append(position)

    def start_over(self) -> None:
        pass


async def test_no_event_is_missed_while_eight_journals_write(
    database: Database, rounds: Rounds
) -> None:
    """Each reader sees every position once and in order, however the writers interleave."""
    count = rounds(50) * WRITERS
    heard = [Heard(), Heard()]
    dial = partial(connect, database.app_url)
    feeds = [
        Feed(dial, subscriber=each, monotonic=asyncio.get_running_loop().time) for each in heard
    ]
    journals = [Journal(dial, clock=LedgerClock()) for _ in range(WRITERS)]
    for feed in feeds:
        await feed.start()
    for journal in journals:
        journal.start()
    try:
        await asyncio.gather(
            *(
                journals[number % WRITERS].append(append(f"org-{number}", events=2))
                for number in range(count)
            )
        )
        await until(lambda: all(len(each.positions) >= 2 * count for each in heard))
    finally:
        await asyncio.gather(*(journal.close() for journal in journals))
        await asyncio.gather(*(feed.close() for feed in feeds))

    with psycopg.connect(database.owner_url) as owner:
        assert_gapless(log(owner))
    assert [each.positions for each in heard] == [list(range(1, 2 * count + 1))] * 2


async def test_two_writers_of_one_org_get_one_version_each(database: Database) -> None:
    """At the same expected version one is appended and the other learns of a conflict."""
    dial = partial(connect, database.app_url)
    journals = [Journal(dial, clock=LedgerClock()) for _ in range(2)]
    for journal in journals:
        journal.start()
    try:
        for version in range(20):
            outcomes = await asyncio.gather(
                *(journal.append(append("org-1", expected=version)) for journal in journals)
            )
            verdicts = sorted(outcome.verdict for outcome in outcomes)
            assert verdicts == ["appended", "conflict"]
            assert {outcome.version for outcome in outcomes} == {version + 1}
    finally:
        await asyncio.gather(*(journal.close() for journal in journals))


@contextmanager
def library_recorder(database: Database) -> Iterator[PostgresApplicationRecorder]:
    """The library's own recorder in a schema of its own, with its database functions on."""
    where = conninfo_to_dict(database.owner_url)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA library")
    datastore = PostgresDatastore(
        dbname=str(where["dbname"]),
        host=str(where["host"]),
        port=str(where["port"]),
        user=str(where["user"]),
        password=str(where["password"]),
        schema="library",
        originator_id_type="text",
        enable_db_functions=True,
    )
    try:
        recorder = PostgresApplicationRecorder(datastore, events_table_name="stored_events")
        recorder.create_table()
        yield recorder
    finally:
        datastore.close()
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            owner.execute("DROP SCHEMA library CASCADE")


async def test_the_librarys_database_functions_lose_events_for_a_reader(
    database: Database,
) -> None:
    """The mutant: who takes an id first may commit last, and a reader has passed it by."""
    with (
        library_recorder(database) as recorder,
        psycopg.connect(database.owner_url) as slow,
    ):
        slow.execute("SET search_path = library")
        slow.execute(  # it has its id, and has not committed
            "INSERT INTO stored_events (originator_id, originator_version, topic, state)"
            " VALUES ('slow', 1, 't', '')"
        )
        recorder.insert_events([StoredEvent("quick", 1, "t", b"")])
        seen = [event.id for event in recorder.select_notifications(None, 10)]
        slow.commit()
        after = recorder.select_notifications(max(seen) + 1, 10)
        stored = recorder.select_notifications(None, 10)

    assert [event.originator_id for event in stored] == ["slow", "quick"]
    assert seen == [2]
    assert after == []  # the reader goes on after 2 and never learns of 1
