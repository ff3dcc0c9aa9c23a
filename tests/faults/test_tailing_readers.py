"""Readers that follow the log while many write: every event once, in order, none missed."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import takewhile
from random import Random
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from domain.bypass import BYPASS_USES_STREAM
from infra.clock import LedgerClock
from infra.database import Database
from infra.store.connections import connect
from infra.store.journal import Journal
from infra.store.recorder import LedgerRecorder
from projections.feed import Feed
from tests.faults.conftest import Rounds
from tests.infra.postgres.world import eventually
from tests.infra.store.world import Connection, append, assert_gapless, blocked, call, log, until

pytestmark = pytest.mark.anyio

END = "entitlements.End.v1"


class Heard:
    """A subscriber that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str, int]] = []

    def told_time(self, now: datetime) -> None:
        """Not what this is about."""

    def stream_moved(self, stream: str, *, version: int, position: int) -> None:
        self.told.append((position, stream, version))

    def start_over(self) -> None:
        """At the first poll."""


@contextmanager
def datastore(url: str, schema: str, **more: Any) -> Iterator[PostgresDatastore]:
    """The library's own connections."""
    where = {name: str(part) for name, part in conninfo_to_dict(url).items()}
    with PostgresDatastore(
        where["dbname"],
        where["host"],
        where["port"],
        where["user"],
        where["password"],
        schema=schema,
        originator_id_type="text",
        pool_size=3,
        **more,
    ) as store:
        yield store


def write(url: str, *, seed: int, times: int) -> None:
    """Append in every way there is: at once, with a late commit, and not after all."""
    random = Random(seed)
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(times):
            batch = [
                append(f"org-{random.randint(1, 5)}", expected=None, events=random.randint(1, 3))
                for _ in range(random.randint(1, 4))
            ]
            way = random.choice(["at once", "at once", "late", "not at all"])
            with connection.transaction(force_rollback=way == "not at all"):
                call(connection, *batch)
                if way != "at once":
                    time.sleep(random.random() / 200)


def followed(database: Database) -> list[tuple[int, str, int]]:
    """What a subscription of the library tells, up to the event that ends it."""
    with (
        datastore(database.app_url, "ledger") as store,
        LedgerRecorder(store).subscribe(gt=0) as subscription,
    ):
        until_the_end = takewhile(lambda told: told.topic != END, subscription)
        return [(n.id, str(n.originator_id), n.originator_version) for n in until_the_end]


def listeners(connection: Connection) -> int:
    """How many readers of the library listen in this database."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query = 'LISTEN \"ledger\"'"
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.soak
@pytest.mark.parametrize("writers", [2, 8])
async def test_no_event_is_missed_while_many_write(
    database: Database, rounds: Rounds, writers: int
) -> None:
    """The feed and the library's reader tell every event once and in order."""
    times = rounds(120 // writers, at_hundred=27_000 // writers)  # of some four events
    heard = Heard()
    feed = Feed(
        partial(connect, database.app_url),
        subscriber=heard,
        monotonic=asyncio.get_event_loop().time,
    )
    await feed.start()
    reading = asyncio.ensure_future(asyncio.to_thread(followed, database))
    try:
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            await until(lambda: listeners(owner) >= 1)
            await asyncio.gather(
                *(
                    asyncio.to_thread(write, database.app_url, seed=seed, times=times)
                    for seed in range(writers)
                )
            )
            rows = [(row.position, row.stream, row.version) for row in log(owner)]
            assert_gapless(log(owner))
        with psycopg.connect(database.app_url, autocommit=True) as connection:
            call(connection, append("end", topic=END))
        await until(lambda: feed.position > len(rows))
        assert heard.told[:-1] == rows
        assert await reading == rows
    finally:
        await feed.close()


async def test_of_uses_of_the_bypass_only_the_last_of_a_page_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands a second that nobody holds anything of; what stands between them is told.

    Of each page: a row of them that is longer holds up nothing.
    """
    monkeypatch.setattr("projections.feed._PAGE", 4)
    heard, uses = Heard(), str(BYPASS_USES_STREAM)
    feed = Feed(partial(connect, database.app_url), subscriber=heard, monotonic=time.monotonic)
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        await feed.start()
        try:
            call(
                connection,
                append(uses, expected=None, events=5),
                append("org-1", events=3),
                append(uses, expected=None, events=5),
            )
            await until(lambda: feed.position == 13)
            between = [(6 + n, "org-1", 1 + n) for n in range(3)]
            assert heard.told == [(4, uses, 4), *between, (12, uses, 9), (13, uses, 10)]

            call(connection, append("org-2"))
            await until(lambda: feed.position == 14)
            assert heard.told[6:] == [(14, "org-2", 1)]
        finally:
            await feed.close()


async def test_where_an_event_is_missing_the_feed_goes_on(database: Database) -> None:
    """Somebody cut it out, the last one even; to tell of that is for verification."""
    heard = Heard()
    feed = Feed(partial(connect, database.app_url), subscriber=heard, monotonic=time.monotonic)
    with psycopg.connect(database.owner_url) as owner:
        await feed.start()
        try:
            call(owner, append("org-1", events=2))
            owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER immutable")
            owner.execute("DELETE FROM ledger.events WHERE position = 2")
            owner.execute("ALTER TABLE ledger.events ENABLE ALWAYS TRIGGER immutable")
            owner.commit()
            await until(lambda: feed.position == 2)
            call(owner, append("org-2"))
            owner.commit()
            await until(lambda: feed.position == 3)
            assert heard.told == [(1, "org-1", 1), (3, "org-2", 1)]
        finally:
            await feed.close()


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


def told(recorder: ApplicationRecorder, *, after: int) -> list[str]:
    """The streams of what a reader that has come to `after` is told next."""
    found = recorder.select_notifications(after, 10, inclusive_of_start=False)
    return [str(notification.originator_id) for notification in found]


async def test_who_takes_a_position_first_commits_first(database: Database) -> None:
    """A reader that has passed a position has seen all before it: the second writer waits."""
    with (
        datastore(database.app_url, "ledger") as store,
        psycopg.connect(database.app_url) as slow,
        psycopg.connect(database.app_url, autocommit=True) as quick,
        psycopg.connect(database.owner_url, autocommit=True) as owner,
    ):
        recorder = LedgerRecorder(store)
        call(slow, append("slow"))  # it has its position, and has not committed
        waiting = asyncio.ensure_future(asyncio.to_thread(call, quick, append("quick")))
        await until(lambda: blocked(owner) == 1)
        assert told(recorder, after=0) == []

        slow.commit()

        await waiting
        assert told(recorder, after=0) == ["slow", "quick"]


@contextmanager
def library_recorder(database: Database) -> Iterator[PostgresApplicationRecorder]:
    """The library's own recorder as it makes itself, with its database functions on."""
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA library")
        try:
            with datastore(database.owner_url, "library", enable_db_functions=True) as store:
                recorder = PostgresApplicationRecorder(store)
                recorder.create_table()
                yield recorder
        finally:
            owner.execute("DROP SCHEMA library CASCADE")


async def test_the_librarys_database_functions_lose_events_for_a_reader(
    database: Database,
) -> None:
    """The mutant: who takes an id first may commit last, and a reader has passed it by."""
    with library_recorder(database) as recorder:
        with recorder.datastore.transaction(commit=True) as slow:
            event = recorder.construct_pg_stored_event("slow", 1, "t", b"")
            slow.execute(recorder.sql_invoke_pg_function_insert_events, ([event],))
            # It has its id, and has not committed.
            recorder.insert_events([StoredEvent("quick", 1, "t", b"")])
            assert told(recorder, after=0) == ["quick"]

        eventually(lambda: recorder.max_notification_id() == 2)
        assert told(recorder, after=0) == ["slow", "quick"]
        assert told(recorder, after=2) == []  # a reader goes on after 2 and never learns of 1
