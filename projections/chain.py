"""Reads the log for its verification: its end, its rows in order, and what stands elsewhere."""

import struct
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg import AsyncConnection

from domain.chain import GENESIS
from domain.entries import Entry, Page, Place
from domain.ids import OrgId, org_stream
from domain.instants import BEGINNING

# An instant that nothing can be recorded at is -1, which is before everything that is.
_END = """
    SELECT epoch, position, hash,
           CASE WHEN recorded_at BETWEEN '1970-01-01Z' AND '9999-12-31Z'
                THEN (extract(epoch FROM recorded_at) * 1000000)::bigint ELSE -1 END,
           (SELECT min(position) FROM ledger.events), (SELECT max(position) FROM ledger.events)
      FROM ledger.head
"""
# What somebody made nothing of is read as something that nothing was hashed from.
_ENTRIES = """
    SELECT position, coalesce(stream, ''), coalesce(version, 0), coalesce(event_id::text, ''),
           coalesce(topic, ''),
           CASE WHEN recorded_at BETWEEN '1970-01-01Z' AND '9999-12-31Z'
                THEN (extract(epoch FROM recorded_at) * 1000000)::bigint ELSE -1 END,
           coalesce(state, ''), coalesce(hash, '')
      FROM ledger.events WHERE position > %s AND position <= %s ORDER BY position
"""
_BETWEEN = "\x1f"
# Every name in it is PostgreSQL's own: it must not matter what somebody put into the database. The
# leaves are made below the window, which then has less to carry, of texts that are joined in pairs,
# which copies less. `textsend` writes the client's encoding, and an instant as floating point is
# exact until 2106: what is therefore not found right is hashed once more by the exact one above.
_SIFT = """
    SELECT count(*) = %(until)s::bigint - %(after)s::bigint AND bool_and((
               position = before + 1 AND micros >= earlier AND version > 0
               AND hash = sha256('\\x01'::bytea || previous || leaf)) IS TRUE),
           (SELECT hash FROM ledger.events WHERE position = %(until)s),
           max(micros), string_agg(stream, E'\\x1f'), string_agg(int8send(version), '')
      FROM (SELECT position, stream, version, micros, hash, leaf,
                   lag(position, 1, 0::bigint) OVER log AS before,
                   lag(micros, 1, 0::bigint) OVER log AS earlier,
                   lag(hash, 1, %(genesis)s::bytea) OVER log AS previous
              FROM (SELECT position, stream, version, micros, hash,
                           sha256('\\x00'::bytea || textsend(
                               (position || '|') || (stream || '|')
                               || ((version || '|') || (event_id || '|'))
                               || ((topic || '|') || (micros || '|'))) || state) AS leaf
                      FROM (SELECT *, CASE WHEN recorded_at BETWEEN '1970-01-01Z' AND '9999-12-31Z'
                                           THEN (date_part('epoch', recorded_at) * 1000000)::bigint
                                           ELSE -1 END AS micros
                              FROM ledger.events WHERE position BETWEEN %(after)s AND %(until)s
                             ORDER BY position OFFSET 0) AS timed
                    OFFSET 0) AS hashed
            WINDOW log AS (ORDER BY position)) AS linked
     WHERE position > %(after)s
"""
_STREAM = """
    SELECT p.hash, e.position, e.stream, e.version, coalesce(e.event_id::text, ''),
           coalesce(e.topic, ''),
           CASE WHEN e.recorded_at BETWEEN '1970-01-01Z' AND '9999-12-31Z'
                THEN (extract(epoch FROM e.recorded_at) * 1000000)::bigint ELSE -1 END,
           coalesce(e.state, ''), coalesce(e.hash, '')
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
    micros: int
    first: int | None
    last: int | None

    @property
    def recorded_at(self) -> datetime:
        """When the last event was recorded."""
        return BEGINNING + timedelta(microseconds=self.micros)


async def read_end(connection: AsyncConnection) -> End:
    """The end of the log as the head says it, and as the events say it, at one moment."""
    cursor = await connection.execute(_END, binary=True)
    row = await cursor.fetchone()
    assert row is not None
    return End(*row)


async def sift(connection: AsyncConnection, *, after: int, until: int) -> Page | None:
    """The events at the positions `(after, until]`, None unless the database finds them right.

    That is: each is there, its hash is that of its content and of the one before it, and its time
    is not earlier. It is for the caller to know that the one at `after` is right.
    """
    await connection.execute("SELECT set_config('search_path', 'pg_catalog', false)")
    values = {"after": after, "until": until, "genesis": GENESIS}
    cursor = await connection.execute(_SIFT, values, binary=True, prepare=True)
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return None
    _, last, micros, streams, versions = row
    named = streams.split(_BETWEEN)
    if len(named) != until - after:  # somebody put one there that holds what is between them
        return None
    return Page(until, last, micros, named, struct.unpack(f">{len(named)}q", versions))


async def entries(connection: AsyncConnection, *, after: int, until: int) -> list[Entry]:
    """The events at the positions `(after, until]`, in order."""
    cursor = await connection.execute(_ENTRIES, (after, until), binary=True, prepare=True)
    return [Entry(*row) for row in await cursor.fetchall()]


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


async def without_predecessor(connection: AsyncConnection, unsure: Sequence[Place]) -> set[int]:
    """The positions of those events that do not follow the version before theirs."""
    positions, streams, versions = (list(column) for column in zip(*unsure, strict=True))
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
