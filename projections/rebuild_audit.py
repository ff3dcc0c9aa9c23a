"""Rebuilds the audit view from the log: dropped, and made again in batches to the same rows.

While it runs the view is short, and says how far it reaches; a process that follows it helps.
"""

import asyncio
from collections.abc import Callable

from psycopg import AsyncConnection

from projections.audit import audit_position, follow_audit
from projections.status import head_position

_AT_ONCE = 5_000  # events in one transaction: more is no quicker, and holds the cursor longer
_PAUSE_SECONDS = 0.05

_DIFFERING = """
    WITH log AS MATERIALIZED (
        SELECT r.* FROM ledger.followers, ledger.audit_rows(0, position) AS r WHERE view = 'audit'
    )
    SELECT count(DISTINCT position) FROM (
        (TABLE log EXCEPT ALL TABLE ledger.audit_entries) UNION ALL
        (TABLE ledger.audit_entries EXCEPT ALL TABLE log)) AS differing
"""


async def rebuild_audit(
    connection: AsyncConnection, *, told: Callable[[int], None] = lambda position: None
) -> int:
    """Make the view again, up to the present end of the log; how many events that were.

    Args:
        told: hears each position that was reached.
    """
    end = await head_position(connection)
    await connection.execute("SELECT ledger.reset_audit()")
    while (position := await audit_position(connection)) < end:
        told(position)
        if not await follow_audit(connection, at_most=_AT_ONCE):
            await asyncio.sleep(_PAUSE_SECONDS)  # whoever is at it brings it on, too
    await connection.execute("SELECT ledger.analyse_audit()")
    told(end)
    return end


async def differing_in_audit(connection: AsyncConnection) -> int:
    """How many events the view has otherwise than the log, as far as it has come."""
    cursor = await connection.execute(_DIFFERING)
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
