"""A publisher over a real broker: what it acknowledges, and what it no longer sends."""

import time

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from consumers import wire
from consumers.relay.publisher import Producer, Publisher, with_marks
from consumers.relay.records import Message
from consumers.topics import Topics, ensure_topics
from tests.brokers import everything

LINGER_MS = 500


def producer(kind: type[KafkaProducer], kafka: str) -> KafkaProducer:
    return kind(
        bootstrap_servers=kafka, enable_idempotence=True, linger_ms=LINGER_MS, metrics_enabled=False
    )


def message(topics: Topics, number: int, *, topic: str | None = None) -> Message:
    headers = wire.headers(ce_id=str(number), ce_type="entitlements.Noted.v1", ce_sequence=number)
    return Message(topic or topics.events, b"7", b"{}", headers, number)


def test_a_producer_that_was_thrown_away_sends_nothing_any_more(kafka: str, topics: Topics) -> None:
    """What it held would come behind the records of the next. The library's own `close` goes on."""
    ensure_topics(kafka, topics, partitions=1, timeout_ms=5_000)
    ours, mutant = producer(Producer, kafka), producer(KafkaProducer, kafka)
    ours.send(topics.events, key=b"ours", value=b"x")
    mutant.send(topics.events, key=b"mutant", value=b"x")
    ours.abandon()
    with pytest.raises(KafkaTimeoutError):
        mutant.close(timeout=0)
    mutant.flush(10)
    time.sleep(2 * LINGER_MS / 1000)
    mutant.close(timeout=5)
    assert [r.key for r in everything(kafka, topics.events)] == [b"mutant"]


def test_what_is_beyond_the_last_marks_is_found(kafka: str, topics: Topics) -> None:
    """Events by place and id; what was there before counts, too, when all of it is wanted."""
    publisher = Publisher(kafka, topics, partitions=1)
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
