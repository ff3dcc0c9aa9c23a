"""The relay over a real broker: everything, in order, and the state that the ledger has."""

import json
from collections import defaultdict
from random import Random
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from consumers import wire
from consumers.relay.publisher import Publisher
from consumers.topics import Topics
from domain.commands import GrantAccess
from domain.ids import OrgId, org_of
from domain.refusals import Refusal
from infra.catalog import default_document
from infra.database import Database
from infra.propagation import topics_of
from infra.restoring import restore_epoch
from infra.settings import Settings
from infra.store.append import Append, StoredFact
from infra.store.connections import connect
from infra.store.mapper import read_fact
from infra.wiring import Parts
from infra.wiring import running as running_ledger
from projections.orgs import fetch_org
from projections.rebuild import rebuild_views
from projections.snapshot import Snapshots
from tests.brokers import everything, new_prefix, states
from tests.consumers.carrying import CLIENTS, a_relay, carried, running
from tests.consumers.relay.world import document_of, folded, position
from tests.infra.store.orders import CRM, order, random_commands, registration
from tests.infra.store.world import append, call, log, until

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

ORGS = [str(number) for number in range(1, 9)]


async def change_at_random(parts: Parts, random: Random, *, times: int) -> None:
    """Commands on some orgs, of which the ledger refuses what it will."""
    for org in ORGS:
        await parts.ledger.execute(registration(org, GrantAccess(key=CRM)))
    for _ in range(times):
        wanted = order(random.choice(ORGS), *random_commands(random, now=parts.clock.now()))
        try:
            await parts.ledger.execute(wanted)
        except Refusal:
            continue


@CLIENTS
async def test_all_events_arrive_in_order_and_the_state_is_the_ledgers(
    parts: Parts, database: Database, kafka: str, topics: Topics, publisher: type[Publisher]
) -> None:
    """Also for one who was away all the time: the compacted topic is all they need (case 21)."""
    relay = a_relay(database, kafka, topics, most_events=7, publisher=publisher)
    async with running(relay):
        await change_at_random(parts, Random(1), times=60)
        await carried(relay, position=position(database))
        await until(lambda: {r.partition for r in _heartbeats(kafka, topics)} == {0, 1})
    assert relay.dead_letters == 0

    with psycopg.connect(database.app_url) as connection:
        rows = log(connection)
    records = everything(kafka, topics.events)
    by_position = sorted(int(wire.read(r.headers)[wire.SEQUENCE]) for r in records)
    assert by_position == [row.position for row in rows]
    assert {wire.read(r.headers)[wire.ID] for r in records} == {str(row.event_id) for row in rows}
    versions: dict[bytes, list[int]] = defaultdict(list)
    for record in records:
        versions[record.key].append(int(wire.read(record.headers).get(wire.ORG_VERSION, "0")))
    assert all(found == sorted(found) for found in versions.values())

    snapshots = Snapshots(parts.shelf.catalog, parts.gates)
    found = folded(kafka, topics)
    assert set(found) == {of for row in rows if (of := org_of(row.stream))}
    async with parts.ledger.reading() as reading:
        for org, document in found.items():
            now = await fetch_org(reading, OrgId(org))
            assert now is not None
            at = parts.clock.now()
            wanted = snapshots.document(now, position=0, epoch=1, at=at)
            assert document["org_version"] == now.version
            if document["next_boundary"] == wanted["next_boundary"]:
                assert document["states"] == wanted["states"]


def _heartbeats(kafka: str, topics: Topics) -> list[Any]:
    return [r for r in everything(kafka, topics.state) if r.key == wire.HEARTBEAT_KEY]


async def test_the_topics_are_kept_as_they_must_be(
    database: Database, kafka: str, topics: Topics
) -> None:
    """Events by time, the state compacted, with as many partitions as are wanted."""
    relay = a_relay(database, kafka, topics, partitions=5)
    async with running(relay):
        await until(lambda: relay.standing == "publishing")
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        names = [topics.events, topics.state]
        found = admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in names], config_filter="all"
        )
        settings = next(iter(found.values()))
        policies = {name: settings[name]["cleanup.policy"]["value"] for name in names}
        counts = {t["name"]: len(t["partitions"]) for t in admin.describe_topics(names)}
    finally:
        admin.close()
    assert policies == {topics.events: "delete", topics.state: "compact"}
    assert counts == {topics.events: 5, topics.state: 5}


async def test_a_topic_that_is_kept_otherwise_is_told(
    database: Database, kafka: str, topics: Topics
) -> None:
    """Nothing is published: it would be lost."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics({topics.state: {"num_partitions": 1}}, wait_for_metadata=True)
    admin.close()
    relay = a_relay(database, kafka, topics)
    async with running(relay):
        await until(lambda: relay.standing == "held")
        assert relay.problem is not None
        assert f"{topics.state} exists with cleanup.policy=delete" in relay.problem
    assert everything(kafka, topics.state) == []


async def test_what_cannot_be_rendered_is_a_dead_letter_in_its_place(
    database: Database, kafka: str, topics: Topics
) -> None:
    """The events of its org that follow go on, in order."""
    with psycopg.connect(database.app_url, autocommit=True) as writer:
        call(writer, append("org-1"))
        broken = [StoredFact(uuid4(), "entitlements.Broken.v1", b"no JSON")]
        call(writer, Append(command_id=uuid4(), stream="org-1", expected=1, events=broken))
        call(writer, append("org-1", expected=2))
    relay = a_relay(database, kafka, topics)
    async with running(relay):
        await carried(relay, position=3)
    events = everything(kafka, topics.events)
    assert [wire.read(r.headers)[wire.SEQUENCE] for r in events] == ["1", "3"]
    (dead,) = everything(kafka, topics.dead_letter)
    assert (dead.key, dead.value) == (b"1", b"no JSON")
    assert wire.read(dead.headers)[wire.SEQUENCE] == "2"
    assert relay.dead_letters == 1


async def test_views_rebuilt_publish_nothing(
    parts: Parts, database: Database, kafka: str, topics: Topics
) -> None:
    """Not even when the rows are written again (case 26)."""
    await parts.ledger.execute(registration("1", GrantAccess(key=CRM)))
    relay = a_relay(database, kafka, topics)
    async with running(relay):
        await carried(relay, position=position(database))
        before = len(states(kafka, topics)), len(everything(kafka, topics.events))
        with psycopg.connect(database.owner_url) as owner:
            owner.execute("UPDATE ledger.current_entitlements SET name = 'spoiled'")
        async with await connect(database.app_url, limits=False) as connection:
            assert (await rebuild_views(connection, read_fact=read_fact)).rewritten == 1
        beats = len(_heartbeats(kafka, topics))
        await until(lambda: len(_heartbeats(kafka, topics)) >= beats + 4)
        assert (len(states(kafka, topics)), len(everything(kafka, topics.events))) == before


async def test_another_catalog_publishes_every_org_again(
    parts: Parts, database: Database, kafka: str, topics: Topics
) -> None:
    """Their states are of the catalog's keys."""
    for org in ORGS:
        await parts.ledger.execute(registration(org))
    relay = a_relay(database, kafka, topics)
    async with running(relay):
        await carried(relay, position=position(database))
        document = dict(document_of(database)) | {"longest_trial_days": 33}
        await parts.ledger.publish_catalog(document, by=order("1").by)
        await until(lambda: {d["catalog_version"] for d in folded(kafka, topics).values()} == {2})
    assert {d["cause"] for d in folded(kafka, topics).values()} == {"republished"}


async def test_after_a_restore_nothing_is_published_until_a_new_epoch_begins(
    settings: Settings, database: Database, kafka: str
) -> None:
    """What was lost is listed, orgs that are gone get a tombstone, the others their state."""
    prefix = new_prefix()
    settings = settings.model_copy(
        update={"kafka_bootstrap_servers": kafka, "topic_prefix": prefix}
    )
    topics = topics_of(settings)
    relay = a_relay(database, kafka, topics)
    async with running_ledger(settings, database) as parts, running(relay):
        await parts.ledger.publish_catalog(default_document(), by=order("1").by)
        await parts.ledger.execute(registration("1", GrantAccess(key=CRM)))
        await carried(relay, position=position(database))
    restored = _copy(database)
    async with (
        running_ledger(settings, database) as parts,
        running(again := a_relay(database, kafka, topics)),
    ):
        await parts.ledger.execute(registration("2"))
        await carried(again, position=position(database))

    async with (
        running_ledger(settings, restored) as parts,
        running(later := a_relay(restored, kafka, topics)),
    ):
        await parts.ledger.execute(registration("3"))
        await until(lambda: later.standing == "held")
        assert "restore-epoch" in (later.problem or "")
        listed = await restore_epoch(settings, parts.dial, dry_run=True)
        assert [(e.org, e.topic) for e in listed.lost] == [("2", "entitlements.OrgRegistered.v1")]
        assert (listed.gone, listed.epoch) == (["2"], 1)
        assert "3" not in folded(kafka, topics)

        done = await restore_epoch(settings, parts.dial, dry_run=False)
        assert (done.lost, done.gone, done.epoch) == (listed.lost, listed.gone, 2)
        await until(lambda: _epochs(kafka, topics) == {"1": 2, "2": None, "3": 2})
        await carried(later, position=position(restored))


def _epochs(kafka: str, topics: Topics) -> dict[str, int | None]:
    """The epoch of the last state of each org, None for a tombstone."""
    return {
        r.key.decode(): json.loads(r.value)["ledger_epoch"] if r.value else None
        for r in states(kafka, topics)
    }


def _copy(database: Database) -> Database:
    """A backup that was restored elsewhere."""
    source = str(conninfo_to_dict(database.owner_url)["dbname"])
    name = f"restored_{uuid4().hex[:8]}"
    with psycopg.connect(
        make_conninfo(database.owner_url, dbname="postgres"), autocommit=True
    ) as admin:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(copy.format(sql.Identifier(name), sql.Identifier(source)))
    return Database(
        app_url=make_conninfo(database.app_url, dbname=name),
        owner_url=make_conninfo(database.owner_url, dbname=name),
        embedded=None,
    )
