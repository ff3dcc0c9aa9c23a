"""A log of any length: a few busy years of many orgs, with a chain and view rows that are right."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from uuid import UUID

import psycopg

from domain.chain import GENESIS, chain_hash, leaf_hash
from domain.entries import Entry
from domain.facts import LedgerEvent
from domain.instants import BEGINNING
from infra.bench.lives import CRAWLED, Lives
from infra.store.mapper import fact_body
from projections import current, legacy

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=700)
EVENTS_PER_ORG = 50
HURRY = 7  # times the usual pace, in the crawler's week
_US = timedelta(microseconds=1)
_COPY_EVENTS = (
    "COPY ledger.events (position, stream, version, event_id, topic, state, recorded_at, hash)"
    " FROM STDIN WITH (FORMAT BINARY)"
)
_TYPES = ("int8", "text", "int8", "uuid", "text", "bytea", "timestamptz", "bytea")
_COPY_VIEWS = (
    "COPY ledger.current_entitlements (org, name, org_version, position, state, granted) FROM STDIN"
)
_HEAD = "UPDATE ledger.head SET position = %s, hash = %s, recorded_at = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What a database was filled with."""

    events: int
    orgs: int
    lives: Lives


def populate(
    url: str, *, events: int, seed: int = 1, told: Callable[[int], None] = lambda events: None
) -> Population:
    """Fill an empty, migrated database with a log of so many events, and its inline views.

    The audit view is left empty: it follows the log by itself.
    """
    lives = Lives(orgs=max(3, events // EVENTS_PER_ORG), seed=seed, events=events)
    with psycopg.connect(url) as connection:
        log = _Log(lives, pace=SPAN / events, told=told)
        with connection.cursor().copy(_COPY_EVENTS) as copy:
            copy.set_types(_TYPES)
            for row in log.rows(events):
                copy.write_row(row)
        connection.execute(_HEAD, (log.position, log.hash, log.recorded_at))
        _copy_views(connection, lives, log.last)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) ledger.events, ledger.current_entitlements")
    return Population(events=events, orgs=len(lives.orgs), lives=lives)


def crawled(events: int) -> tuple[datetime, datetime]:
    """The week in which, in a log of so many events, the crawler is at it."""
    starts = BEGAN + int(CRAWLED[0] * events) * (SPAN / events)
    return starts, starts + timedelta(days=7)


class _Log:
    """Puts one fact after another to the end of the chain, and remembers where each org is."""

    def __init__(self, lives: Lives, *, pace: timedelta, told: Callable[[int], None]) -> None:
        self._lives = lives
        self._pace = pace
        self._told = told
        self.position = 0
        self.hash = GENESIS
        self.recorded_at = BEGAN
        self.last: dict[str, int] = {}

    def rows(self, events: int) -> Iterator[tuple[object, ...]]:
        """So many rows of the log."""
        for fact in islice(self._lives.facts(self._times()), events):
            yield self._row(fact)
            if self.position % 10_000 == 0:
                self._told(self.position)

    def _times(self) -> Iterator[datetime]:
        """Evenly, but for a busy week."""
        now = BEGAN
        for number in count():
            yield now
            now += self._pace / HURRY if self._lives.crawled(number) else self._pace

    def _row(self, fact: LedgerEvent) -> tuple[object, ...]:
        self.position += 1
        self.recorded_at = fact.timestamp
        stream, version, state = fact.originator_id, fact.originator_version, fact_body(fact)
        entry = Entry(
            position=self.position,
            stream=stream,
            version=version,
            event_id=str(fact.event_id),
            topic=fact.TOPIC,
            micros=(fact.timestamp - BEGINNING) // _US,
            state=state,
            hash=b"",
        )
        self.hash = chain_hash(self.hash, leaf_hash(entry))
        self.last[stream] = self.position
        event_id: UUID = fact.event_id
        return (
            self.position,
            stream,
            version,
            event_id,
            fact.TOPIC,
            state,
            fact.timestamp,
            self.hash,
        )


def _copy_views(connection: psycopg.Connection, lives: Lives, last: dict[str, int]) -> None:
    with connection.cursor().copy(_COPY_VIEWS) as copy:
        for org in lives.orgs.values():
            written = (current.written(org), legacy.written(org))
            copy.write_row((org.org_id, org.name, org.version, last[org.id], *written))
