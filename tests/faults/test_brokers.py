"""The broker is killed, restarted, restarted empty: nothing is lost, and nobody is stale for long.

The bounds are those of the architecture: with Kafka away the feed inside PostgreSQL tells.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest

from consumers import wire
from consumers.relay.publisher import Found, Publisher
from consumers.topics import Topics
from domain.commands import GrantAccess, RevokeAccess
from domain.ids import OrgId
from domain.org import Org
from infra.catalog import default_document
from infra.database import Database
from infra.kafka import EmbeddedKafka
from infra.propagation import propagating
from infra.settings import Settings
from infra.wiring import Parts
from infra.wiring import running as running_ledger
from projections.orgs import fetch_org
from projections.outgoing import Marks
from projections.table import OrgTable
from tests.brokers import everything, new_prefix, states
from tests.consumers.carrying import Heard, a_relay, carried, listening, running
from tests.consumers.invalidation.test_invalidation import Caching
from tests.faults.conftest import Rounds
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import until

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

ORG = OrgId("7")


@pytest.fixture
async def ledger(settings: Settings, database: Database) -> AsyncIterator[Parts]:
    """A ledger with a catalog and an org that has CRM."""
    async with running_ledger(settings, database) as parts:
        await parts.ledger.publish_catalog(default_document(), by=order("1").by)
        await parts.ledger.execute(registration(ORG, GrantAccess(key=CRM)))
        yield parts


def sequences(broker: EmbeddedKafka, topics: Topics) -> list[int]:
    records = everything(broker.address, topics.events)
    return sorted({int(wire.read(r.headers)[wire.SEQUENCE]) for r in records})


@pytest.mark.soak
async def test_a_broker_that_is_killed_and_restarted_costs_nothing_but_time(
    ledger: Parts, database: Database, broker: EmbeddedKafka, topics: Topics, rounds: Rounds
) -> None:
    """What happens meanwhile is published afterwards; who listens need not start over."""
    if not broker.kind.keeps:
        pytest.skip(f"{broker.kind.name} keeps nothing")
    heard = Heard()
    async with (
        running(a_relay(database, broker.address, topics)) as relay,
        listening(broker.address, topics, heard) as hearing,
    ):
        await until(hearing.current)
        for number in range(rounds(1)):
            await asyncio.to_thread(broker.kill)
            answer = await ledger.ledger.execute(
                order(ORG, GrantAccess(key=CRM, source=f"plan:p@{number}"))
            )
            await asyncio.to_thread(broker.start)
            await carried(relay, position=answer.positions[-1])
            await until(lambda: ("org-7", answer.org_version) in heard.moves)  # noqa: B023 - awaited
        await until(hearing.current)
    assert heard.beginnings == 1
    assert sequences(broker, topics) == list(range(1, relay.position + 1))


class Trusting(Publisher):
    """The mutant: takes for granted that what was acknowledged is there."""

    def inspect(self, marks: Marks, *, all_of_it: bool = False) -> Found:
        return super().inspect(marks, all_of_it=all_of_it)._replace(lost=False)


@pytest.mark.soak
@pytest.mark.parametrize("publisher", [Publisher, Trusting], ids=["ours", "mutant-trusting"])
async def test_a_broker_that_comes_back_empty_begins_a_new_epoch(
    ledger: Parts,
    database: Database,
    broker: EmbeddedKafka,
    topics: Topics,
    publisher: type[Publisher],
) -> None:
    """Every org is published again, and whoever listens starts over.

    The mutant goes on as if nothing had happened: a subscriber that comes now never hears of
    whatever does not change.
    """
    relay = a_relay(database, broker.address, topics, publisher=publisher)
    heard = Heard()
    async with running(relay), listening(broker.address, topics, heard) as hearing:
        await until(hearing.current)
        await carried(relay, position=ledger.feed.position)
        await asyncio.to_thread(broker.wipe)
        answer = await ledger.ledger.execute(registration("8"))
        await carried(relay, position=answer.positions[-1])
        await until(lambda: heard.beginnings >= 2)
        await until(hearing.current)
        found = {r.key.decode(): json.loads(r.value) for r in states(broker.address, topics)}
    ours = publisher is Publisher
    assert set(found) == ({"7", "8"} if ours else {"8"})
    assert {d["ledger_epoch"] for d in found.values()} == {2 if ours else 1}
    assert (sequences(broker, topics)[0] == 1) == ours


@pytest.mark.parametrize("trusting", [False, True], ids=["ours", "mutant-no-heartbeat"])
async def test_without_a_heartbeat_a_cache_reads_through(
    ledger: Parts, database: Database, broker: EmbeddedKafka, topics: Topics, trusting: bool
) -> None:
    """Kafka is cut while a revoke goes on, for one who hears of changes through Kafka alone.

    The mutant, which does not look for heartbeats, serves what is no more.
    """

    async def fetch(org: OrgId) -> Org | None:
        async with ledger.ledger.reading() as connection:
            return await fetch_org(connection, org)

    def current() -> bool:
        return trusting or hearing.current()

    table = OrgTable(fetch=fetch, current=current, ttl_seconds=300, monotonic=time.monotonic)
    async with (
        running(a_relay(database, broker.address, topics)),
        listening(broker.address, topics, Caching(table)) as hearing,
    ):
        await until(hearing.current)
        before = await table.get(ORG)
        assert table.held(ORG) is before
        await asyncio.to_thread(broker.kill)
        try:
            answer = await ledger.ledger.execute(order(ORG, RevokeAccess(key=CRM)))
            await until(lambda: not hearing.current())
            served = (await table.get(ORG)).version
        finally:
            await asyncio.to_thread(broker.start)
    assert served == (before.version if trusting else answer.org_version)


async def test_with_kafka_away_a_server_hears_of_changes_through_postgres(
    settings: Settings, database: Database, broker: EmbeddedKafka, ledger: Parts
) -> None:
    """And goes on serving from its cache: the feed inside PostgreSQL is up to date."""
    settings = settings.model_copy(
        update={"kafka_bootstrap_servers": broker.address, "topic_prefix": new_prefix()}
    )
    async with running_ledger(settings, database) as server, propagating(server):
        through_kafka = server.ears.hearing[-1]
        await until(through_kafka)
        await asyncio.to_thread(broker.kill)
        try:
            await until(lambda: not through_kafka())
            before = await server.table.get(ORG)
            assert server.table.held(ORG) is before
            await ledger.ledger.execute(order(ORG, RevokeAccess(key=CRM)))
            await until(lambda: server.table.held(ORG) is None)
        finally:
            await asyncio.to_thread(broker.start)
