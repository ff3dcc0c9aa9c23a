"""Puts the relay and the cache invalidation together over a broker, where one is configured."""

import shlex
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from consumers.invalidation.invalidation import Invalidation, Listener
from consumers.relay.batch import Batches
from consumers.relay.kafka_python import PythonProducer
from consumers.relay.producer import OpenProducer
from consumers.relay.publisher import Publisher
from consumers.relay.relay import Relay
from consumers.topics import Topics
from infra.ears import Ears
from infra.kafka.embedded import EmbeddedKafka, running_at
from infra.metrics.propagated import dead_letters, invalidations
from infra.settings import Settings
from infra.store.mapper import read_fact
from infra.wiring import Dial, Parts
from projections.outgoing import OutgoingLog
from projections.tallies import Tallies

WATCH = "entitlements invalidate"


def broker_directory(settings: Settings) -> Path:
    """Where an embedded broker lives."""
    return settings.data_dir / "kafka"


def broker_of(settings: Settings) -> str | None:
    """The broker named in the settings, or an embedded one that runs on the data directory."""
    return settings.kafka_bootstrap_servers or running_at(broker_directory(settings))


@contextmanager
def broker(settings: Settings, *, wanted: bool) -> Iterator[str]:
    """A broker of our own, if one is wanted and none is configured; yields what to tell of it."""
    if settings.kafka_bootstrap_servers is not None:
        yield f"\n\nChanges go to Kafka at {settings.kafka_bootstrap_servers}."
    elif wanted:
        with EmbeddedKafka.run(broker_directory(settings)) as own:
            watch = watch_command(settings)
            yield f"\n\n{own.kind.name} listens on {own.address}. Watch what changes:\n  {watch}"
    else:
        yield ""


def watch_command(settings: Settings) -> str:
    """What to type in another shell, whatever that one's environment is."""
    if settings.data_dir == Settings().data_dir:
        return WATCH
    return f"LEDGER_DATA_DIR={shlex.quote(str(settings.data_dir.absolute()))} {WATCH}"


def topics_of(settings: Settings) -> Topics:
    """The names of the topics."""
    return Topics.named(settings.topic_prefix)


def publisher(settings: Settings, servers: str) -> Callable[[], Publisher]:
    """What opens a publisher, when the relay's thread calls it."""
    return partial(
        Publisher,
        servers,
        topics_of(settings),
        partitions=settings.kafka_partitions,
        open_producer=client_of(settings),
    )


def client_of(settings: Settings) -> OpenProducer:
    """What opens the producer of the client that is chosen."""
    if settings.kafka_client == "kafka-python":
        return PythonProducer
    # Only here, as it is an extra.
    from consumers.relay.confluent import ConfluentProducer

    return ConfluentProducer


def relay(settings: Settings, servers: str, *, dial: Dial, tallies: Tallies) -> Relay:
    """A candidate for the relay."""
    return Relay(
        OutgoingLog(dial, holder=uuid4(), read_fact=read_fact),
        batches=Batches(topics_of(settings), died=dead_letters(tallies)),
        open_publisher=publisher(settings, servers),
        monotonic=time.monotonic,
    )


class FromKafka:
    """A subscriber of Kafka's beside the feed, which alone vouches for what processes share."""

    def __init__(self, ears: Ears) -> None:
        self.told_time = ears.told_time
        self.stream_moved = ears.stream_moved
        self.start_over = ears.start_over_here


class Propagation(NamedTuple):
    """What carries changes out of this process, and what brings them in."""

    servers: str
    relay: Relay
    hearing: Invalidation


@asynccontextmanager
async def propagating(parts: Parts) -> AsyncIterator[Propagation | None]:
    """Run the relay and hear of changes through Kafka too, while the block runs.

    The feed inside PostgreSQL stays on: it is what still tells of changes when Kafka cannot, and
    while either of the two is up to date the cache may serve.
    """
    servers = broker_of(parts.settings)
    if servers is None:
        yield None
        return
    listener = Listener(
        FromKafka(parts.ears),
        now=parts.clock.now,
        monotonic=time.monotonic,
        took=invalidations(parts.tallies),
    )
    topic = topics_of(parts.settings).state
    hearing = Invalidation(servers, topic=topic, listener=listener)
    carrying = relay(parts.settings, servers, dial=parts.dial, tallies=parts.tallies)
    hearing.start()
    carrying.start()
    parts.ears.hearing.append(hearing.current)
    try:
        yield Propagation(servers, carrying, hearing)
    finally:
        parts.ears.hearing.remove(hearing.current)
        await carrying.close()
        await hearing.close()
