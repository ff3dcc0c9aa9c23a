"""The consumer over a real broker: what it hears, and what it does about what it cannot hear."""

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from consumers import wire
from consumers.invalidation import invalidation as module
from consumers.invalidation.invalidation import Invalidation, Word
from consumers.relay.records import Message
from consumers.topics import Topics, ensure_topics
from domain.commands import GrantAccess, RevokeAccess
from domain.ids import OrgId, org_of
from domain.org import Org
from infra.database import Database
from infra.store.connections import connect
from infra.wiring import Parts
from projections.feed import tell_to_refresh
from projections.orgs import fetch_org
from projections.table import OrgTable
from tests.consumers.carrying import Heard, a_relay, listening, running
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import until

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]


class Caching(Heard):
    """A subscriber that has a table, as a server has."""

    def __init__(self, table: OrgTable) -> None:
        super().__init__()
        self._table = table

    def stream_moved(self, stream: str, *, version: int, position: int) -> None:
        super().stream_moved(stream, version=version, position=position)
        org = org_of(stream)
        if org is not None:
            self._table.moved(org, version=version)


class SlowReads:
    """Reads orgs; while `held`, an answer comes only once it is let go."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.held: asyncio.Event | None = None
        self.under_way = asyncio.Event()

    async def __call__(self, org: OrgId) -> Org | None:
        async with self._parts.ledger.reading() as connection:
            found = await fetch_org(connection, org)
        held, self.held = self.held, None
        if held is not None:
            self.under_way.set()
            await held.wait()
        return found


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "mutant-deaf"])
async def test_a_read_that_began_before_a_change_does_not_fill_the_cache(
    parts: Parts, database: Database, kafka: str, topics: Topics, heard: bool
) -> None:
    """The revoke, and the grant after it, are heard of through Kafka meanwhile (cases 3, 10).

    The mutant, who does not hear of it, serves what was read before.
    """
    org = OrgId("7")
    await parts.ledger.execute(registration("7", GrantAccess(key=CRM)))
    reads = SlowReads(parts)
    table = OrgTable(fetch=reads, current=lambda: True, ttl_seconds=300, monotonic=time.monotonic)
    subscriber = Caching(table) if heard else Heard()
    async with (
        running(a_relay(database, kafka, topics)) as relay,
        listening(kafka, topics, subscriber) as hearing,
    ):
        await until(hearing.current)
        reads.held = held = asyncio.Event()
        asking = asyncio.create_task(table.get(org))
        await reads.under_way.wait()
        await parts.ledger.execute(order("7", RevokeAccess(key=CRM)))
        again = await parts.ledger.execute(order("7", GrantAccess(key=CRM)))
        await until(lambda: ("org-7", again.org_version) in subscriber.moves)
        held.set()
        entry = await asking
    assert relay.problem is None
    assert (entry.version == again.org_version) == heard
    assert (table.discarded > 0) == heard


async def test_new_partitions_are_noticed(
    database: Database, kafka: str, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read from their beginning, and no reason to start over."""
    monkeypatch.setattr(module, "_LOOK_FOR_PARTITIONS_MS", 300)
    heard = Heard()
    ensure_topics(kafka, topics, partitions=1, timeout_ms=5_000)
    async with listening(kafka, topics, heard):
        await until(lambda: heard.beginnings == 1)
        admin = KafkaAdminClient(bootstrap_servers=kafka)
        await asyncio.to_thread(admin.create_partitions, {topics.state: 3})
        await asyncio.to_thread(admin.close)
        for partition in range(3):
            await asyncio.to_thread(send, kafka, state(topics, str(partition), 4), partition)
        await until(lambda: len(heard.moves) == 3)
    assert set(heard.moves) == {("org-0", 4), ("org-1", 4), ("org-2", 4)}
    assert heard.beginnings == 1


class Stoppable(Invalidation):
    """One whose thread can be held up."""

    going = threading.Event()

    def _tell(self, words: Sequence[Word]) -> None:
        self.going.wait()
        super()._tell(words)


async def test_who_was_away_for_longer_than_records_are_kept_starts_over(
    kafka: str, topics: Topics
) -> None:
    """The offset is out of range: what was missed is not known, so nothing may be kept."""
    heard = Heard()
    ensure_topics(kafka, topics, partitions=1, timeout_ms=5_000)
    Stoppable.going.set()
    async with listening(kafka, topics, heard, kind=Stoppable):
        await until(lambda: heard.beginnings == 1)
        Stoppable.going.clear()
        await asyncio.to_thread(send, kafka, state(topics, "1", 1), 0)
        await asyncio.sleep(1)  # it has read this one, most likely; either way it goes on below
        for version in range(2, 9):
            await asyncio.to_thread(send, kafka, state(topics, "1", version), 0)
        await asyncio.to_thread(forget_records, kafka, topics.state)
        Stoppable.going.set()
        await until(lambda: heard.beginnings == 2)
        await until(lambda: sent_until_heard(kafka, topics, heard))


def sent_until_heard(kafka: str, topics: Topics, heard: Heard) -> bool:
    """It goes on from the end, wherever that was when it began anew."""
    send(kafka, state(topics, "2", len(heard.moves) + 1), 0)
    return any(stream == "org-2" for stream, _ in heard.moves)


def state(topics: Topics, org: str, version: int) -> Message:
    """As much of a state record as an invalidator reads."""
    headers = wire.headers(ce_orgversion=version, ce_sequence=1, ce_catalogversion=0)
    headers += wire.headers(ce_ledgerepoch=1)
    return Message(topics.state, org.encode(), b"{}", headers)


def send(kafka: str, message: Message, partition: int) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka, metrics_enabled=False)
    producer.send(
        message.topic,
        key=message.key,
        value=message.value,
        headers=message.headers,
        partition=partition,
    ).get(10)
    producer.close()


def forget_records(kafka: str, topic: str) -> None:
    """As time does, only at once; a compacted topic has to allow for it."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    wanted = {"cleanup.policy": "compact,delete"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=wanted)])
    admin.delete_records({TopicPartition(topic, 0): -1})
    admin.close()


async def test_a_wish_to_read_an_org_anew_reaches_every_server(
    parts: Parts, database: Database
) -> None:
    """From whichever process it comes, and without any change of the org."""
    await parts.ledger.execute(registration("7"))
    entry = await parts.table.get(OrgId("7"))
    assert parts.table.held(OrgId("7")) is entry
    async with await connect(database.app_url) as connection:
        await tell_to_refresh(connection, OrgId("7"))
    await until(lambda: parts.table.held(OrgId("7")) is None)
