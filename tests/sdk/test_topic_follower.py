"""The client's cache over the state topic: a whole ledger, a broker, and no `/watch`."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from consumers.topics import Topics
from entitlements_sdk import Entitlements
from entitlements_sdk.kafka import FileStore, Receipts, Subscriber, TopicFollower
from entitlements_sdk.kafka.beats import HEARD_WITHIN, Beats
from infra.database import Database
from infra.settings import Settings
from infra.tokens import sign_token
from tests.conftest import SECRET
from tests.live import LiveServer
from tests.projections.fakes import HandClock
from tests.sdk.topic import Told, beat, gone, made, prefix_of, send, state, subscribing
from tests.sdk.waiting import comes_true, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]


@pytest.fixture
def publishing(
    database: Database, kafka: str, topics: Topics, tmp_path: Path
) -> Iterator[LiveServer]:
    """A server that publishes to the broker."""
    settings = Settings(
        data_dir=tmp_path,
        jwt_secret=SECRET,
        database_url=database.app_url,
        migration_database_url=database.owner_url,
        kafka_bootstrap_servers=kafka,
        topic_prefix=prefix_of(topics),
    )
    with LiveServer(settings) as live:
        yield live


async def test_a_subscriber_that_reports_is_not_behind(
    publishing: LiveServer, kafka: str, topics: Topics, tmp_path: Path
) -> None:
    """And a ledger that is away holds it up in nothing."""
    admin = publishing.as_role("super_admin")
    org = {"id": 8, "name": "Eight", "reason": "a customer since today"}
    assert admin.post("/api/v1/admin/orgs", json=org).status_code == 201
    token = sign_token(publishing.settings, role="service", sub="erp")
    receipts = Receipts(publishing.address, token=token, instance="a")
    nowhere = Receipts("http://127.0.0.1:1", token=token)
    told = Told()

    def applied(epoch: int, versions: Mapping[str, int]) -> None:
        nowhere(epoch, versions)
        receipts(epoch, versions)

    subscriber = Subscriber(
        kafka,
        told,
        store=FileStore(tmp_path / "position"),
        prefix=prefix_of(topics),
        applied=applied,
    )

    def shown() -> Any:
        return admin.get("/api/v1/orgs/8/propagation").json()

    with subscribing(subscriber):
        await eventually(lambda: shown()["subscribers"], "a receipt")
    assert shown()["behind"] == []
    assert shown()["published"] is True
    assert shown()["subscribers"][0]["subscriber"] == "erp/a"
    for each in (receipts, nowhere):
        each.close()


async def test_a_revocation_reaches_the_cache_through_the_topic(
    publishing: LiveServer, kafka: str, topics: Topics
) -> None:
    admin = publishing.as_role("super_admin")
    org = {"id": 7, "name": "Seven", "reason": "a customer since today"}
    assert admin.post("/api/v1/admin/orgs", json=org).status_code == 201
    why = {"key": "crm", "reason": "it was sold to them"}
    assert admin.post("/api/v1/orgs/7/commands/grant", json=why).status_code == 200
    token = sign_token(publishing.settings, role="service", sub="erp")
    follower = TopicFollower(kafka, prefix=prefix_of(topics))
    async with Entitlements(publishing.address, token=token, follower=follower) as entitlements:
        await eventually(lambda: entitlements.listening, "heartbeats")
        assert await entitlements.allowed(7, "crm")
        assert entitlements.check_at_once("7", "crm") is not None
        assert admin.post("/api/v1/orgs/7/commands/revoke", json=why).status_code == 200

        async def denied() -> bool:
            return (await entitlements.check(7, "crm")).denied_by is not None

        await comes_true(denied, "the revocation")


class Noted:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def moved(self, org: str, version: int) -> None:
        self.heard.append(f"{org}@{version}")

    def catalog_moved(self, version: int) -> None:
        self.heard.append(f"catalog@{version}")

    def rollout_moved(self, version: int) -> None:
        self.heard.append(f"rollout@{version}")

    def start_over(self) -> None:
        self.heard.append("all")

    def told_time(self, ledger_seconds: float) -> None:
        self.heard.append("time")


async def test_what_the_records_say_is_told_in_their_order(kafka: str, topics: Topics) -> None:
    """It begins at the end of the topic; a new epoch begins everything anew."""
    made(kafka, topics, partitions=2)
    send(kafka, [state(topics, "1", 1)])
    noted = Noted()
    following = asyncio.create_task(TopicFollower(kafka, prefix=prefix_of(topics)).follow(noted))
    await eventually(lambda: noted.heard == ["all"], "the beginning")
    noon = "2026-01-31T12:00:00.000000Z"
    send(kafka, [state(topics, "1", 2), state(topics, "1", 2, rollout=1), beat(topics, noon)])
    await eventually(lambda: len(noted.heard) == 5, "the first partition")
    send(kafka, [beat(topics, noon)], partition=1)
    await eventually(lambda: noted.heard[-1] == "time", "a heartbeat on both")
    again = [gone(topics, "2", epoch=2), state(topics, "1", 1, epoch=2), state(topics, "1", 3)]
    send(kafka, [*again, beat(topics, noon, epoch=1), state(topics, "9", 9, epoch=2)])
    await eventually(lambda: noted.heard[-1] == "9@9", "the second epoch")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert noted.heard == [
        *("all", "catalog@1", "1@2", "rollout@1", "1@2", "time"),
        *("all", "catalog@1", "1@1", "9@9"),
    ]


def test_a_heartbeat_that_waited_in_a_queue_says_nothing_about_now() -> None:
    """However wrong the wall clock of this machine is."""
    clock = HandClock()
    beats = Beats(monotonic=clock)
    beats.expect({0}, anew=True)
    assert beats.beat(0, 1_000_000.0) == 1_000_000.0
    clock.seconds += 4
    assert beats.beat(0, 1_000_001.0) is None  # three seconds late
    assert beats.current()
    clock.seconds += HEARD_WITHIN - 2
    assert not beats.current()
    assert beats.beat(0, 1_000_000.0 + 4 + HEARD_WITHIN - 2) is not None


def test_every_partition_has_to_beat() -> None:
    """And what is told is what the slowest of them has told."""
    beats = Beats(monotonic=time.monotonic)
    beats.expect({0, 1}, anew=True)
    assert beats.beat(0, 11.0) is None
    assert beats.beat(1, 10.5) == 10.5
    beats.expect({0, 1, 2}, anew=False)
    assert not beats.current()
