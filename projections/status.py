"""How the views stand to the log: rows, which are missing, behind or nobody's, and the lag."""

from typing import NamedTuple

from psycopg import AsyncConnection, sql

from projections.fold import EVERY_ORG

CURRENT = "current_entitlements"
LEGACY = "legacy_enabled_modules"
VIEWS = (CURRENT, LEGACY)  # inline: written with every append
AUDIT = "audit"  # follows the log

_STATUS = """
    SELECT count(v.org), count(*) FILTER (WHERE v.org IS NULL),
           count(*) FILTER (WHERE v.org_version <> log.version),
           count(*) FILTER (WHERE log.stream IS NULL)
      FROM (SELECT stream, max(version) AS version FROM ledger.events
             WHERE stream BETWEEN %s AND %s GROUP BY stream) AS log
      FULL JOIN ledger.{} AS v ON log.stream = 'org-' || v.org
"""


_FOLLOWING = """
    SELECT f.view, f.position, h.position - f.position,
           coalesce(extract(epoch FROM greatest(clock_timestamp() - e.recorded_at, '0')), 0)::float8
      FROM ledger.head h CROSS JOIN ledger.followers f
      LEFT JOIN ledger.events e ON e.position = f.position + 1
     ORDER BY f.view
"""


class ViewStatus(NamedTuple):
    """One view: its rows; orgs without one; rows of another version; rows of unknown orgs."""

    view: str
    rows: int
    missing: int
    behind: int
    strays: int


class Following(NamedTuple):
    """A view with a cursor of its own, and how far it lags behind the log.

    `lag_seconds` is the age of the first event it does not have, 0 when it has them all.
    """

    view: str
    position: int
    lag_events: int
    lag_seconds: float


async def following_views(connection: AsyncConnection) -> list[Following]:
    """How far each view that follows the log has come."""
    cursor = await connection.execute(_FOLLOWING)
    return [Following(*row) for row in await cursor.fetchall()]


async def count_audit(connection: AsyncConnection) -> int:
    """How many rows the audit view has; as many as its position, when it is whole."""
    cursor = await connection.execute("SELECT count(*) FROM ledger.audit_entries")
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def status_of_views(connection: AsyncConnection) -> list[ViewStatus]:
    """How each inline view stands, without looking into the rows."""
    found = []
    for view in VIEWS:
        query = sql.SQL(_STATUS).format(sql.Identifier(view))
        cursor = await connection.execute(query, EVERY_ORG)
        row = await cursor.fetchone()
        assert row is not None
        found.append(ViewStatus(view, *row))
    return found


async def head_position(connection: AsyncConnection) -> int:
    """The position of the last event, 0 before the first."""
    cursor = await connection.execute("SELECT position FROM ledger.head")
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
