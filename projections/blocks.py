"""Blocks that an org's state has forgotten, looked up in the log."""

from collections.abc import Sequence

from psycopg import AsyncConnection

from domain.ids import OrgId, org_stream


async def blocks_raised(
    connection: AsyncConnection, org_id: OrgId, block_ids: Sequence[str]
) -> dict[str, int]:
    """Those of the blocks that ever stood in an org, with the org version that raised each."""
    cursor = await connection.execute(
        """SELECT body ->> 'block_id', version
             FROM ledger.events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb) AS b (body)
            WHERE stream = %s AND topic LIKE 'entitlements.AccessBlocked.%%'
              AND body ->> 'block_id' = ANY(%s)""",
        (org_stream(org_id), list(block_ids)),
    )
    return dict(await cursor.fetchall())
