"""Lets the client's own cache hear of changes through the state topic, not through `/watch`."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from entitlements_sdk.kafka.beats import Beats
from entitlements_sdk.kafka.news import Heartbeat, OrgChanged, Record, read
from entitlements_sdk.kafka.topic import Topic
from entitlements_sdk.ports import Listener

_PAUSE_SECONDS = 1.0
_log = logging.getLogger("entitlements_sdk")


class TopicFollower:
    """A `Follower` for `Entitlements(..., follower=...)`; nothing of it is kept.

    It begins at the end of the topic, as the cache begins empty. Whatever makes a gap possible
    begins everything anew. Without a fresh heartbeat on every partition every check asks the
    ledger.

    Args:
        servers: `host:port` of Kafka's brokers, separated by commas.
        prefix: put before the topic's name, as `LEDGER_TOPIC_PREFIX` of the ledger is.
        options: further settings of kafka-python's consumer, e.g. `{"security_protocol": "SSL"}`.
    """

    def __init__(
        self, servers: str, *, prefix: str = "", options: Mapping[str, Any] | None = None
    ) -> None:
        self._connect: Callable[[], Topic] = lambda: Topic(
            servers, prefix=prefix, options=options or {}
        )

    async def follow(self, listener: Listener) -> None:
        """See `Follower.follow`; it takes a thread of its own."""
        stopping = threading.Event()
        following = _Following(listener, stopping=stopping)
        thread = threading.Thread(
            target=following.run, args=(self._connect,), name="entitlements topic", daemon=True
        )
        thread.start()
        try:
            await asyncio.Event().wait()  # for as long as nobody cancels
        finally:
            stopping.set()
            await asyncio.to_thread(thread.join)


class _Following:
    """What the thread does."""

    def __init__(self, listener: Listener, *, stopping: threading.Event) -> None:
        self._listener = listener
        self._stopping = stopping
        self._beats = Beats(monotonic=time.monotonic)
        self._epoch = self._catalog = self._rollout = 0

    def run(self, connect: Callable[[], Topic]) -> None:
        problem = ""
        while not self._stopping.is_set():
            try:
                self._follow(connect())
            except Exception as error:
                # A record that cannot be read might be a revocation.
                if repr(error) != problem:
                    _log.warning("not following the ledger's topic at the moment: %r", error)
                problem = repr(error)
                self._stopping.wait(_PAUSE_SECONDS)

    def _follow(self, topic: Topic) -> None:
        try:
            partitions: frozenset[int] = frozenset()
            while not self._stopping.is_set():
                found = topic.partitions()
                if found != partitions:
                    self._assign(topic, found, had=partitions)
                    partitions = found
                self._take(topic.poll())
        finally:
            topic.close()

    def _assign(self, topic: Topic, found: frozenset[int], *, had: frozenset[int]) -> None:
        """Whatever is in a partition that came later came while we were following."""
        reach = topic.reach(found - had)
        offsets = {partition: begin if had else end for partition, (begin, end) in reach.items()}
        topic.assign(found, offsets=offsets)
        self._beats.expect(found, anew=not had)
        if not had:
            self._start_over()

    def _start_over(self) -> None:
        self._epoch = self._catalog = self._rollout = 0
        self._listener.start_over()

    def _take(self, records: Sequence[Record]) -> None:
        for record in records:
            news = read(record)
            if news is None or news.epoch < self._epoch:
                continue
            if news.epoch > self._epoch > 0:
                self._beats.expect(self._beats.partitions, anew=True)
                self._start_over()
            self._epoch = news.epoch
            if isinstance(news, Heartbeat):
                told = self._beats.beat(record.partition, news.ledger_seconds)
                if told is not None:
                    self._listener.told_time(told)
            elif isinstance(news, OrgChanged):
                self._changed(news)

    def _changed(self, news: OrgChanged) -> None:
        """The catalog and the rollout first: what they make is what the org came to."""
        if news.version.catalog > self._catalog:
            self._catalog = news.version.catalog
            self._listener.catalog_moved(self._catalog)
        if news.version.rollout > self._rollout:
            self._rollout = news.version.rollout
            self._listener.rollout_moved(self._rollout)
        self._listener.moved(news.org, news.version.org)
