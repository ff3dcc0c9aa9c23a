"""Which commands the ledger has carried out."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOut:
    """What is kept of a command; `first_position` is None where it changed nothing."""

    fingerprint: bytes | None
    version: int
    first_position: int | None
    response: bytes | None


async def carried_out(
    connection: AsyncConnection, command_ids: Sequence[UUID]
) -> dict[UUID, CarriedOut]:
    """Those of these commands that were carried out."""
    cursor = await connection.execute(
        "SELECT command_id, fingerprint, version, first_position, response FROM ledger.commands"
        " WHERE command_id = ANY(%s)",
        (list(command_ids),),
        prepare=True,
    )
    return {
        command_id: CarriedOut(
            fingerprint=fingerprint,
            version=version,
            first_position=first_position,
            response=response,
        )
        for command_id, fingerprint, version, first_position, response in await cursor.fetchall()
    }


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
