"""Pages of the audit log are what a look through the whole log finds, also while it grows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from domain.history import Recorded
from domain.ids import org_of
from infra.bench.population import populate
from infra.database import Database
from infra.store.connections import connect
from infra.store.mapper import read_fact
from projections.audit import all_events, find_events, follow_audit
from projections.audit_pages import AuditQuery
from tests.conftest import new_database
from tests.infra.store.world import append, call

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

EVENTS = 1_500


@pytest.fixture(scope="module")
def populated(module_database: Database) -> Database:
    """A log of many orgs, people and kinds of events, and a view that has all of it."""
    populate(module_database.owner_url, events=EVENTS)
    with psycopg.connect(module_database.owner_url, autocommit=True) as owner:
        owner.execute("SELECT ledger.follow_audit(%s)", (EVENTS,))
    return module_database


@pytest.fixture
async def connection(populated: Database) -> AsyncIterator[AsyncConnection]:
    """As the application reads."""
    async with await connect(populated.app_url) as connection:
        yield connection


async def whole(connection: AsyncConnection) -> list[Recorded]:
    """Every event, read from the log itself."""
    cursor = await connection.execute(
        "SELECT position, recorded_at, stream, version, topic, state FROM ledger.events"
        " ORDER BY position"
    )
    return [
        Recorded(position=row[0], recorded_at=row[1], fact=read_fact(*row[2:]))
        for row in await cursor.fetchall()
    ]


def marks_of(entry: Recorded) -> dict[str, Any]:
    """What an event could be found by; None: it has no such mark."""
    fact = entry.fact
    return {
        "org": org_of(fact.originator_id),
        "key": getattr(fact, "key", None),
        "actor": fact.actor,
        "types": (fact.TOPIC,),
        "source": getattr(fact, "source", None),
        "batch": fact.batch_id,
    }


def matches(query: AuditQuery, entry: Recorded) -> bool:
    """Whether an event is one of those that were asked for."""
    marks = marks_of(entry)
    wanted = [("org", query.org), ("key", query.key), ("actor", query.actor)]
    wanted += [("source", query.source), ("batch", query.batch)]
    return (
        all(value is None or marks[name] == value for name, value in wanted)
        and (not query.types or entry.fact.TOPIC in query.types)
        and (query.starts is None or entry.recorded_at >= query.starts)
        and (query.ends is None or entry.recorded_at < query.ends)
    )


async def paged(connection: AsyncConnection, query: AuditQuery) -> list[int]:
    """The positions of all pages, one after another."""
    found: list[int] = []
    while True:
        page = await find_events(connection, query, decode=read_fact)
        found += [entry.position for entry in page]
        if len(page) < query.limit:
            return found
        query = replace(query, after=found[-1])


async def test_pages_of_any_filters_are_what_a_look_through_the_log_finds(
    connection: AsyncConnection,
) -> None:
    """Every combination of marks that some event has, in one direction and within a time back."""
    log, random = await whole(connection), Random(7)
    names = ["org", "key", "actor", "types", "source", "batch"]
    for subset in [c for size in range(7) for c in combinations(names, size)]:
        like = random.choice([e for e in log if all(marks_of(e)[name] for name in subset)])
        marks = {name: marks_of(like)[name] for name in subset}
        newest_first = random.random() < 0.5
        query = AuditQuery(**marks, newest_first=newest_first, limit=60)
        back = replace(
            query,
            newest_first=not newest_first,
            starts=like.recorded_at,
            ends=log[-9].recorded_at,
        )
        for asked in (query, back):
            expected = [entry.position for entry in log if matches(asked, entry)]
            found = await paged(connection, asked)
            assert found == sorted(expected, reverse=asked.newest_first), asked


async def test_several_types_are_found_in_one_order(connection: AsyncConnection) -> None:
    """As if they were one."""
    log = await whole(connection)
    types = sorted({entry.fact.TOPIC for entry in log})[:4]
    for newest_first in (True, False):
        query = AuditQuery(types=tuple(types), newest_first=newest_first, limit=11)
        expected = [entry.position for entry in log if matches(query, entry)]
        assert await paged(connection, query) == sorted(expected, reverse=newest_first)


async def test_a_range_of_time_is_half_open(connection: AsyncConnection) -> None:
    """From an event's own instant it is found, up to it it is not."""
    log = await whole(connection)
    at = log[EVENTS // 2].recorded_at
    same = {entry.position for entry in log if entry.recorded_at == at}
    since = await paged(connection, AuditQuery(starts=at, limit=200))
    until = await paged(connection, AuditQuery(ends=at, limit=200))

    assert same <= set(since)
    assert not same & set(until)
    assert len(since) + len(until) == EVENTS
    assert await paged(connection, AuditQuery(starts=log[-1].recorded_at + timedelta(1))) == []


@pytest.mark.parametrize("newest_first", [True, False], ids=["newest", "oldest"])
async def test_a_page_neither_skips_nor_repeats_while_the_log_grows(
    server: Any, newest_first: bool
) -> None:
    """Every event that was there at the first page is in one page; what came since, after them."""
    database = new_database(server)
    query = AuditQuery(org="1", newest_first=newest_first, limit=3)
    with psycopg.connect(database.owner_url, autocommit=True) as writer:
        write = _writing(writer)
        write(20)
        async with await connect(database.app_url) as connection:
            await follow_audit(connection)
            there = set(range(1, 21))
            seen: list[int] = []
            while page := await find_events(connection, query, decode=_unread):
                seen += [entry.position for entry in page]
                query = replace(query, after=seen[-1])
                if len(seen) < 30:
                    await asyncio.to_thread(write, 2)
                    await follow_audit(connection)

    assert seen == sorted(seen, reverse=newest_first)
    assert there <= set(seen)
    assert len(seen) == len(set(seen))
    assert newest_first == (set(seen) == there)


async def test_an_export_holds_one_page_at_a_time(populated: Database) -> None:
    """However long the log, and a connection for as long as a page takes."""
    held = 0

    class Lease:
        async def __aenter__(self) -> AsyncConnection:
            nonlocal held
            held += 1
            self._connection = await connect(populated.app_url)
            return self._connection

        async def __aexit__(self, *_: object) -> None:
            nonlocal held
            held -= 1
            await self._connection.close()

    sizes = []
    async for page in all_events(Lease, AuditQuery(), decode=read_fact):
        assert held == 0
        sizes.append(len(page))
    assert sizes == [1000, EVENTS - 1000]


def _unread(stream: str, version: int, topic: str, state: bytes) -> Any:
    return None


def _writing(writer: psycopg.Connection) -> Callable[[int], None]:
    def write(events: int) -> None:
        call(writer, append("org-1", expected=None, events=events))

    return write
