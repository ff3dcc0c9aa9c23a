"""The audit view: who did what to whom and when, a page at a time, in either direction."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Composed

from domain.catalog import Key
from domain.history import Recorded
from domain.ids import OrgId
from projections.history import Decode

FOLLOW_AT_ONCE = 500  # events in one transaction
CATCH_UP_BATCHES = 10  # before a read; what is left then, the follower does
EXPORT_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """What to look for; every field that is not None must match.

    `[starts, ends)` is the time of recording. `after` is the position of the last event of the
    page before, in the direction of the query.
    """

    org: str | None = None
    key: str | None = None
    actor: str | None = None
    types: tuple[str, ...] = ()
    source: str | None = None
    batch: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    after: int | None = None
    newest_first: bool = True
    limit: int = 50


async def follow_audit(connection: AsyncConnection) -> int:
    """Bring the view on by one batch; how many events that was."""
    cursor = await connection.execute("SELECT ledger.follow_audit(%s)", (FOLLOW_AT_ONCE,))
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def catch_up(connection: AsyncConnection) -> None:
    """Bring the view on before it is read, unless it is far behind or somebody is at it."""
    for _ in range(CATCH_UP_BATCHES):
        if not await follow_audit(connection):
            return


async def audit_position(connection: AsyncConnection) -> int:
    """The position up to which the view knows everything."""
    cursor = await connection.execute("SELECT position FROM ledger.followers WHERE view = 'audit'")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def find_events(
    connection: AsyncConnection, query: AuditQuery, *, decode: Decode
) -> list[Recorded]:
    """The events that match, at most `limit`, in the direction of the query."""
    cursor = await connection.execute(*_statement(query))
    return [
        Recorded(
            position=position,
            recorded_at=recorded_at,
            fact=decode(stream, version, topic, bytes(state)),
        )
        for position, recorded_at, stream, version, topic, state in await cursor.fetchall()
    ]


async def orgs_naming(
    connection: AsyncConnection, keys: Sequence[Key], *, after: str, limit: int
) -> list[OrgId]:
    """The orgs that ever had an event about one of `keys`, by id as text, after `after`."""
    cursor = await connection.execute(
        """SELECT DISTINCT org FROM ledger.audit_entries
            WHERE key = ANY(%s) AND org > %s COLLATE "C" ORDER BY org LIMIT %s""",
        (list(keys), after, limit),
    )
    return [OrgId(row[0]) for row in await cursor.fetchall()]


async def all_events(
    reading: Callable[[], AbstractAsyncContextManager[Any]], query: AuditQuery, *, decode: Decode
) -> AsyncIterator[list[Recorded]]:
    """Every event that matches, in pages; a connection is held for a page only."""
    async with reading() as connection:
        await catch_up(connection)
    while True:
        async with reading() as connection:
            page = await find_events(connection, replace(query, limit=EXPORT_PAGE), decode=decode)
        if page:
            yield page
        if len(page) < EXPORT_PAGE:
            return
        query = replace(query, after=page[-1].position)


def _statement(query: AuditQuery) -> tuple[Composed, list[Any]]:
    conditions: list[SQL] = [SQL("true")]
    values: list[Any] = []
    for column, wanted in (
        ("a.org =", query.org),
        ("a.key =", query.key),
        ("a.actor =", query.actor),
        ("a.source =", query.source),
        ("a.batch =", query.batch),
        ("a.recorded_at >=", query.starts),
        ("a.recorded_at <", query.ends),
        ("a.position <" if query.newest_first else "a.position >", query.after),
    ):
        if wanted is not None:
            conditions.append(SQL(column + " %s"))
            values.append(wanted)
    if len(query.types) == 1:  # an equality, which keeps the index in order
        conditions.append(SQL("a.type = %s"))
        values.append(query.types[0])
    elif query.types:
        conditions.append(SQL("a.type = ANY(%s)"))
        values.append(list(query.types))
    statement = SQL(
        "SELECT e.position, e.recorded_at, e.stream, e.version, e.topic, e.state"
        " FROM (SELECT a.position FROM ledger.audit_entries a WHERE {} ORDER BY a.position {}"
        "        LIMIT %s) found JOIN ledger.events e USING (position) ORDER BY e.position {}"
    )
    direction = SQL("DESC" if query.newest_first else "ASC")
    composed = statement.format(SQL(" AND ").join(conditions), direction, direction)
    return composed, [*values, query.limit]
