"""How far the relay to Kafka has come, whoever has it, and how far that is behind the log."""

from typing import NamedTuple

from psycopg import AsyncConnection

_RELAYED = """
    SELECT r.position, h.position - r.position,
           coalesce(extract(epoch FROM greatest(clock_timestamp() - e.recorded_at, '0')), 0)
               ::float8,
           r.held_until > clock_timestamp(), r.republished IS NOT NULL
      FROM ledger.head h CROSS JOIN ledger.relay r
      LEFT JOIN ledger.events e ON e.position = r.position + 1
"""


class Relayed(NamedTuple):
    """The relay's cursor; `lag_seconds` is the age of the first event that is not published yet.

    `held` tells whether a relay is running somewhere, `republishing` whether every org is being
    published again.
    """

    position: int
    lag_events: int
    lag_seconds: float
    held: bool
    republishing: bool


async def relayed(connection: AsyncConnection) -> Relayed | None:
    """The cursor; None where no relay ever ran."""
    cursor = await connection.execute(_RELAYED)
    row = await cursor.fetchone()
    return Relayed(*row) if row else None
