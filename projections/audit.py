"""The audit view: who did what to whom and when, a page at a time, in either direction."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from psycopg import AsyncConnection

from domain.catalog import Key
from domain.history import Recorded
from domain.ids import OrgId
from domain.refusals import Unavailable
from projections.audit_pages import FIRST_SINCE, AuditQuery, Stretch, page_statement
from projections.history import Decode
from projections.status import head_position

FOLLOW_AT_ONCE = 500  # events in one transaction
CATCH_UP_BATCHES = 10  # before a read; what is left then, the follower does
EXPORT_PAGE = 1_000
_WHOLE_AT_ONCE = 2_000  # events in one transaction, where all of them are waited for
_STANDSTILL_SECONDS = 5.0
_PAUSE_SECONDS = 0.02

Reading = Callable[[], AbstractAsyncContextManager[Any]]
"""Gives a connection to read with."""


async def follow_audit(connection: AsyncConnection, *, at_most: int = FOLLOW_AT_ONCE) -> int:
    """Bring the view on by one batch; how many events that was.

    None also when another process is at it.
    """
    cursor = await connection.execute("SELECT ledger.follow_audit(%s)", (at_most,), prepare=True)
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def catch_up(connection: AsyncConnection) -> None:
    """Bring the view on before it is read, unless it is far behind or somebody is at it."""
    for _ in range(CATCH_UP_BATCHES):
        if not await follow_audit(connection):
            return


async def catch_up_wholly(reading: Reading) -> None:
    """Bring the view on to the present end of the log, however far that is.

    Raises:
        Unavailable: another process is at it and does not get on.
    """
    async with reading() as connection:
        end, standing = await head_position(connection), 0
        before = -1
        while (position := await audit_position(connection)) < end:
            standing = standing + 1 if position == before else 0
            if standing * _PAUSE_SECONDS > _STANDSTILL_SECONDS:
                raise Unavailable(
                    f"The audit view stands at position {position} of {end}; ask again later."
                )
            before = position
            if not await follow_audit(connection, at_most=_WHOLE_AT_ONCE):
                await asyncio.sleep(_PAUSE_SECONDS)


async def audit_position(connection: AsyncConnection) -> int:
    """The position up to which the view knows everything."""
    cursor = await connection.execute("SELECT position FROM ledger.followers WHERE view = 'audit'")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def find_events(
    connection: AsyncConnection, query: AuditQuery, *, decode: Decode
) -> list[Recorded]:
    """The events that match, at most `limit`, in the direction of the query."""
    stretch = await _stretch(connection, query)
    if stretch is None:
        return []
    # Planned for these very values: how rare they are is what the choice of an index rests on.
    cursor = await connection.execute(*page_statement(query, stretch), prepare=False)
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
    reading: Reading, query: AuditQuery, *, decode: Decode
) -> AsyncIterator[list[Recorded]]:
    """Every event that matches, in pages; a connection is held for a page only.

    What the view does not have is not among them: catch up wholly first.
    """
    while True:
        async with reading() as connection:
            page = await find_events(connection, replace(query, limit=EXPORT_PAGE), decode=decode)
        if page:
            yield page
        if len(page) < EXPORT_PAGE:
            return
        query = replace(query, after=page[-1].position)


async def _stretch(connection: AsyncConnection, query: AuditQuery) -> Stretch | None:
    """The part of the log that the query asks for; None where nothing was recorded so late."""
    stretch = Stretch()
    if query.starts is not None or query.ends is not None:
        cursor = await connection.execute(FIRST_SINCE, (query.starts, query.ends), prepare=True)
        first, beyond = await cursor.fetchone() or (None, None)
        if query.starts is not None and first is None:
            return None
        stretch = Stretch(after=first - 1 if first is not None else None, before=beyond)
    if query.newest_first:
        return stretch.narrowed(before=query.after)
    return stretch.narrowed(after=query.after)
