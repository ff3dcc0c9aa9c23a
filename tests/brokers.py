"""A Kafka broker for the whole test run, and topics of its own for every test."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from consumers import wire
from consumers.topics import Topics
from infra.kafka import EmbeddedKafka

_NUMBERS = count(1)
_GIVEN = ("LEDGER_KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVERS")


def given_broker() -> str | None:
    """The broker that the environment names."""
    return next((os.environ[name] for name in _GIVEN if os.environ.get(name)), None)


@contextmanager
def own_broker() -> Iterator[EmbeddedKafka]:
    """A broker that a test may kill."""
    with (
        tempfile.TemporaryDirectory(prefix="ledger-kafka-") as name,
        EmbeddedKafka.run(Path(name)) as broker,
    ):
        sys.stderr.write(f"\nKafka: {broker.kind.name} at {broker.address}\n")
        yield broker


def new_prefix() -> str:
    """For the topics of one test."""
    return f"test-{os.getpid()}-{next(_NUMBERS)}."


def everything(servers: str, topic: str) -> list[Any]:
    """Every record of a topic: partition after partition, each in its order."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers, enable_auto_commit=False, metrics_enabled=False
    )
    try:
        found: list[Any] = []
        for partition in sorted(consumer.partitions_for_topic(topic) or ()):
            place = TopicPartition(topic, partition)
            consumer.assign([place])
            end = consumer.end_offsets([place])[place]
            consumer.seek_to_beginning(place)
            while consumer.position(place) < end:
                found += consumer.poll(timeout_ms=1000).get(place, [])
        return found
    finally:
        consumer.close()


def states(servers: str, topics: Topics) -> list[Any]:
    """Every record of the state topic that is no heartbeat."""
    return [r for r in everything(servers, topics.state) if r.key != wire.HEARTBEAT_KEY]
