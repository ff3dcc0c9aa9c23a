"""What a batch did, from the audit view: in sum, org by org, and the histories to undo it from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection

from domain.facts import LedgerEvent
from domain.ids import OrgId, org_stream
from projections.history import Decode

_SUM = """
    SELECT sum(events)::bigint, count(*), min(first), max(last), min(started), max(ended)
      FROM (SELECT count(*) AS events, min(position) AS first, max(position) AS last,
                   min(recorded_at) AS started, max(recorded_at) AS ended
              FROM ledger.audit_entries WHERE batch = %s AND org IS NOT NULL GROUP BY org) orgs
"""
_TYPES = """
    SELECT type, count(*) FROM ledger.audit_entries
     WHERE batch = %s AND org IS NOT NULL GROUP BY type ORDER BY type
"""
_ORGS = """
    SELECT org, count(*), min(position), max(position) FROM ledger.audit_entries
     WHERE batch = %s AND org > %s COLLATE "C" GROUP BY org ORDER BY org LIMIT %s
"""


StoredFacts = list[tuple[int, str, bytes]]
"""Version, topic and stored state of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrg:
    """What a batch did to one org."""

    org: OrgId
    events: int
    first_position: int
    last_position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSum:
    """What a batch did in all; `types` are its facts by kind, `first` is the one it began with."""

    events: int
    orgs: int
    first_position: int
    last_position: int
    started_at: datetime
    ended_at: datetime
    types: dict[str, int]
    first: LedgerEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """A batch and some of its orgs; `undone_by` is the batch that undid it."""

    batch_id: str
    sum: BatchSum
    undone_by: str | None
    orgs: list[BatchOrg]


async def sum_of_batch(
    connection: AsyncConnection, batch_id: str, *, decode: Decode
) -> BatchSum | None:
    """What a batch did to orgs, None where it did nothing that is known of."""
    row = await (await connection.execute(_SUM, (batch_id,))).fetchone()
    if row is None or not row[1]:
        return None
    events, orgs, first, last, started, ended = row
    types: dict[str, int] = dict(await (await connection.execute(_TYPES, (batch_id,))).fetchall())
    cursor = await connection.execute(
        "SELECT stream, version, topic, state FROM ledger.events WHERE position = %s", (first,)
    )
    found = await cursor.fetchone()
    assert found is not None
    return BatchSum(
        events=events,
        orgs=orgs,
        first_position=first,
        last_position=last,
        started_at=started,
        ended_at=ended,
        types=types,
        first=decode(*found),
    )


async def orgs_of_batch(
    connection: AsyncConnection, batch_id: str, *, after: str, limit: int
) -> list[BatchOrg]:
    """The orgs of a batch, by id as text, after `after`."""
    cursor = await connection.execute(_ORGS, (batch_id, after, limit))
    return [
        BatchOrg(org=OrgId(org), events=events, first_position=first, last_position=last)
        for org, events, first, last in await cursor.fetchall()
    ]


async def batch_exists(connection: AsyncConnection, batch_id: str) -> bool:
    """Whether anything is known of a batch."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM ledger.audit_entries WHERE batch = %s)", (batch_id,)
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def stored_facts(
    connection: AsyncConnection, orgs: Sequence[OrgId]
) -> dict[str, StoredFacts]:
    """By stream, every fact of some orgs in order."""
    cursor = await connection.execute(
        "SELECT stream, version, topic, state FROM ledger.events WHERE stream = ANY(%s)"
        " ORDER BY stream, version",
        ([org_stream(org) for org in orgs],),
    )
    found: dict[str, StoredFacts] = {}
    for stream, version, topic, state in await cursor.fetchall():
        found.setdefault(stream, []).append((version, topic, bytes(state)))
    return found
