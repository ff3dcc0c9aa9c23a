"""The broker is killed, restarted, restarted empty: nothing is lost, and nobody is stale for long.

The bounds are those of the architecture: with Kafka away the feed inside PostgreSQL tells.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from consumers import wire
from consumers.invalidation.invalidation import Invalidation
from consumers.relay.publisher import Found, Publisher
from consumers.relay.relay import Relay
from consumers.topics import Topics
from domain.commands import GrantAccess, RevokeAccess
from domain.ids import OrgId
from domain.org import Org
from infra.catalog import default_document
from infra.database import Database
from infra.kafka import EmbeddedKafka
from infra.postgres import EmbeddedPostgres
from infra.propagation import propagating
from infra.settings import Settings
from infra.wiring import Parts
from infra.wiring import running as running_ledger
from projections.orgs import fetch_org
from projections.outgoing import Marks
from projections.table import OrgTable
from tests.brokers import everything, new_prefix, states
from tests.conftest import new_database
from tests.consumers.carrying import CLIENTS, Heard, a_relay, carried, listening, running
from tests.faults.conftest import Rounds
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import until

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

ORG = OrgId("7")


@asynccontextmanager
async def a_ledger(settings: Settings, database: Database) -> AsyncIterator[Parts]:
    """A ledger with a catalog and an org that has CRM."""
    async with running_ledger(settings, database) as parts:
        await parts.ledger.publish_catalog(default_document(), by=order("1").by)
        await parts.ledger.execute(registration(ORG, GrantAccess(key=CRM)))
        yield parts


@pytest.fixture
async def ledger(settings: Settings, database: Database) -> AsyncIterator[Parts]:
    """A ledger for one test."""
    async with a_ledger(settings, database) as parts:
        yield parts


def sequences(broker: EmbeddedKafka, topics: Topics) -> list[int]:
    records = everything(broker.address, topics.events)
    return sorted({int(wire.read(r.headers)[wire.SEQUENCE]) for r in records})


@pytest.mark.soak
@CLIENTS
async def test_a_broker_that_is_killed_and_restarted_costs_nothing_but_time(
    ledger: Parts,
    database: Database,
    broker: EmbeddedKafka,
    topics: Topics,
    rounds: Rounds,
    publisher: type[Publisher],
) -> None:
    """What happens meanwhile is published afterwards; who listens need not start over."""
    heard = Heard()
    async with (
        running(a_relay(database, broker.address, topics, publisher=publisher)) as relay,
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


@dataclass
class Followed:
    """A ledger that is published, and one who listens."""

    parts: Parts
    relay: Relay
    topics: Topics
    heard: Heard
    hearing: Invalidation

    async def settled(self, position: int) -> None:
        """Everything up to a position is out, and heard of."""
        await carried(self.relay, position=position)
        await until(self.hearing.current)


@asynccontextmanager
async def followed(
    settings: Settings, database: Database, broker: EmbeddedKafka, publisher: type[Publisher]
) -> AsyncIterator[Followed]:
    topics, heard = Topics.named(new_prefix()), Heard()
    relay = a_relay(database, broker.address, topics, publisher=publisher)
    async with (
        a_ledger(settings, database) as parts,
        running(relay),
        listening(broker.address, topics, heard) as hearing,
    ):
        yield Followed(parts, relay, topics, heard, hearing)


@pytest.mark.soak
async def test_a_broker_that_comes_back_empty_begins_a_new_epoch(
    settings: Settings,
    server: EmbeddedPostgres,
    database: Database,
    broker: EmbeddedKafka,
    rounds: Rounds,
) -> None:
    """Every org is published again, and whoever listens starts over.

    The mutant goes on as if nothing had happened: a subscriber that comes now never hears of
    whatever does not change.
    """
    mutants = new_database(server)
    async with (
        followed(settings, database, broker, Publisher) as ours,
        followed(settings, mutants, broker, Trusting) as mutant,
    ):
        for number in range(rounds(1)):
            for world in (ours, mutant):
                await world.settled(world.parts.feed.position)
            await asyncio.to_thread(broker.wipe)
            for world in (ours, mutant):
                answer = await world.parts.ledger.execute(registration(f"8{number}"))
                await world.settled(answer.positions[-1])
            await until(lambda: ours.heard.beginnings >= 2 + number)  # noqa: B023 - awaited
            found = [
                {r.key.decode(): json.loads(r.value) for r in states(broker.address, w.topics)}
                for w in (ours, mutant)
            ]
            newest = f"8{number}"
            assert set(found[0]) == {"7", *(f"8{n}" for n in range(number + 1))}
            assert set(found[1]) == {newest}
            assert {d["ledger_epoch"] for d in found[0].values()} == {2 + number}
            assert sequences(broker, ours.topics)[0] == 1
            assert sequences(broker, mutant.topics)[0] > 1


async def test_with_kafka_out_of_reach_nobody_serves_what_is_no_more(
    settings: Settings, database: Database, broker: EmbeddedKafka, ledger: Parts
) -> None:
    """A revoke goes on while the broker answers nobody.

    A server hears of it through PostgreSQL and keeps its cache; who has Kafka alone misses the
    heartbeat and reads through. The mutant, who does not look for it, serves what was.
    """
    settings = settings.model_copy(
        update={"kafka_bootstrap_servers": broker.address, "topic_prefix": new_prefix()}
    )

    async def fetch(org: OrgId) -> Org | None:
        async with ledger.ledger.reading() as connection:
            return await fetch_org(connection, org)

    def table(current: Callable[[], bool]) -> OrgTable:
        return OrgTable(fetch=fetch, current=current, ttl_seconds=300, monotonic=time.monotonic)

    async with (
        running_ledger(settings, database) as server,
        propagating(server),
    ):
        through_kafka = server.ears.hearing[-1]
        await until(through_kafka)
        alone, mutant = table(through_kafka), table(lambda: True)
        before = [await cache.get(ORG) for cache in (server.table, alone, mutant)]
        assert [c.held(ORG) for c in (server.table, alone, mutant)] == before
        broker.stall()
        try:
            await until(lambda: not through_kafka())
            assert server.table.held(ORG) is before[0]
            answer = await ledger.ledger.execute(order(ORG, RevokeAccess(key=CRM)))
            await until(lambda: server.table.held(ORG) is None)
            served = [(await c.get(ORG)).version for c in (server.table, alone, mutant)]
        finally:
            broker.go_on()
        await until(through_kafka)
    assert served == [answer.org_version, answer.org_version, before[2].version]
