"""Rebuilds the inline views from the log to the same bytes, and publishes nothing while at it.

Whatever is appended meanwhile writes its own rows; those are left alone.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.abc import Params

from domain.ids import OrgId, org_stream
from projections.fold import EVERY_ORG, Fold, ReadFact, folded, orgs
from projections.status import CURRENT, LEGACY, VIEWS

_BATCH_ORGS = 500

_STANDING = """
    SELECT f.org, c.name, c.org_version, c.position, c.state, c.granted, c.org_version
      FROM unnest(%s::text[], %s::bigint[]) AS f (org, version)
      LEFT JOIN ledger.current_entitlements c USING (org)
     WHERE NOT EXISTS (SELECT FROM ledger.events e
                        WHERE e.stream = 'org-' || f.org AND e.version > f.version)
"""
_PUT = "SELECT ledger.put_views(%s, %s, %s, %s, %s, %s)"
_DROP_STRAYS = "SELECT ledger.drop_strays()"
_COUNT_STRAYS = """
    SELECT count(*) FROM ledger.current_entitlements v
     WHERE NOT EXISTS (SELECT FROM ledger.events e WHERE e.stream = 'org-' || v.org)
"""


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild found and did; `differing` are the orgs whose rows were not the log's fold.

    `unreadable` orgs have a fact that no code here knows: their rows are left as they are.
    """

    events: int = 0
    compared: int = 0
    rewritten: int = 0
    dropped: int = 0
    differing: list[OrgId] = field(default_factory=list)
    unreadable: list[OrgId] = field(default_factory=list)


async def rebuild_views(
    connection: AsyncConnection,
    *,
    read_fact: ReadFact,
    views: Collection[str] = VIEWS,
    org_id: OrgId | None = None,
    dry_run: bool = False,
    told: Callable[[int], None] = lambda events: None,
) -> Rebuilt:
    """Fold one org, or all, and rewrite the rows that are not byte for byte the fold.

    Args:
        views: the views to compare; an org in which one of them differs gets all rows anew.
        dry_run: only count what would be rewritten and dropped.
        told: hears how many events were read so far.
    """
    rebuilt = Rebuilt()
    between = EVERY_ORG if org_id is None else (org_stream(org_id), org_stream(org_id))
    batch: dict[OrgId, Fold] = {}
    async for org, events in orgs(connection, between=between):
        rebuilt.events += len(events)
        told(rebuilt.events)
        fold = folded(events, read_fact=read_fact)
        if fold is None:
            rebuilt.unreadable.append(org)
        else:
            batch[org] = fold
        if len(batch) == _BATCH_ORGS:
            await _settle(connection, rebuilt, batch, views=views, dry_run=dry_run)
            batch = {}
    await _settle(connection, rebuilt, batch, views=views, dry_run=dry_run)
    if org_id is None:
        rebuilt.dropped = await _number(connection, _COUNT_STRAYS if dry_run else _DROP_STRAYS)
    return rebuilt


async def count_events(connection: AsyncConnection) -> int:
    """How many events a full rebuild reads."""
    query = "SELECT count(*) FROM ledger.events WHERE stream BETWEEN %s AND %s"
    return await _number(connection, query, EVERY_ORG)


async def _settle(
    connection: AsyncConnection,
    rebuilt: Rebuilt,
    folds: Mapping[OrgId, Fold],
    *,
    views: Collection[str],
    dry_run: bool,
) -> None:
    """Compare the rows of some orgs and rewrite those that differ."""
    versions = [fold.version for fold in folds.values()]
    cursor = await connection.execute(_STANDING, (list(folds), versions))
    standing = {OrgId(org): row for org, *row in await cursor.fetchall()}
    rebuilt.compared += len(standing)
    differing = [org for org, row in standing.items() if _differs(row, folds[org], views)]
    rebuilt.differing += differing
    rebuilt.rewritten += len(differing)
    if differing and not dry_run:
        columns = zip(*(folds[org] for org in differing), strict=True)
        await connection.execute(_PUT, (differing, *map(list, columns)))


def _differs(row: list[Any], fold: Fold, views: Collection[str]) -> bool:
    current, legacy = row[:4], row[4:]
    return (CURRENT in views and current != [*fold[:4]]) or (
        LEGACY in views and legacy != [fold.granted, fold.version]
    )


async def _number(connection: AsyncConnection, query: LiteralString, values: Params = ()) -> int:
    cursor = await connection.execute(query, values)
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
