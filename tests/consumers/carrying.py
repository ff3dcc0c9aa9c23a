"""Relays and listeners put together by hand, where a part of them is to be a mutant."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import pytest

from consumers.invalidation.invalidation import Invalidation, Listener
from consumers.relay.batch import Batches
from consumers.relay.confluent import ConfluentProducer
from consumers.relay.publisher import Publisher
from consumers.relay.relay import Relay
from consumers.topics import Topics
from infra.database import Database
from infra.store.connections import connect
from infra.store.mapper import read_fact
from infra.wiring import Dial
from projections.feed import Subscriber
from projections.outgoing import OutgoingLog
from tests.infra.store.world import until

LEASE_SECONDS = 2.0


def a_relay(
    database: Database,
    servers: str,
    topics: Topics,
    *,
    partitions: int = 2,
    dial: Dial | None = None,
    publisher: type[Publisher] = Publisher,
    log: type[OutgoingLog] = OutgoingLog,
    most_events: int = 500,
    batches: Batches | None = None,
) -> Relay:
    """A relay that was not started."""
    return Relay(
        log(dial or partial(connect, database.app_url), holder=uuid4(), read_fact=read_fact),
        batches=batches or Batches(topics),
        open_publisher=partial(publisher, servers, topics, partitions=partitions),
        monotonic=time.monotonic,
        lease_seconds=LEASE_SECONDS,
        most_events=most_events,
    )


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[Relay]:
    """The relay runs while the block does."""
    relay.start()
    try:
        yield relay
    finally:
        await relay.close()


async def carried(relay: Relay, *, position: int) -> None:
    """Wait until everything up to a position has been published."""
    await until(lambda: relay.position >= position)


class ByConfluent(Publisher):
    """A publisher that sends with the other client."""

    def __init__(self, servers: str, topics: Topics, *, partitions: int) -> None:
        super().__init__(servers, topics, partitions=partitions, open_producer=ConfluentProducer)


CLIENTS = pytest.mark.parametrize(
    "publisher", [Publisher, ByConfluent], ids=["kafka-python", "confluent-kafka"]
)


class Heard:
    """A subscriber that writes down what it is told."""

    def __init__(self) -> None:
        self.moves: list[tuple[str, int]] = []
        self.beginnings = 0

    def told_time(self, now: datetime) -> None:
        """Not what this is about."""

    def stream_moved(self, stream: str, *, version: int, position: int) -> None:
        self.moves.append((stream, version))

    def start_over(self) -> None:
        self.beginnings += 1


def ledger_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def listening(
    servers: str,
    topics: Topics,
    subscriber: Subscriber,
    *,
    now: Callable[[], datetime] = ledger_now,
    kind: type[Invalidation] = Invalidation,
) -> AsyncIterator[Invalidation]:
    """A consumer of the state topic, which is there already; it listens when the block begins."""
    listener = Listener(subscriber, now=now, monotonic=time.monotonic)
    invalidation = kind(servers, topic=topics.state, listener=listener)
    invalidation.start()
    try:
        yield invalidation
    finally:
        await invalidation.close()
