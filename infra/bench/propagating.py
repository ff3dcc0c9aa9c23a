"""From commit to eviction: through Kafka, leg by leg, and through PostgreSQL alone; catching up."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import count
from uuid import uuid4

import psycopg
from kafka import KafkaProducer

from consumers.codec import speed_up
from consumers.invalidation.invalidation import Invalidation, Listener
from consumers.relay.batch import Batches
from consumers.relay.publisher import Place, Publisher
from consumers.relay.records import Message
from consumers.relay.relay import Relay
from consumers.topics import Topics, ensure_topics
from domain.ids import OrgId, org_id, org_of
from domain.orders import Order
from infra.bench import samples
from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.hearing import HEARING, WITHOUT, workers
from infra.bench.rounds import Sample, arm, in_turns, require
from infra.bench.taken import Taken
from infra.bench.threads import in_thread
from infra.database import Database
from infra.kafka import EmbeddedKafka
from infra.store.connections import connect
from infra.store.mapper import read_fact
from infra.wiring import Parts
from projections.feed import Feed, Subscriber
from projections.outgoing import OutgoingLog, Page

PART = "propagation"
PER_SECOND = 100
_ORGS = 64
_KAFKA = f"evicted through Kafka, {PER_SECOND} changes/s"
_POSTGRES = f"evicted through PostgreSQL alone, {PER_SECOND} changes/s"
_LEGS = ("commit → relay", "produce", "consume and evict")
_CATCH_UP = "relay catches up, states included"
_BARE = "kafka-python's producer alone, as fast"
_BUSY = "idle relay and consumer, CPU"
_IDLE = "nothing, CPU"
_CATCH_UP_TARGET = Target(of="value", sense="at least", bound=10_000.0)
_HEARING_TARGET = Target(of="ratio", sense="at least", bound=0.95)


class Stamps:
    """When each position, or each version of an org, came past a place."""

    def __init__(self) -> None:
        self.read: dict[int, float] = {}
        self.acknowledged: dict[int, float] = {}
        self.evicted: dict[tuple[OrgId, int], float] = {}


class Told:
    """A subscriber that only notes when it was told."""

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps

    def told_time(self, now: datetime) -> None:
        """Nothing hangs on it here."""

    def start_over(self) -> None:
        """At the beginning."""

    def stream_moved(self, stream: str, *, version: int, position: int) -> None:
        org = org_of(stream)
        if org is not None:
            self._stamps.evicted[org, version] = time.perf_counter()


class StampedLog(OutgoingLog):
    """Notes when the relay has read an event."""

    stamps: Stamps

    async def page(self, *, after: int, most: int) -> Page:
        page = await super().page(after=after, most=most)
        now = time.perf_counter()
        self.stamps.read |= {event.position: now for event in page.events}
        return page


class StampedPublisher(Publisher):
    """Notes when the broker has acknowledged."""

    stamps: Stamps

    def publish(self, messages: Sequence[Message]) -> dict[Place, tuple[int, int]]:
        marks = super().publish(messages)
        now = time.perf_counter()
        self.stamps.acknowledged |= {message.position: now for message in messages}
        return marks


class Bench:
    """One broker and one ledger, with relays made over them."""

    def __init__(self, ground: Ground, where: Database, parts: Parts, servers: str) -> None:
        self._sizes = ground.sizes
        self._where = where
        self._parts = parts
        self._servers = servers
        self._turn = self._changes = 0

    def _topics(self) -> Topics:
        self._turn += 1
        return Topics.named(f"bench-{self._turn}.")

    def _relay(self, topics: Topics, stamps: Stamps) -> Relay:
        log = StampedLog(partial(connect, self._where.app_url), holder=uuid4(), read_fact=read_fact)
        log.stamps = stamps

        def publisher() -> Publisher:
            made = StampedPublisher(self._servers, topics, partitions=3)
            made.stamps = stamps
            return made

        return Relay(
            log,
            batches=Batches(topics),
            open_publisher=publisher,
            monotonic=time.monotonic,
        )

    @asynccontextmanager
    async def _running(self, topics: Topics, stamps: Stamps) -> AsyncIterator[Relay]:
        relay = self._relay(topics, stamps)
        relay.start()
        try:
            yield relay
        finally:
            await relay.close()

    @asynccontextmanager
    async def _listening(self, topics: Topics, subscriber: Subscriber) -> AsyncIterator[None]:
        listener = Listener(subscriber, now=lambda: datetime.now(UTC), monotonic=time.monotonic)
        hearing = Invalidation(self._servers, topic=topics.state, listener=listener)
        hearing.start()
        try:
            await _until(hearing.current)
            yield
        finally:
            await hearing.close()

    async def through_kafka(self, legs: dict[str, list[Sample]]) -> Sample:
        """Changes at a steady rate, heard of through the broker."""
        stamps, topics = Stamps(), self._topics()
        async with self._running(topics, stamps), self._listening(topics, Told(stamps)):
            changes = await self._change(stamps)
        ways: Mapping[str, list[float]] = {
            _LEGS[0]: [stamps.read[p] - at for _, p, at in changes],
            _LEGS[1]: [stamps.acknowledged[p] - stamps.read[p] for _, p, _ in changes],
            _LEGS[2]: [stamps.evicted[o] - stamps.acknowledged[p] for o, p, _ in changes],
        }
        for leg, took in ways.items():
            legs.setdefault(leg, []).append(_sample(took))
        return _sample([stamps.evicted[o] - at for o, _, at in changes])

    async def through_postgres(self) -> Sample:
        """The same, heard of through the feed."""
        stamps = Stamps()
        dial = partial(connect, self._where.app_url)
        feed = Feed(dial, subscriber=Told(stamps), monotonic=time.monotonic)
        await feed.start()
        try:
            changes = await self._change(stamps)
        finally:
            await feed.close()
        return _sample([stamps.evicted[o] - at for o, _, at in changes])

    async def _change(self, stamps: Stamps) -> list[tuple[tuple[OrgId, int], int, float]]:
        """So many changes a second: org and version, position, and when it was acknowledged."""
        changes = []
        commands = samples.last_grant, samples.last_revoke
        catalog = self._parts.shelf.catalog
        began = time.perf_counter()
        for number in range(int(PER_SECOND * 3 * self._sizes.seconds)):
            await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.perf_counter()))
            org = org_id(str(self._changes % _ORGS + 1))
            turn = commands[self._changes // _ORGS % 2](catalog)
            self._changes += 1
            answer = await self._parts.ledger.execute(Order(org=org, commands=turn, by=samples.BY))
            require(answer.changed, answer)
            place = (org, answer.org_version)
            changes.append((place, answer.positions[-1], time.perf_counter()))
        await _until(lambda: all(place in stamps.evicted for place, _, _ in changes))
        return changes

    async def catching_up(self) -> Sample:
        """The whole log, from nothing, into new topics."""
        stamps = Stamps()
        with psycopg.connect(self._where.owner_url) as owner:
            owner.execute("DELETE FROM ledger.relay")
        head = self._parts.feed.position
        began = time.perf_counter()
        async with self._running(self._topics(), stamps) as relay:
            await _until(lambda: relay.position >= head)
            seconds = time.perf_counter() - min(stamps.read.values(), default=began)
        require(len(stamps.read) == head, stamps.read)
        return Sample(head, seconds)

    async def producing(self) -> Sample:
        """As many records of the same size, by the library's producer and our sums alone."""
        return await in_thread(self._produce, self._parts.feed.position)

    def _produce(self, records: int) -> Sample:
        speed_up()
        topics = self._topics()
        ensure_topics(self._servers, topics, partitions=3, timeout_ms=5_000)
        producer = KafkaProducer(
            bootstrap_servers=self._servers,
            acks="all",
            enable_idempotence=True,
            compression_type="gzip",
            batch_size=512 * 1024,
            linger_ms=50,
            metrics_enabled=False,
        )
        value = b'{"' + b"reason " * 90 + b'"}'
        began = time.perf_counter()
        for number in range(records):
            producer.send(topics.events, key=b"%d" % (number % _ORGS), value=value)
        producer.flush()
        seconds = time.perf_counter() - began
        producer.close()
        return Sample(records, seconds)

    async def idle(self) -> Sample:
        """Processor seconds of a relay and a consumer with nothing to do."""
        stamps, topics = Stamps(), self._topics()
        async with self._running(topics, stamps), self._listening(topics, Told(stamps)):
            return await self._rest()

    async def nothing(self) -> Sample:
        """Processor seconds of the ledger alone."""
        return await self._rest()

    async def _rest(self) -> Sample:
        began, used = time.perf_counter(), time.process_time()
        await asyncio.sleep(3 * self._sizes.seconds)
        used = time.process_time() - used
        return Sample(1, time.perf_counter() - began, [used])


async def propagate(ground: Ground) -> list[Figure]:
    """On a broker of our own, with the relay and the consumer in one process."""
    where, sizes = ground.new_database(), ground.sizes
    directory = ground.settings_for(where).data_dir / "kafka"
    with EmbeddedKafka.run(directory) as broker:
        async with ground.started(where) as parts:
            catalog = parts.shelf.catalog
            for number in range(max(_ORGS, sizes.orgs // 2)):
                await parts.ledger.execute(samples.first_order(org_id(str(number + 1)), catalog))
            bench = Bench(ground, where, parts, broker.address)
            legs: dict[str, list[Sample]] = {}
            arms = {
                _POSTGRES: arm(bench.through_postgres),
                _KAFKA: arm(bench.through_kafka, legs),
                _BARE: arm(bench.producing),
                _CATCH_UP: arm(bench.catching_up),
                _IDLE: arm(bench.nothing),
                _BUSY: arm(bench.idle),
            }
            rounds = sizes.few_rounds
            taken = await in_turns(arms, rounds=rounds, told=ground.told)
        async with workers(ground, broker.address) as arms:
            taken |= await in_turns(arms, rounds=sizes.rounds, told=ground.told)
    taken |= {leg: found[-rounds:] for leg, found in legs.items()}
    return _figures(taken)


async def _until(holds: Callable[[], bool]) -> None:
    for _ in count():
        if holds():
            return
        await asyncio.sleep(0.005)


def _figures(taken: dict[str, list[Sample]]) -> list[Figure]:
    figures = Taken(PART, taken)
    at_most = partial(Target, of="value", sense="at most")
    return [
        figures.latency(_KAFKA, 50, against=_POSTGRES, target=at_most(bound=15.0)),
        figures.latency(_KAFKA, 99, against=_POSTGRES, target=at_most(bound=60.0)),
        *(figures.latency(leg, 50, against=_KAFKA) for leg in _LEGS),
        *(figures.latency(leg, 99, against=_KAFKA) for leg in _LEGS),
        figures.latency(_POSTGRES, 99, against=_KAFKA, target=at_most(bound=25.0)),
        figures.rate(_CATCH_UP, against=_BARE, unit="events/s", target=_CATCH_UP_TARGET),
        _idle(taken[_BUSY], taken[_IDLE]),
        figures.rate(HEARING, against=WITHOUT, unit="requests/s", target=_HEARING_TARGET),
    ]


def _idle(busy: Sequence[Sample], nothing: Sequence[Sample]) -> Figure:
    return Figure(
        part=PART,
        what=_BUSY,
        unit="%",
        rounds=[100 * sample.latencies[0] / sample.seconds for sample in busy],
        reference=_IDLE,
        reference_rounds=[
            max(0.01, 100 * sample.latencies[0] / sample.seconds) for sample in nothing
        ],
    )


def _sample(took: Sequence[float]) -> Sample:
    """Of durations in seconds; who is told before the committer has its answer waited for none."""
    return Sample(len(took), sum(took), [max(0.0, seconds) for seconds in took])
