"""Relays that are killed, stopped and resumed, and that hear no notification: nothing is lost."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import AsyncConnection, Notify

from consumers import wire
from consumers.relay.batch import Batches
from consumers.relay.publisher import Publisher
from consumers.topics import Topics
from domain.commands import GrantAccess, RevokeAccess
from infra.database import Database
from infra.store.connections import connect
from infra.store.mapper import read_fact
from infra.wiring import Parts
from projections.outgoing import OutgoingLog
from tests.brokers import everything, states
from tests.consumers.carrying import a_relay, carried, running
from tests.faults.conftest import Rounds
from tests.faults.proxy import Proxy
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import append, call, head, log, until

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def process(
    database: Database, kafka: str, topics: Topics, *, mode: str
) -> "Iterator[subprocess.Popen[str]]":
    """A relay in a process of its own, that has the relay when the block begins."""
    prefix = topics.events.removesuffix("entitlements.events.v1")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.relaying", database.app_url, kafka, prefix, mode],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "publishing\n"
            yield process
        finally:
            process.kill()


def position(database: Database) -> int:
    with psycopg.connect(database.app_url) as connection:
        return head(connection).position


def missing(database: Database, kafka: str, topics: Topics) -> set[str]:
    """Events of the log that Kafka has not."""
    with psycopg.connect(database.app_url) as connection:
        there = {str(row.event_id) for row in log(connection)}
    return there - {wire.read(r.headers)[wire.ID] for r in everything(kafka, topics.events)}


def first_occurrences(kafka: str, topics: Topics) -> list[tuple[bytes, int]]:
    """Key and version of each event in the order of its first record; duplicates are absorbed."""
    seen: dict[str, tuple[bytes, int]] = {}
    for record in everything(kafka, topics.events):
        sent = wire.read(record.headers)
        seen.setdefault(sent[wire.ID], (record.key, int(sent.get(wire.ORG_VERSION, "0"))))
    return list(seen.values())


def assert_in_order(kafka: str, topics: Topics) -> None:
    newest: dict[bytes, int] = {}
    for key, version in first_occurrences(kafka, topics):
        assert version >= newest.get(key, 0)
        newest[key] = version


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["killed", "cursor-first"])
async def test_a_relay_killed_between_acknowledgement_and_cursor_loses_nothing(
    database: Database, kafka: str, topics: Topics, rounds: Rounds, mode: str
) -> None:
    """What it had sent is sent again. The mutant moves the cursor first: its events are gone."""
    with psycopg.connect(database.app_url, autocommit=True) as writer:
        for number in range(rounds(1)):
            with process(database, kafka, topics, mode=mode) as killed:
                call(writer, append("org-1", expected=2 * number, events=2))
                assert await asyncio.to_thread(killed.wait) == -signal.SIGKILL
    async with running(a_relay(database, kafka, topics)) as relay:
        await carried(relay, position=position(database))
    assert bool(missing(database, kafka, topics)) == (mode == "cursor-first")
    assert_in_order(kafka, topics)


@pytest.mark.soak
async def test_of_two_relays_one_stopped_and_resumed_the_other_goes_on(
    database: Database, kafka: str, topics: Topics, rounds: Rounds
) -> None:
    """When it is resumed its fence is gone: it stands by, and nothing is out of order."""
    with psycopg.connect(database.app_url, autocommit=True) as writer:
        for number in range(rounds(1)):
            with process(database, kafka, topics, mode="plain") as stopped:
                call(writer, append("org-1", expected=2 * number))
                stopped.send_signal(signal.SIGSTOP)
                async with running(a_relay(database, kafka, topics)) as relay:
                    call(writer, append("org-1", expected=2 * number + 1))
                    await carried(relay, position=position(database))
                    stopped.send_signal(signal.SIGCONT)
                    assert stopped.stdout is not None
                    assert await asyncio.to_thread(stopped.stdout.readline) == "standing by\n"
                    assert relay.standing == "publishing"
    assert missing(database, kafka, topics) == set()
    assert_in_order(kafka, topics)


class Careless(Publisher):
    """The mutant: does not look who else has written."""

    def foreign_orgs(self) -> set[str]:
        return set()


async def kept_version(kafka: str, topics: Topics) -> int:
    """The version that the compacted topic will keep: that of the last record."""
    records = await asyncio.to_thread(states, kafka, topics)
    return int(json.loads(records[-1].value)["org_version"])


@pytest.mark.parametrize("publisher", [Publisher, Careless], ids=["ours", "mutant-careless"])
async def test_what_a_resumed_relay_still_sends_is_written_over(
    parts: Parts, database: Database, kafka: str, topics: Topics, publisher: type[Publisher]
) -> None:
    """It is an older state behind the newer one, and all that compaction would keep of the org.

    The mutant leaves it there.
    """
    await parts.ledger.execute(registration("1"))
    twin = OutgoingLog(partial(connect, database.app_url), holder=uuid4(), read_fact=read_fact)
    batches = Batches(topics)
    cursor = await twin.take(seconds=0.1)
    assert cursor is not None
    page = await twin.page(after=0, most=10)
    old = await batches.make(page, orgs={}, republished=None, log=twin, in_thread=asyncio.to_thread)
    stray = await asyncio.to_thread(Publisher, kafka, topics, partitions=2)

    async with running(a_relay(database, kafka, topics, publisher=publisher)) as relay:
        await parts.ledger.execute(order("1", GrantAccess(key=CRM)))
        answer = await parts.ledger.execute(order("1", RevokeAccess(key=CRM)))
        await carried(relay, position=position(database))
        assert await kept_version(kafka, topics) == answer.org_version

        await asyncio.to_thread(stray.publish, old.messages)
        assert not await twin.advance(cursor._replace(position=page.head), seconds=1)
        beats = len(everything(kafka, topics.state))
        await until(lambda: len(everything(kafka, topics.state)) >= beats + 8)
        kept = await kept_version(kafka, topics)
    await asyncio.to_thread(stray.close)
    await twin.close()
    assert (kept == answer.org_version) == (publisher is Publisher)


class OnlyNotified(AsyncConnection):
    """The mutant: who waits on it waits for a notification, however long that takes."""

    async def notifies(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        stop_after: int | None = None,
    ) -> AsyncGenerator[Notify, None]:
        async for notification in super().notifies(timeout=None, stop_after=stop_after):
            yield notification


@pytest.mark.soak
async def test_a_relay_that_hears_no_notification_publishes_all_the_same(
    database: Database, kafka: str, topics: Topics, rounds: Rounds
) -> None:
    """It looks by itself; the mutant, which only waits to be told, has heard nothing by then."""
    with (
        Proxy(database.app_url) as proxy,
        psycopg.connect(database.app_url, autocommit=True) as writer,
    ):
        relay = a_relay(database, kafka, topics, dial=partial(connect, proxy.url))
        async with running(relay):
            await until(lambda: relay.standing == "publishing")
            proxy.deaf = True
            for number in range(rounds(2)):
                call(writer, append(f"org-{number}"))
                await carried(relay, position=number + 1)

        told = OutgoingLog(
            partial(OnlyNotified.connect, proxy.url, autocommit=True),
            holder=uuid4(),
            read_fact=read_fact,
        )
        await told.page(after=0, most=1)
        waiting = asyncio.create_task(told.wait(0.01))
        call(writer, append("org-last"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await told.close()
    assert missing(database, kafka, topics) != set()  # the last one, which no relay was there for
