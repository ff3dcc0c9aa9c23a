"""Which orgs something is due on, and when the next will be: looked up in an index."""

from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection

from domain.instants import from_iso, iso
from domain.org import Org
from domain.upcasts import known_topics
from projections.orgs import COLUMNS, org_read

_DUE = f"""
    SELECT wake_at, {COLUMNS} FROM ledger.current_entitlements
     WHERE wake_at IS NOT NULL AND wake_at <= %(now)s
       AND (wake_at, org) > (%(at)s COLLATE "C", %(org)s COLLATE "C")
     ORDER BY wake_at, org LIMIT %(limit)s
"""  # noqa: S608 - fixed


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
    at, org = (iso(after.at), after.org.org_id) if after is not None else ("", "")
    values = {"known": known_topics(), "now": iso(now), "at": at, "org": org, "limit": limit}
    cursor = await connection.execute(_DUE, values, prepare=True)
    return [Wake(from_iso(at), org_read(*row)) for at, *row in await cursor.fetchall()]
