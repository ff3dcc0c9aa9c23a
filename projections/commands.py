"""Which commands the ledger has carried out."""

from collections.abc import Sequence
from uuid import UUID

from psycopg import AsyncConnection


async def fingerprints(
    connection: AsyncConnection, command_ids: Sequence[UUID]
) -> dict[UUID, bytes | None]:
    """The fingerprint of each of these commands that was carried out; the others are left out."""
    cursor = await connection.execute(
        "SELECT command_id, fingerprint FROM ledger.commands WHERE command_id = ANY(%s)",
        (list(command_ids),),
        prepare=True,
    )
    return dict(await cursor.fetchall())
