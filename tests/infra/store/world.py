"""Appends made by hand, and what the tests read back from the tables."""

import asyncio
import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from domain.facts import LedgerEvent
from domain.ids import OrgId, org_of
from domain.instants import BEGINNING
from domain.org import Org, rebuild
from infra.database import Database
from infra.migrations.run import newest_revision
from infra.store.append import CALL, Append, Appended, StoredFact, ViewRows, arguments, results
from infra.store.mapper import read_fact
from tests.infra.postgres.world import PATIENCE

Connection = psycopg.Connection[tuple[Any, ...]]
TOPIC = "entitlements.Noted.v1"
FIRST_HASH = hashlib.sha256(b"entitlements ledger").digest()


class Row(NamedTuple):
    """One row of the log."""

    position: int
    stream: str
    version: int
    event_id: UUID
    topic: str
    state: bytes
    recorded_at: datetime
    hash: bytes

    @property
    def fact(self) -> LedgerEvent:
        return read_fact(self.stream, self.version, self.topic, self.state)


class Head(NamedTuple):
    """The head row."""

    epoch: int
    position: int
    hash: bytes
    recorded_at: datetime


def emptied(database: Database) -> Database:
    """The database as a migration leaves it; much quicker than a new one."""
    with psycopg.connect(database.owner_url) as owner:
        tables = owner.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'ledger'::regnamespace"
            " AND relkind = 'r' AND relname NOT IN ('head', 'followers', 'alembic_version')"
        ).fetchall()
        owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER immutable")
        for (table,) in tables:
            owner.execute(sql.SQL("DELETE FROM ledger.{}").format(sql.Identifier(table)))
        owner.execute("ALTER TABLE ledger.events ENABLE ALWAYS TRIGGER immutable")
        owner.execute(
            "UPDATE ledger.head SET epoch = 1, position = 0, hash = %s, recorded_at = %s",
            (FIRST_HASH, BEGINNING),
        )
        owner.execute("UPDATE ledger.followers SET position = 0")
        owner.execute("UPDATE ledger.alembic_version SET version_num = %s", (newest_revision(),))
    return database


async def until(holds: Callable[[], bool]) -> None:
    """Wait until `holds`; fail when it does not in good time."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{holds} did not come true"
        await asyncio.sleep(0.01)


def blocked(connection: Connection) -> int:
    """How many in this database wait for a lock."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def append(
    stream: str = "org-1",
    *,
    expected: int | None = 0,
    events: int = 1,
    command_id: UUID | None = None,
    topic: str = TOPIC,
    views: ViewRows | None = None,
    fingerprint: bytes | None = None,
    response: bytes | None = None,
) -> Append:
    """A command that wants `events` events on one stream, the most ordinary there is."""
    return Append(
        command_id=command_id or uuid4(),
        stream=stream,
        expected=expected,
        events=[StoredFact(uuid4(), topic, b'{"n":%d}' % n) for n in range(events)],
        views=views,
        fingerprint=fingerprint,
        response=response,
    )


def call(connection: Connection, *appends: Append) -> list[Appended]:
    """One call of `ledger_append`."""
    row = connection.execute(CALL, arguments(appends), prepare=True, binary=True).fetchone()
    assert row is not None
    return results(row)


def verdicts(outcomes: Sequence[Appended]) -> list[str]:
    return [outcome.verdict for outcome in outcomes]


def log(connection: Connection) -> list[Row]:
    """The whole log, in order."""
    found = connection.execute(
        "SELECT position, stream, version, event_id, topic, state, recorded_at, hash"
        " FROM ledger.events ORDER BY position",
        binary=True,
    )
    return [Row(*row) for row in found.fetchall()]


def head(connection: Connection) -> Head:
    row = connection.execute(
        "SELECT epoch, position, hash, recorded_at FROM ledger.head", binary=True
    ).fetchone()
    assert row is not None
    return Head(*row)


def streams(rows: Sequence[Row]) -> dict[OrgId, list[Row]]:
    """The log by org."""
    found: dict[OrgId, list[Row]] = defaultdict(list)
    for row in rows:
        org = org_of(row.stream)
        if org is not None:
            found[org].append(row)
    return found


def fold(rows: Sequence[Row]) -> Org:
    """An org from its facts alone."""
    return rebuild(Org.blank(rows[0].stream), [row.fact for row in rows])


def assert_gapless(rows: Sequence[Row]) -> None:
    """Positions rise by one, and so does the version within each stream."""
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    versions: dict[str, int] = {}
    for row in rows:
        assert row.version == versions.get(row.stream, 0) + 1, row
        versions[row.stream] = row.version
