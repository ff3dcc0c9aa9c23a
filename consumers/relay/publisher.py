"""One producer and its partitions: sends, waits for the broker's word, and sees who else writes.

Synchronous, as its producer is: used by one thread at a time, and never by an event loop's.
"""

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.partitioner.default import murmur2

from consumers import wire
from consumers.codec import speed_up
from consumers.relay.kafka_python import PythonProducer
from consumers.relay.producer import (
    BATCH_BYTES,
    TIMEOUT_MS,
    OpenProducer,
    Placed,
    PublishFailed,
    Unsent,
)
from consumers.relay.records import Message
from consumers.topics import Topics, ensure_topics
from projections.outgoing import Marks

_MOST_READ = 10_000
_MOST_IN_VAIN = 3  # polls, each of which waits

Place = tuple[str, int]  # topic and partition


class Published(NamedTuple):
    """An event as the broker has it."""

    position: int
    event_id: str
    topic: str
    org: str | None
    recorded_at: str | None


class Found(NamedTuple):
    """What the broker has beyond the last acknowledged records.

    `lost` tells that an acknowledged record is gone that should be there; `orgs` are those whose
    state was written.
    """

    lost: bool
    events: list[Published]
    orgs: set[str]
    unmarked: dict[Place, tuple[int, int]]


class Publisher:
    """Sends to the topics of one ledger, all of a batch acknowledged or PublishFailed.

    After a failure it is of no use: close it and make another.
    """

    def __init__(
        self,
        servers: str,
        topics: Topics,
        *,
        partitions: int,
        open_producer: OpenProducer = PythonProducer,
    ) -> None:
        """Create what topics are missing, and connect.

        Raises:
            TopicMisconfigured: a topic is kept in a way that loses records.
            PublishFailed: the broker cannot be reached.
        """
        self._servers = servers
        self._topics = topics
        with _failing():
            largest = ensure_topics(servers, topics, partitions=partitions, timeout_ms=TIMEOUT_MS)
        self._watched = (topics.events, topics.state)
        self._partitions: dict[str, Sequence[int]] = {}
        self._producer = open_producer(servers, batch_bytes=min(BATCH_BYTES, largest))
        try:
            self._look_at_partitions()  # so that the first events need not wait
        except PublishFailed:
            self._producer.abandon()
            raise
        self._next: dict[Place, int] = {}
        self._foreign: list[tuple[Place, int, int]] = []

    def state_partitions(self) -> Sequence[int]:
        """Where heartbeats go, looked up anew: records of an org go there from now on, too."""
        self._look_at_partitions()
        return self._partitions_of(self._topics.state)

    def inspect(self, marks: Marks, *, all_of_it: bool = False) -> Found:
        """Compare what the broker has with the last records it acknowledged.

        Args:
            all_of_it: read every record of a partition of which no last record is known, too.

        Raises:
            PublishFailed: it cannot be asked.
        """
        with _failing(), self._reading() as consumer:
            places = [
                TopicPartition(topic, partition)
                for topic in self._watched
                for partition in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            consumer.assign(places)
            ends, begins = consumer.end_offsets(places), consumer.beginning_offsets(places)
            self._next = {tuple(place): end for place, end in ends.items()}
            known = {at: m for at, m in _read_marks(marks).items() if at[0] in self._watched}
            found = Found(self._is_lost(consumer, known, begins, ends), [], set(), {})
            for place in places:
                mark = known.get(tuple(place))
                if mark is None:
                    found.unmarked[tuple(place)] = (ends[place] - 1, 0)
                if mark is not None or all_of_it:
                    first = max(mark[0] + 1 if mark else 0, begins[place])
                    _take_in(found, self._read(consumer, tuple(place), first, ends[place]))
            return found

    def publish(self, messages: Sequence[Message]) -> dict[Place, tuple[int, int]]:
        """Send them in order; the last offset and position of each partition they went to.

        Raises:
            PublishFailed: not all of them were acknowledged.
        """
        placed = [(message, self._partition_of(message)) for message in messages]
        outcomes = self._producer.send(placed)
        failed = [(m, o) for m, o in zip(messages, outcomes, strict=True) if isinstance(o, Unsent)]
        if failed:
            refused = [message for message, unsent in failed if unsent.for_good]
            raise PublishFailed(failed[0][1].error, refused=refused)
        return self._acknowledged(placed, cast("list[int]", outcomes))

    def foreign_orgs(self) -> set[str]:
        """The orgs whose state somebody else has written between our own records, asked once.

        That is a relay which was stopped while it sent, and lost its fence before it went on: what
        it wrote is older, and would be what the compacted topic keeps.
        """
        foreign, self._foreign = self._foreign, []
        if not foreign:
            return set()
        found = Found(False, [], set(), {})
        with _failing(), self._reading() as consumer:
            consumer.assign([TopicPartition(*at) for at, _, _ in foreign])
            for at, first, end in foreign:
                _take_in(found, self._read(consumer, at, first, end))
        return found.orgs

    def close(self) -> None:
        """Let go; what was not acknowledged will not be sent by this one any more."""
        self._producer.abandon()

    def _partition_of(self, message: Message) -> int:
        if message.partition is not None:
            return message.partition
        there = self._partitions_of(message.topic)
        return there[_hash(message.key) % len(there)]

    def _look_at_partitions(self) -> None:
        self._partitions = {topic: self._producer.partitions(topic) for topic in self._watched}

    def _partitions_of(self, topic: str) -> Sequence[int]:
        found = self._partitions.get(topic)
        if found is None:
            found = self._partitions[topic] = self._producer.partitions(topic)
        return found

    def _acknowledged(
        self, placed: Iterable[Placed], offsets: Iterable[int]
    ) -> dict[Place, tuple[int, int]]:
        marks: dict[Place, tuple[int, int]] = {}
        for (message, partition), offset in zip(placed, offsets, strict=True):
            at = (message.topic, partition)
            expected = self._next.get(at, offset)
            if offset > expected and at[0] == self._topics.state:
                self._foreign.append((at, expected, offset))
            self._next[at] = offset + 1
            marks[at] = (offset, message.position)
        return marks

    def _is_lost(
        self,
        consumer: KafkaConsumer,
        known: Mapping[Place, tuple[int, int]],
        begins: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
    ) -> bool:
        """Whether a record is gone, or the last event is not what is at its offset."""
        if any(ends.get(TopicPartition(*at), 0) <= mark[0] for at, mark in known.items()):
            return True
        events = {at: m for at, m in known.items() if at[0] == self._topics.events and m[1]}
        if not events:
            return False
        at, (offset, position) = max(events.items(), key=lambda entry: entry[1][1])
        if offset < begins[TopicPartition(*at)]:  # kept for as long as was wanted
            return False
        records = self._read(consumer, at, offset, offset + 1)
        return [wire.read(r.headers).get(wire.SEQUENCE) for r in records] != [str(position)]

    def _read(self, consumer: KafkaConsumer, at: Place, first: int, end: int) -> list[Any]:
        """The records of one partition in `[first, end)`."""
        place = TopicPartition(*at)
        found: list[Any] = []
        consumer.pause(*consumer.assignment())
        consumer.resume(place)
        consumer.seek(place, first)
        in_vain = 0
        while (before := consumer.position(place)) < end and len(found) < _MOST_READ:
            polled = consumer.poll(timeout_ms=TIMEOUT_MS).get(place, [])
            in_vain = in_vain + 1 if consumer.position(place) == before else 0
            if in_vain > _MOST_IN_VAIN:
                raise KafkaTimeoutError(f"{at} cannot be read up to {end}")
            found += [record for record in polled if record.offset < end]
        return found

    def _reading(self) -> "contextlib.closing[KafkaConsumer]":
        speed_up()
        return contextlib.closing(
            KafkaConsumer(
                bootstrap_servers=self._servers,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                request_timeout_ms=TIMEOUT_MS,
                bootstrap_timeout_ms=TIMEOUT_MS,
                metrics_enabled=False,
            )
        )


@lru_cache(maxsize=100_000)
def _hash(key: bytes) -> int:
    """As every client of Kafka hashes a key; one org has one partition, whoever writes."""
    return int(murmur2(key)) & 0x7FFFFFFF


def with_marks(marks: Marks, new: Mapping[Place, tuple[int, int]]) -> Marks:
    """The marks with newer ones put in."""
    merged = {topic: dict(found) for topic, found in marks.items()}
    for (topic, partition), mark in new.items():
        merged.setdefault(topic, {})[str(partition)] = list(mark)
    return merged


def _read_marks(marks: Marks) -> dict[Place, tuple[int, int]]:
    return {
        (topic, int(partition)): (mark[0], mark[1])
        for topic, found in marks.items()
        for partition, mark in found.items()
    }


def _take_in(found: Found, records: Iterable[Any]) -> None:
    for record in records:
        if record.key == wire.HEARTBEAT_KEY:
            continue
        sent = wire.read(record.headers)
        if sent.get(wire.TYPE) == wire.STATE_TYPE:
            found.orgs.add(record.key.decode())
        elif wire.ID in sent:
            found.events.append(
                Published(
                    position=int(sent[wire.SEQUENCE]),
                    event_id=sent[wire.ID],
                    topic=sent[wire.TYPE],
                    org=sent.get(wire.SUBJECT),
                    recorded_at=sent.get(wire.TIME),
                )
            )


@contextlib.contextmanager
def _failing() -> Any:
    try:
        yield
    except (KafkaError, OSError, json.JSONDecodeError) as error:
        raise PublishFailed(error) from error
