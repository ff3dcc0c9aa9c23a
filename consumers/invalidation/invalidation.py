"""Reads every partition of the state topic, without a group, and tells which orgs moved.

It begins at the end of the topic, so whoever listens begins with empty caches. Whatever makes a
gap possible (an offset that is out of range, a consumer that had to be made anew, another epoch)
makes its listener start over. Without a fresh heartbeat on every partition nobody may rely on it.
"""

import asyncio
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from consumers import wire
from consumers.codec import speed_up
from domain.ids import CATALOG_STREAM, OrgId, org_stream
from domain.instants import from_iso
from projections.feed import Subscriber

HEARTBEAT_WITHIN = 5.0  # seconds; without one for so long, nobody may rely on what was heard
WAIT_MS = 500  # a waiting fetch is woken by the broker, so this costs no time
_LOOK_FOR_PARTITIONS_MS = 5_000
_MOST_VERSIONS = 100_000
_PAUSE_SECONDS = 1.0
_TIMEOUT_MS = 5_000

log = logging.getLogger("entitlements.invalidation")


class Moved(NamedTuple):
    """That an org is at a version."""

    org: OrgId
    version: int
    position: int
    catalog_version: int
    epoch: int
    recorded_at: datetime | None = None


class Heartbeat(NamedTuple):
    """That everything recorded by `ledger_time` is in this partition by now."""

    partition: int
    epoch: int
    ledger_time: datetime


class Assigned(NamedTuple):
    """The partitions that are read; with `gap`, something may have been missed."""

    partitions: frozenset[int]
    gap: bool


Word = Moved | Heartbeat | Assigned


class Listener:
    """What the words come to; without threads, brokers or clocks of its own.

    Args:
        now: the ledger's clock, by which a heartbeat that was long on its way is told.
        took: hears how many seconds after its commit each change was told.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        took: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._took = took
        self._subscriber = subscriber
        self._now = now
        self._monotonic = monotonic
        self._versions: OrderedDict[OrgId, int] = OrderedDict()
        self._catalog_version = 0
        self._epoch: int | None = None
        self._beats: dict[int, float] = {}
        self._partitions: frozenset[int] = frozenset()
        self.dropped = 0

    def current(self) -> bool:
        """Whether every partition had a heartbeat within the last few seconds."""
        oldest = self._monotonic() - HEARTBEAT_WITHIN
        return bool(self._partitions) and all(
            self._beats.get(partition, float("-inf")) > oldest for partition in self._partitions
        )

    def hear(self, words: Sequence[Word]) -> None:
        """Take in words in their order."""
        for word in words:
            if isinstance(word, Assigned):
                self._assigned(word)
            elif self._of_this_epoch(word.epoch):
                if isinstance(word, Moved):
                    self._moved(word)
                else:
                    self._beat(word)

    def _assigned(self, word: Assigned) -> None:
        self._partitions = word.partitions
        if word.gap:
            self._start_over()

    def _of_this_epoch(self, epoch: int) -> bool:
        if self._epoch is not None and epoch > self._epoch:
            self._start_over()
        self._epoch = max(epoch, self._epoch or epoch)
        return epoch == self._epoch

    def _start_over(self) -> None:
        self._versions.clear()
        self._beats.clear()
        self._catalog_version = 0
        self._subscriber.start_over()

    def _moved(self, word: Moved) -> None:
        if word.catalog_version > self._catalog_version:
            self._catalog_version = word.catalog_version
            self._subscriber.stream_moved(
                CATALOG_STREAM, version=word.catalog_version, position=word.position
            )
        if word.version <= self._versions.get(word.org, 0):
            self.dropped += 1
            return
        self._versions[word.org] = word.version
        self._versions.move_to_end(word.org)
        if len(self._versions) > _MOST_VERSIONS:
            self._versions.popitem(last=False)
        self._subscriber.stream_moved(
            org_stream(word.org), version=word.version, position=word.position
        )
        if word.recorded_at is not None:
            self._took(max(0.0, (self._now() - word.recorded_at).total_seconds()))

    def _beat(self, word: Heartbeat) -> None:
        on_its_way = self._now() - word.ledger_time
        if on_its_way < timedelta(0):  # our clock is behind the ledger's
            self._subscriber.told_time(word.ledger_time)
        age = max(0.0, on_its_way.total_seconds())
        self._beats[word.partition] = self._monotonic() - age


class Invalidation:
    """A consumer in a thread of its own, whose words are heard on the loop it was started on."""

    def __init__(self, servers: str, *, topic: str, listener: Listener) -> None:
        self._servers = servers
        self._topic = topic
        self._listener = listener
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="invalidation", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.problem: str | None = None

    def start(self) -> None:
        """Begin; needs a running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Stop; takes as long as a waiting fetch."""
        self._stopping.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def current(self) -> bool:
        """Whether what was heard may be relied on."""
        return self._listener.current()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._consume()
            except (KafkaError, OSError, ValueError, KeyError) as error:
                problem = f"{type(error).__name__}: {error}"
                if problem != self.problem:
                    log.warning("Kafka cannot be followed: %s", problem)
                self.problem = problem
                self._stopping.wait(_PAUSE_SECONDS)

    def _consume(self) -> None:
        speed_up()
        consumer = KafkaConsumer(
            bootstrap_servers=self._servers,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=WAIT_MS,
            fetch_min_bytes=1,
            metadata_max_age_ms=_LOOK_FOR_PARTITIONS_MS,
            request_timeout_ms=_TIMEOUT_MS,
            bootstrap_timeout_ms=_TIMEOUT_MS,
            reconnect_backoff_max_ms=1_000,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
        try:
            self._follow(consumer)
        finally:
            consumer.close()

    def _follow(self, consumer: KafkaConsumer) -> None:
        partitions: frozenset[int] = frozenset()
        while not self._stopping.is_set():
            found = frozenset(consumer.partitions_for_topic(self._topic) or ())
            if not found:
                self._stopping.wait(_PAUSE_SECONDS)
                continue
            if found != partitions:
                self._assign(consumer, found, new=found - partitions, begun=bool(partitions))
                partitions = found
            polled = consumer.poll(timeout_ms=WAIT_MS)
            words = [
                word for records in polled.values() for record in records if (word := _word(record))
            ]
            if words:
                self.problem = None
                self._tell(words)

    def _assign(
        self, consumer: KafkaConsumer, found: frozenset[int], *, new: frozenset[int], begun: bool
    ) -> None:
        consumer.assign([TopicPartition(self._topic, partition) for partition in sorted(found)])
        places = [TopicPartition(self._topic, partition) for partition in sorted(new)]
        if begun:  # whatever is in a partition that came later came while we were listening
            offsets: Mapping[TopicPartition, int] = consumer.beginning_offsets(places)
        else:
            offsets = consumer.end_offsets(places)
        for place, offset in offsets.items():
            consumer.seek(place, offset)
        self._tell([Assigned(found, gap=not begun)])

    def _tell(self, words: Sequence[Word]) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._listener.hear, words)


def _word(record: Any) -> Word | None:
    """What a record says; None for a tombstone's like, which says nothing to a cache."""
    if record.key == wire.HEARTBEAT_KEY:
        body = json.loads(record.value)
        return Heartbeat(record.partition, body["epoch"], from_iso(body["ledger_time"]))
    sent = wire.read(record.headers)
    if wire.ORG_VERSION not in sent or record.value is None:
        return None
    return Moved(
        org=OrgId(record.key.decode()),
        version=int(sent[wire.ORG_VERSION]),
        position=int(sent[wire.SEQUENCE]),
        catalog_version=int(sent[wire.CATALOG_VERSION]),
        epoch=int(sent[wire.EPOCH]),
        recorded_at=from_iso(sent[wire.TIME]) if wire.TIME in sent else None,
    )
