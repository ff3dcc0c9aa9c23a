"""How the inline views stand to the log: rows, and which are missing, behind or nobody's."""

from typing import NamedTuple

from psycopg import AsyncConnection, sql

from projections.fold import EVERY_ORG

VIEWS = ("current_entitlements", "legacy_enabled_modules")

_STATUS = """
    SELECT count(v.org), count(*) FILTER (WHERE v.org IS NULL),
           count(*) FILTER (WHERE v.org_version <> log.version),
           count(*) FILTER (WHERE log.stream IS NULL)
      FROM (SELECT stream, max(version) AS version FROM ledger.events
             WHERE stream BETWEEN %s AND %s GROUP BY stream) AS log
      FULL JOIN ledger.{} AS v ON log.stream = 'org-' || v.org
"""


class ViewStatus(NamedTuple):
    """One view: its rows; orgs without one; rows of another version; rows of unknown orgs."""

    view: str
    rows: int
    missing: int
    behind: int
    strays: int


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
