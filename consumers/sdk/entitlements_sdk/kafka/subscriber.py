"""Brings each org's newest state to a handler: once, in order, and across restarts.

Away for a week, it reads what the compacted topic kept, which is the newest state of every org. A
record that is not newer than the version held is dropped, wherever it comes from. An epoch that is
newer than the one held means that what is held may never have been: all is read anew.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from entitlements_sdk.kafka.beats import Beats
from entitlements_sdk.kafka.news import (
    Heartbeat,
    News,
    OrgChanged,
    OrgGone,
    Record,
    StartOver,
    Version,
    read,
)
from entitlements_sdk.kafka.stores import Progress, Step, Store
from entitlements_sdk.kafka.topic import Topic, TopicAway

_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0
_KEEP_EVERY = 30.0  # seconds, for a position at which nothing but heartbeats came
_log = logging.getLogger("entitlements_sdk")

Handler = Callable[[News], None]
Applied = Callable[[int, Mapping[str, int]], None]


class Subscriber:
    """Reads the state topic for a handler of yours, in whichever thread calls `run`.

    Args:
        servers: `host:port` of Kafka's brokers, separated by commas.
        handler: is called with each piece of news. When it raises, nothing of the step is kept, and
            it is called again with the same news after a pause.
        store: where to keep how far it has come.
        prefix: put before the topic's name, as `LEDGER_TOPIC_PREFIX` of the ledger is.
        options: further settings of kafka-python's consumer, e.g. `{"security_protocol": "SSL"}`.
        applied: hears of what was kept, by epoch and org; `Receipts` tells the ledger.
    """

    def __init__(
        self,
        servers: str,
        handler: Handler,
        *,
        store: Store,
        prefix: str = "",
        options: Mapping[str, Any] | None = None,
        applied: Applied | None = None,
    ) -> None:
        self._connect: Callable[[], Topic] = lambda: Topic(
            servers, prefix=prefix, options=options or {}
        )
        self._handler = handler
        self._store = store
        self._applied = applied
        self._progress = Progress()
        self._beats = Beats(monotonic=time.monotonic)
        self._ends: dict[int, int] = {}
        self._kept_at = float("-inf")
        self._problem, self._refused = "", False
        self._pause = _PAUSE_SECONDS
        self._stopping = threading.Event()
        self.dropped = 0
        self.unreadable = 0

    def run(self) -> None:
        """Follow the topic until `stop` is called; mends by itself what breaks."""
        while not self._stopping.is_set():
            try:
                self._follow()
            except TopicAway as error:
                self._wait(f"the topic of states cannot be followed at the moment: {error}", None)
            except Exception as error:  # the handler's own, or its store's
                self._wait(f"news could not be handled, and will be told again: {error!r}", error)

    def stop(self) -> None:
        """Let `run` return within a second; may be called from any thread."""
        self._stopping.set()

    @property
    def current(self) -> bool:
        """Whether all that happened up to a few seconds ago has been handled."""
        return self._beats.current()

    def _wait(self, why: str, error: BaseException | None) -> None:
        self._beats.expect((), anew=True)
        if why != self._problem:  # once, and not at every attempt
            _log.warning("%s", why, exc_info=error)
        self._problem = why
        self._stopping.wait(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)

    def _follow(self) -> None:
        self._progress = self._store.load()
        topic = self._connect()
        try:
            partitions: frozenset[int] = frozenset()
            while not self._stopping.is_set():
                found = topic.partitions()
                if found != partitions:
                    self._assign(topic, found, new=found - partitions)
                    partitions = found
                self._take(topic.poll(), topic)
        finally:
            topic.close()

    def _assign(self, topic: Topic, found: frozenset[int], *, new: frozenset[int]) -> None:
        """Where an offset that was kept is out of reach, everything that is there is read."""
        reach = topic.reach(new)
        self._ends |= {partition: end for partition, (_, end) in reach.items()}
        offsets = {
            partition: held
            if begin <= (held := self._progress.offsets.get(partition, 0)) <= end
            else begin
            for partition, (begin, end) in reach.items()
        }
        topic.assign(found, offsets=offsets)
        self._beats.expect(found, anew=False)

    def _take(self, records: Sequence[Record], topic: Topic) -> None:
        said = [(record, news) for record in records if (news := self._read(record)) is not None]
        newest = max((news.epoch for _, news in said), default=0)
        if newest > self._progress.epoch > 0:
            self._start_over(newest, topic)
            return
        epoch = max(newest, self._progress.epoch)
        of_it = [(record, news) for record, news in said if news.epoch == epoch]
        told = self._newer([news for _, news in of_it if not isinstance(news, Heartbeat)])
        self._keep(epoch, told, read={r.partition: r.offset + 1 for r in records})
        for record, news in of_it:  # those from before we came say nothing about now
            if isinstance(news, Heartbeat) and record.offset >= self._ends[record.partition]:
                self._beats.beat(record.partition, news.ledger_seconds)

    def _read(self, record: Record) -> OrgChanged | OrgGone | Heartbeat | None:
        try:
            return read(record)
        except (ValueError, KeyError, TypeError, AttributeError):
            # A state is whole in itself: the next one of the same org mends this.
            self.unreadable += 1
            where = (record.partition, record.offset)
            _log.exception("the record at partition %d, offset %d says nothing", *where)
            return None

    def _newer(self, news: Sequence[OrgChanged | OrgGone]) -> list[OrgChanged | OrgGone]:
        """What is not known yet, by the versions held and by what comes before it."""
        held = {each.org: self._progress.versions.get(each.org) for each in news}
        found: list[OrgChanged | OrgGone] = []
        for each in news:
            known = held[each.org]
            if isinstance(each, OrgChanged) and known is not None and each.version <= known:
                self.dropped += 1
            else:  # that an org is gone is for those, too, who knew it in an epoch before
                held[each.org] = _version(each)
                found.append(each)
        return found

    def _keep(
        self, epoch: int, told: Sequence[OrgChanged | OrgGone], *, read: Mapping[int, int]
    ) -> None:
        """Hand on what is new, and note how far that is."""
        step = Step(
            epoch=epoch,
            offsets={**self._progress.offsets, **read},
            versions={each.org: _version(each) for each in told},
        )
        anew = epoch != self._progress.epoch
        rested = time.monotonic() - self._kept_at > _KEEP_EVERY
        if told or anew or (read and rested):
            self._handle(told, step)
        self._progress.take(step)
        if self._applied is not None:
            found = {each.org: each.version.org for each in told if isinstance(each, OrgChanged)}
            self._applied(epoch, found)
        if told or not self._refused:
            self._problem, self._pause, self._refused = "", _PAUSE_SECONDS, False

    def _handle(self, told: Sequence[News], step: Step) -> None:
        self._refused = True
        with self._store.step(step):
            for each in told:
                self._handler(each)
        self._refused = False
        self._kept_at = time.monotonic()

    def _start_over(self, epoch: int, topic: Topic) -> None:
        """What is of the new epoch may stand before what was read last: read all of it."""
        step = Step(epoch=epoch, offsets={}, versions={})
        self._handle([StartOver(epoch=epoch)], step)
        self._progress.take(step)
        reach = topic.reach(frozenset(self._ends))
        self._ends = {partition: end for partition, (_, end) in reach.items()}
        self._beats.expect(self._ends, anew=True)
        topic.seek({partition: begin for partition, (begin, _) in reach.items()})


def _version(news: OrgChanged | OrgGone) -> Version | None:
    return news.version if isinstance(news, OrgChanged) else None
