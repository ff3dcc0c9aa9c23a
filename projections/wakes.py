"""Which orgs something is due on, and when the next will be: looked up in an index."""

from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection

from domain.ids import OrgId
from domain.instants import from_iso, iso
from domain.org import Org
from projections import current


class Wake(NamedTuple):
    """An org as its view row has it, on which something is due since `at`."""

    at: datetime
    org: Org


async def next_wake(connection: AsyncConnection) -> datetime | None:
    """The first instant at which something is due that is not accounted for; None: never."""
    cursor = await connection.execute(
        """SELECT wake_at FROM ledger.current_entitlements WHERE wake_at IS NOT NULL
            ORDER BY wake_at LIMIT 1""",
        prepare=True,
    )
    row = await cursor.fetchone()
    return from_iso(row[0]) if row else None


async def due_orgs(
    connection: AsyncConnection, *, now: datetime, after: Wake | None, limit: int
) -> list[Wake]:
    """The orgs on which something is due at `now`, the longest due first, from `after` on."""
    place = (iso(after.at), after.org.org_id) if after is not None else ("", "")
    cursor = await connection.execute(
        """SELECT wake_at, org, org_version, state FROM ledger.current_entitlements
            WHERE wake_at IS NOT NULL AND wake_at <= %s
              AND (wake_at, org) > (%s COLLATE "C", %s COLLATE "C")
            ORDER BY wake_at, org LIMIT %s""",
        (iso(now), *place, limit),
        prepare=True,
    )
    return [
        Wake(from_iso(at), current.read(OrgId(org), version=version, state=state))
        for at, org, version, state in await cursor.fetchall()
    ]
