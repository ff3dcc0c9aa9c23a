"""Reads the log for its verification: its end, its rows in order, and what stands elsewhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, cast

from psycopg import AsyncConnection

from domain.chain import GENESIS, Entry
from domain.ids import OrgId, org_stream

_END = """
    SELECT epoch, position, hash, recorded_at,
           (extract(epoch FROM recorded_at) * 1000000)::bigint,
           (SELECT min(position) FROM ledger.events), (SELECT max(position) FROM ledger.events)
      FROM ledger.head
"""
_PAGE = """
    SELECT position, stream, version, event_id::text, topic,
           (extract(epoch FROM recorded_at) * 1000000)::bigint, state, hash
      FROM ledger.events WHERE position > %s AND position <= %s ORDER BY position
"""
_STREAM = """
    SELECT p.hash, e.position, e.stream, e.version, e.event_id::text, e.topic,
           (extract(epoch FROM e.recorded_at) * 1000000)::bigint, e.state, e.hash
      FROM ledger.events e
      LEFT JOIN ledger.events p ON p.position = e.position - 1
     WHERE e.stream = %s AND e.version > %s ORDER BY e.version LIMIT %s
"""
_WITHOUT_PREDECESSOR = """
    SELECT u.position FROM unnest(%b::bigint[], %t::text[], %b::bigint[])
           AS u (position, stream, version)
     WHERE NOT EXISTS (SELECT FROM ledger.events p WHERE p.stream = u.stream
                          AND p.version = u.version - 1 AND p.position < u.position)
"""
_MOVED = """
    SELECT e.position FROM ledger.events e
     WHERE e.position > %(position)s AND e.position <= %(until)s
       AND e.hash = ledger.chain_hash(%(previous)s, ledger.leaf_hash(%(position)s, e.stream,
               e.version, e.event_id, e.topic, e.recorded_at, e.state))
     ORDER BY e.position LIMIT 1
"""


class End(NamedTuple):
    """The head row, and the first and the last position there is; None where there is no event."""

    epoch: int
    position: int
    hash: bytes
    recorded_at: datetime
    micros: int
    first: int | None
    last: int | None


async def read_end(connection: AsyncConnection) -> End:
    """The end of the log as the head says it, and as the events say it, at one moment."""
    cursor = await connection.execute(_END, binary=True)
    row = await cursor.fetchone()
    assert row is not None
    return End(*row)


async def entries(connection: AsyncConnection, *, after: int, until: int) -> list[Entry]:
    """The events at the positions `(after, until]`, in order."""
    cursor = await connection.execute(_PAGE, (after, until), binary=True, prepare=True)
    return cast(list[Entry], await cursor.fetchall())  # as tuples: naming them costs a third


async def org_entries(
    connection: AsyncConnection, org: OrgId, *, after: int, limit: int
) -> list[tuple[bytes | None, Entry]]:
    """The events of an org from version `after` on, each with the hash before it in the log."""
    values = (org_stream(org), after, limit)
    cursor = await connection.execute(_STREAM, values, binary=True)
    return [
        (GENESIS if row[1] == 1 else row[0], Entry(*row[1:])) for row in await cursor.fetchall()
    ]


async def org_view(connection: AsyncConnection, org: OrgId) -> tuple[int, int] | None:
    """The version and the position that the inline view has of an org."""
    cursor = await connection.execute(
        "SELECT org_version, position FROM ledger.current_entitlements WHERE org = %s", (org,)
    )
    row = await cursor.fetchone()
    return (row[0], row[1]) if row else None


async def without_predecessor(connection: AsyncConnection, unsure: Sequence[Entry]) -> set[int]:
    """The positions of those events that do not follow the version before theirs."""
    positions, streams, versions = (list(column) for column in list(zip(*unsure, strict=True))[:3])
    cursor = await connection.execute(_WITHOUT_PREDECESSOR, (positions, streams, versions))
    return {row[0] for row in await cursor.fetchall()}


async def moved_to(
    connection: AsyncConnection, position: int, *, previous: bytes, until: int
) -> int | None:
    """Where the event stands, up to `until`, whose hash was right at `position`."""
    values = {"position": position, "previous": previous, "until": until}
    cursor = await connection.execute(_MOVED, values)
    row = await cursor.fetchone()
    return row[0] if row else None


async def hashes_at(connection: AsyncConnection, positions: Sequence[int]) -> dict[int, bytes]:
    """The hash that stands at each of these positions; none for those without an event."""
    cursor = await connection.execute(
        "SELECT position, hash FROM ledger.events WHERE position = ANY(%s)",
        (list(positions),),
        binary=True,
    )
    return {0: GENESIS, **dict(await cursor.fetchall())}
