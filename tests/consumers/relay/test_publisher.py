"""A publisher over a real broker: what it acknowledges, and what it no longer sends.

By either client: what one leaves to the broker, the other goes on with.
"""

import socket
import time
from contextlib import closing
from random import Random

import pytest
from confluent_kafka import Producer as BareConfluent
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaTimeoutError

from consumers import wire
from consumers.relay.confluent import ConfluentProducer
from consumers.relay.kafka_python import Abandonable, PythonProducer
from consumers.relay.producer import OpenProducer, PublishFailed
from consumers.relay.publisher import Publisher, with_marks
from consumers.relay.records import Message
from consumers.topics import Topics, ensure_topics
from tests.brokers import everything

LINGER_MS = 500
SMALL = 40_000  # bytes that a topic takes at once


@pytest.fixture(params=[PythonProducer, ConfluentProducer], ids=["kafka-python", "confluent"])
def client(request: pytest.FixtureRequest) -> OpenProducer:
    """What opens a producer."""
    opening: OpenProducer = request.param
    return opening


def producer(kind: type[KafkaProducer], kafka: str) -> KafkaProducer:
    return kind(
        bootstrap_servers=kafka, enable_idempotence=True, linger_ms=LINGER_MS, metrics_enabled=False
    )


def message(
    topics: Topics, number: int, *, key: bytes = b"7", value: bytes | None = b"{}"
) -> Message:
    headers = wire.headers(ce_id=str(number), ce_type="entitlements.Noted.v1", ce_sequence=number)
    return Message(topics.events, key, value, headers, number)


def test_a_producer_that_was_thrown_away_sends_nothing_any_more(kafka: str, topics: Topics) -> None:
    """What it held would come behind the records of the next. The library's own `close` goes on."""
    ensure_topics(kafka, topics, partitions=1, timeout_ms=5_000)
    ours, mutant = producer(Abandonable, kafka), producer(KafkaProducer, kafka)
    ours.send(topics.events, key=b"ours", value=b"x")
    mutant.send(topics.events, key=b"mutant", value=b"x")
    ours.abandon()
    with pytest.raises(KafkaTimeoutError):
        mutant.close(timeout=0)
    mutant.flush(10)
    time.sleep(2 * LINGER_MS / 1000)
    mutant.close(timeout=5)
    assert [r.key for r in everything(kafka, topics.events)] == [b"mutant"]


class Holding(ConfluentProducer):
    """Holds a record that it has not sent."""

    def hold(self, topic: str) -> None:
        self._client.produce(topic, key=b"ours", value=b"x")


def test_nor_does_the_other_client(kafka: str, topics: Topics) -> None:
    """Its `close` alone would send the rest first."""
    ensure_topics(kafka, topics, partitions=1, timeout_ms=5_000)
    ours, mutant = Holding(kafka), BareConfluent({"bootstrap.servers": kafka})
    ours.hold(topics.events)
    mutant.produce(topics.events, key=b"mutant", value=b"x")
    ours.abandon()
    mutant.close()
    assert [r.key for r in everything(kafka, topics.events)] == [b"mutant"]


def test_what_is_beyond_the_last_marks_is_found(
    kafka: str, topics: Topics, client: OpenProducer
) -> None:
    """Events by place and id; what was there before counts, too, when all of it is wanted."""
    publisher = Publisher(kafka, topics, partitions=1, open_producer=client)
    try:
        marks = with_marks({}, publisher.publish([message(topics, 1), message(topics, 2)]))
        assert marks == {topics.events: {"0": [1, 2]}}
        publisher.publish([message(topics, 3)])
        found = publisher.inspect(marks)
        assert [(e.position, e.event_id) for e in found.events] == [(3, "3")]
        assert not found.lost
        assert publisher.inspect({}).events == []
        assert len(publisher.inspect({}, all_of_it=True).events) == 3
    finally:
        publisher.close()


@pytest.mark.parametrize("mark", [[7, 2], [1, 3]], ids=["beyond the end", "another record"])
def test_a_record_that_is_not_where_it_was_acknowledged_is_lost(
    kafka: str, topics: Topics, mark: list[int]
) -> None:
    publisher = Publisher(kafka, topics, partitions=1)
    try:
        publisher.publish([message(topics, 1), message(topics, 2)])
        assert publisher.inspect({topics.events: {"0": mark}}).lost
        assert not publisher.inspect({topics.events: {"0": [1, 2]}}).lost
    finally:
        publisher.close()


def test_both_clients_put_the_same_on_the_wire(kafka: str, topics: Topics) -> None:
    """An org keeps its partition, and its records their order, when the client is changed.

    The partition is the one that a client chooses by itself: others may write to the topics, too.
    """
    sent = [message(topics, n, key=b"%d" % (n % 7), value=b"%d" % n) for n in range(50)]
    sent.append(message(topics, 50, value=None))
    for client in (PythonProducer, ConfluentProducer):
        publisher = Publisher(kafka, topics, partitions=3, open_producer=client)
        publisher.publish(sent)
        publisher.close()
    for partition in range(3):
        found = [
            (r.key, r.value, r.headers)
            for r in everything(kafka, topics.events)
            if r.partition == partition
        ]
        assert found[: len(found) // 2] == found[len(found) // 2 :]
    chosen = {record.key: record.partition for record in everything(kafka, topics.events)}
    with closing(producer(KafkaProducer, kafka)) as library:
        placed = {key: library.send(topics.events, key=key, value=b"x") for key in chosen}
        library.flush()
    assert {key: future.value.partition for key, future in placed.items()} == chosen


def test_only_the_record_that_is_too_large_is_refused(
    kafka: str, topics: Topics, client: OpenProducer
) -> None:
    """Not what is in the same batch, behind it, or in another partition: that goes next time."""
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        configs = {"cleanup.policy": "delete", "max.message.bytes": str(SMALL)}
        topic = {"num_partitions": 2, "configs": configs}
        admin.create_topics({topics.events: topic}, wait_for_metadata=True)
    random = Random(7)
    sizes = [SMALL // 4] * 9 + [SMALL // 2, 2 * SMALL] + [SMALL // 4] * 9
    sent = [
        message(topics, n, key=b"%d" % (n % 7), value=random.randbytes(size))
        for n, size in enumerate(sizes)
    ]
    huge = max(sent, key=lambda m: len(m.value or b""))
    with (
        closing(Publisher(kafka, topics, partitions=2, open_producer=client)) as first,
        pytest.raises(PublishFailed) as failed,
    ):
        first.publish(sent)
    assert failed.value.refused == [huge]

    rest = [each for each in sent if each is not huge]
    with closing(Publisher(kafka, topics, partitions=2, open_producer=client)) as second:
        second.publish(rest)
    values = {record.value for record in everything(kafka, topics.events)}
    assert values == {each.value for each in rest}


def test_a_broker_that_does_not_answer_is_said_to_be_away() -> None:
    """By the client that connects only when it is asked for something."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = "{}:{}".format(*nobody.getsockname())
        with pytest.raises(PublishFailed, match=r"[A-Z]\w+: "):
            ConfluentProducer(away).partitions("entitlements.state.v1")
